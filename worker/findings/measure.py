"""From contours to ``Measurement`` objects: values, intervals, reference ranges.

Knows how the measurements follow from one another. Does not judge them (``rules``, ``checks``).
"""

from collections.abc import Mapping, Sequence
from math import hypot

from plugin.domain.findings import Measurement
from worker.findings.cycle import CardiacCycle
from worker.findings.definitions import DEFINITIONS, SEGMENT_NAMES, SEGMENT_SITES
from worker.findings.normal_ranges import normal_ranges
from worker.findings.rates import PeakRates
from worker.findings.uncertainty import Z_90_PERCENT, StandardError, interval_90, standard_error
from worker.findings.volumes import (
    DiscVolumes,
    body_surface_area_m2,
    ejection_fraction_percent,
    heart_rate_per_min,
    mass_g,
)
from worker.findings.wall_motion import PeakTimes, WallMotion, score_index
from worker.volume.types import PatientContext

_INDEXED = (
    "lv_end_diastolic_volume",
    "lv_end_systolic_volume",
    "lv_stroke_volume",
    "lv_mass",
    "rv_end_diastolic_volume",
    "rv_end_systolic_volume",
    "rv_stroke_volume",
)


def _ventricle_values(
    side: str, end_diastolic_ml: float, end_systolic_ml: float
) -> dict[str, float]:
    return {
        f"{side}_end_diastolic_volume": end_diastolic_ml,
        f"{side}_end_systolic_volume": end_systolic_ml,
        f"{side}_stroke_volume": end_diastolic_ml - end_systolic_ml,
        f"{side}_ejection_fraction": ejection_fraction_percent(end_diastolic_ml, end_systolic_ml),
    }


def global_values(
    volumes: DiscVolumes,
    cycle: CardiacCycle,
    rr_interval_ms: float | None,
    patient: PatientContext,
    *,
    with_right: bool = True,
) -> dict[str, float]:
    """Values of the whole heart by key, in the units of ``DEFINITIONS``.

    What cannot be known (no heart rate, no body size, no usable RV) is absent, never guessed.
    """
    ed, es = cycle.ed_phase, cycle.es_phase
    values = _ventricle_values("lv", float(volumes.lv_ml[ed]), float(volumes.lv_ml[es]))
    values["lv_mass"] = mass_g(float(volumes.myocardium_ml[ed]))
    if with_right:
        values |= _ventricle_values("rv", float(volumes.rv_ml[ed]), float(volumes.rv_ml[es]))
    rate = heart_rate_per_min(rr_interval_ms)
    if rate is not None:
        values["heart_rate"] = rate
        values["cardiac_output"] = values["lv_stroke_volume"] * rate / 1000.0
    bsa_m2 = body_surface_area_m2(patient.height_cm, patient.weight_kg)
    if bsa_m2 is not None:
        values |= {f"{key}_index": values[key] / bsa_m2 for key in _INDEXED if key in values}
        if "cardiac_output" in values:
            values["cardiac_index"] = values["cardiac_output"] / bsa_m2
    return values


def rate_values(
    left: PeakRates, right: PeakRates | None, end_diastolic_ml: float
) -> dict[str, float]:
    """Peak rates of the ventricles by key; of the right one only where it is measured."""
    values = {
        "lv_peak_ejection_rate": left.ejection_ml_per_s,
        "lv_peak_filling_rate": left.filling_ml_per_s,
        "lv_peak_ejection_rate_per_volume": left.ejection_ml_per_s / end_diastolic_ml,
        "lv_peak_filling_rate_per_volume": left.filling_ml_per_s / end_diastolic_ml,
        "lv_time_to_peak_filling": left.filling_after_ms,
    }
    if right is not None:
        values["rv_peak_ejection_rate"] = right.ejection_ml_per_s
        values["rv_peak_filling_rate"] = right.filling_ml_per_s
    return values


def segment_summary_values(
    grades: Mapping[int, WallMotion], peaks: PeakTimes | None
) -> dict[str, float]:
    """Values of the whole wall that are made from those of its segments, by key."""
    found = {
        "wall_motion_score_index": score_index(grades.values()),
        "thickening_dyssynchrony": None if peaks is None else peaks.dyssynchrony_percent,
    }
    return {key: value for key, value in found.items() if value is not None}


