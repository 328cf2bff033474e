"""How far a measurement may be from the value that an expert's contours would give.

A table of standard errors with their sources, and the propagation to derived values. Does not look
at the images: an unusual study can be worse than the table, which is why quality notes exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

from worker.bundle.manifest import Evaluation, Manifest

Z_90_PERCENT = 1.645
"""Half-width of a central 90 % interval of the normal distribution, in standard errors."""


@dataclass(frozen=True, slots=True)
class StandardError:
    """Standard error as a fixed part (in the unit) and a share of the value, and its source."""

    fixed: float
    share: float
    source: str

    def of(self, value: float) -> float:
        """Return the standard error of ``value``, in its unit."""
        return hypot(self.fixed, self.share * value)


_VALIDATION = (
    "bundle acdc-unet 1.3.0, 20 ACDC patients it never saw: root of the mean squared difference to "
    "the experts' value, bias included"
)
_GROTHUES_2004 = "Grothues F et al., Am Heart J 2004;147:218-223 (human interstudy variability)"

STANDARD_ERRORS: dict[str, StandardError] = {
    "lv_ejection_fraction": StandardError(3.1, 0.0, _VALIDATION),
    "lv_end_diastolic_volume": StandardError(
        0.0, 0.062, f"{_GROTHUES_2004}: RV 6.2 %, LV not worse"
    ),
    "lv_end_systolic_volume": StandardError(5.7, 0.0, _VALIDATION),
    "lv_mass": StandardError(9.5, 0.0, _VALIDATION),
    "rv_ejection_fraction": StandardError(5.8, 0.0, _VALIDATION),
    "rv_end_diastolic_volume": StandardError(0.0, 0.078, f"{_GROTHUES_2004}: up to 7.8 %"),
    "rv_end_systolic_volume": StandardError(11.4, 0.0, _VALIDATION),
    "maximal_wall_thickness": StandardError(1.4, 0.0, _VALIDATION),
    "wall_thickness_ed": StandardError(1.0, 0.0, _VALIDATION),
    "wall_thickness_es": StandardError(1.5, 0.0, _VALIDATION),
}
"""By measurement key, for the bundle that is the default; `errors_of` gives those of another."""

_MEASURED_AS = {
    "lv_ejection_fraction": "lvef_percent",
    "lv_end_diastolic_volume": "lvedv_ml",
    "lv_end_systolic_volume": "lvesv_ml",
    "lv_mass": "lv_mass_g",
    "rv_ejection_fraction": "rvef_percent",
    "rv_end_diastolic_volume": "rvedv_ml",
    "rv_end_systolic_volume": "rvesv_ml",
    "maximal_wall_thickness": "maximal_wall_thickness",
    "wall_thickness_ed": "wall_thickness_ed",
    "wall_thickness_es": "wall_thickness_es",
}
"""What an evaluation calls these measurements (`cmr-triage evaluate`)."""
_USUAL_ML = 150.0


def errors_of(manifest: Manifest) -> Mapping[str, StandardError]:
    """Return the errors that a bundle was measured to make, or those of the default one.

    The root mean square error of the evaluation, rounded to a tenth. Where the table states a share
    of the value (how far two examinations of one person differ), the share stays unless the
    bundle's own error is larger than it is at a usual volume. A bundle that was never measured has
    the errors of the default one: nothing better is known.
    """
    if manifest.evaluation is None:
        return STANDARD_ERRORS
    measured = _root_mean_squares(manifest.evaluation)
    source = f"bundle {manifest.name} {manifest.version}, {manifest.evaluation.data}"
    own = {
        key: StandardError(round(measured[name], 1), 0.0, source)
        for key, name in _MEASURED_AS.items()
        if name in measured and measured[name] > STANDARD_ERRORS[key].share * _USUAL_ML
    }
    return {**STANDARD_ERRORS, **own}


def _root_mean_squares(evaluation: Evaluation) -> Mapping[str, float]:
    ending = " root mean square error"
    return {
        row.measure.removesuffix(ending): row.value
        for row in evaluation.rows
        if row.measure.endswith(ending)
    }


def standard_error(
    key: str, values: Mapping[str, float], errors: Mapping[str, StandardError] = STANDARD_ERRORS
) -> float | None:
    """Return the standard error of a measurement, or None where nothing is known.

    A stroke volume takes the errors of its end-diastolic volume and ejection fraction as
    independent; cardiac output that of the stroke volume; the RR interval counts as exact.
    """
    if key in errors:
        return errors[key].of(values[key])
    if key in ("lv_stroke_volume", "rv_stroke_volume"):
        side = key[:2]
        volume, fraction = f"{side}_end_diastolic_volume", f"{side}_ejection_fraction"
        from_volume = errors[volume].of(values[volume]) * values[fraction] / 100.0
        from_fraction = errors[fraction].of(values[fraction]) * values[volume] / 100.0
        return hypot(from_volume, from_fraction)
    if key == "cardiac_output":
        stroke = standard_error("lv_stroke_volume", values, errors)
        return None if stroke is None else stroke * values["heart_rate"] / 1000.0
    if key == "cardiac_index" and values["cardiac_output"] > 0.0:
        return _scaled("cardiac_output", key, values, errors)
    if key.endswith("_index") and key.removesuffix("_index") in values:
        return _scaled(key.removesuffix("_index"), key, values, errors)
    return None


def _scaled(
    base: str, key: str, values: Mapping[str, float], errors: Mapping[str, StandardError]
) -> float | None:
    error = standard_error(base, values, errors)
    return None if error is None else error * values[key] / values[base]


def interval_90(
    value: float, error: float | None, *, signed: bool = False
) -> tuple[float, float] | None:
    """Central 90 % interval; not below zero unless the quantity may be (``signed``)."""
    if error is None:
        return None
    low = value - Z_90_PERCENT * error
    return low if signed else max(low, 0.0), value + Z_90_PERCENT * error