def global_measurements(
    values: Mapping[str, float], patient: PatientContext, errors: Mapping[str, StandardError]
) -> tuple[Measurement, ...]:
    """Measurements of the whole heart, in the order of ``DEFINITIONS``."""
    return tuple(
        Measurement(
            key=key,
            name=definition.name,
            value=values[key],
            unit=definition.unit,
            code=definition.code,
            definition=definition.definition,
            finding_site=definition.site,
            interval=interval_90(values[key], standard_error(key, values, errors)),
            normal_ranges=normal_ranges(
                key, patient.sex, patient.age_years, patient.field_strength_t
            ),
            phase=definition.phase,
            method=definition.method,
        )
        for key, definition in DEFINITIONS.items()
        if key in values
    )


def thickness_measurements(
    relaxed_mm: Mapping[int, float],
    contracted_mm: Mapping[int, float],
    errors: Mapping[str, StandardError],
) -> tuple[Measurement, ...]:
    """Wall thickness at end-diastole and end-systole by AHA segment, and their ratio.

    The errors of the two thicknesses count as independent in that of the ratio.
    """
    relaxed_error = _errors_by_segment("wall_thickness_ed", relaxed_mm, errors)
    contracted_error = _errors_by_segment("wall_thickness_es", contracted_mm, errors)
    ratio = {
        n: contracted_mm[n] / relaxed_mm[n]
        for n in relaxed_mm
        if n in contracted_mm and relaxed_mm[n] > 0.0
    }
    ratio_error = {
        n: hypot(contracted_error[n], value * relaxed_error[n]) / relaxed_mm[n]
        for n, value in ratio.items()
        if n in relaxed_error and n in contracted_error
    }
    return (
        *_segment_measurements("wall_thickness_ed", relaxed_mm, relaxed_error),
        *_segment_measurements("wall_thickness_es", contracted_mm, contracted_error),
        *_segment_measurements("wall_thickening_ratio", ratio, ratio_error),
    )


def motion_measurements(
    thickening_percent: Mapping[int, float],
    inward_mm: Mapping[int, float],
    grades: Mapping[int, WallMotion],
    peaks: PeakTimes | None,
    ratios: Sequence[Measurement],
) -> tuple[Measurement, ...]:
    """Thickening, inward motion, time to peak and score by AHA segment.

    Parameters
    ----------
    ratios
        Measurements of ``wall_thickening_ratio``: the thickening is as uncertain as they are. For
        the rest no error against experts is known, and no interval is given.
    """
    errors = {
        one.segment: 100.0 * (one.interval[1] - one.value) / Z_90_PERCENT
        for one in ratios
        if one.segment is not None and one.interval is not None
    }
    scores = {n: float(score) for n, score in grades.items()}
    return (
        *_segment_measurements("wall_thickening", thickening_percent, errors, signed=True),
        *_segment_measurements("inward_motion", inward_mm, {}),
        *_segment_measurements("time_to_peak_thickening", peaks.at_ms if peaks else {}, {}),
        *_segment_measurements("wall_motion_score", scores, {}),
    )


def _errors_by_segment(
    key: str, by_segment: Mapping[int, float], errors: Mapping[str, StandardError]
) -> dict[int, float]:
    return {n: errors[key].of(value) for n, value in by_segment.items()} if key in errors else {}


def _segment_measurements(
    key: str, by_segment: Mapping[int, float], errors: Mapping[int, float], *, signed: bool = False
) -> tuple[Measurement, ...]:
    """Measurements of AHA segments, in the order of their numbers, with standard errors."""
    definition = DEFINITIONS[key]
    return tuple(
        Measurement(
            key=key,
            name=f"{definition.name}, {SEGMENT_NAMES[segment]} segment",
            value=value,
            unit=definition.unit,
            code=definition.code,
            definition=definition.definition,
            finding_site=SEGMENT_SITES[segment],
            interval=interval_90(value, errors.get(segment), signed=signed),
            segment=segment,
            phase=definition.phase,
        )
        for segment, value in sorted(by_segment.items())
    )
