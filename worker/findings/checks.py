"""Whether contours and numbers can be those of a living heart.

What no heart has raises ``ModelError`` and nothing is reported; what a reader must know becomes a
``QualityNote``. The limits are wide on purpose: disease is not implausible.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from plugin.domain.findings import Measurement, QualityNote
from worker.findings.cycle import CardiacCycle
from worker.findings.definitions import DEFINITIONS
from worker.findings.normal_ranges import is_adult, is_covered_field
from worker.findings.volumes import (
    LV_CAVITY,
    DiscVolumes,
    LabelArray,
    ejection_fraction_percent,
)
from worker.volume.types import CineStack, PatientContext

_MINIMUM_LV_SLICES = 3
_FEW_LV_SLICES = 5
_MINIMUM_EDV_ML = 5.0
_HARD_KEYS = ("lv_end_diastolic_volume", "lv_ejection_fraction", "lv_mass")
_HARD_MASS_RATIO = (0.5, 2.0)
_SOFT_MASS_RATIO = (0.7, 1.45)  # experts' contours of 100 ACDC patients: 0.9 to 1.4
_CUT_BASE_SHARE = 0.5
_CUT_APEX_SHARE = 0.25
_STROKE_MISMATCH_SHARE = 0.35
_STROKE_MISMATCH_ML = 20.0
_LOW_CONFIDENCE = 0.8
_COMPUTED_FROM = {
    "cardiac_output": ("lv_stroke_volume", "heart_rate"),
    "cardiac_index": ("cardiac_output",),
    "wall_thickening_ratio": ("wall_thickness_ed", "wall_thickness_es"),
    "wall_thickening": ("wall_thickness_ed", "wall_thickness_es"),
    "wall_motion_score": ("wall_thickening", "inward_motion"),
    "lv_peak_ejection_rate_per_volume": ("lv_peak_ejection_rate",),
    "lv_peak_filling_rate_per_volume": ("lv_peak_filling_rate",),
    "lv_time_to_peak_filling": ("lv_peak_filling_rate",),
}

Float32Array = npt.NDArray[np.float32]


def require_heart(labels: LabelArray, volumes: DiscVolumes, ed_phase: int) -> None:
    """Refuse labels without a left ventricle.

    Raises
    ------
    ModelError
        ``HEART_NOT_FOUND``: at end-diastole fewer than three slices show an LV cavity, or it holds
        less than 5 ml, or there is no myocardium.
    """
    n_slices = int(np.count_nonzero((labels[ed_phase] == LV_CAVITY).any(axis=(1, 2))))
    small = volumes.lv_ml[ed_phase] < _MINIMUM_EDV_ML or volumes.myocardium_ml[ed_phase] <= 0.0
    if n_slices < _MINIMUM_LV_SLICES or small:
        raise ModelError(Reason.HEART_NOT_FOUND, f"left ventricle in {n_slices} slices")


def require_plausible(values: dict[str, float], volumes: DiscVolumes, cycle: CardiacCycle) -> None:
    """Refuse left-ventricular numbers that no heart has.

    Raises
    ------
    ModelError
        ``IMPLAUSIBLE_MEASUREMENT``, naming the measurement, its value and the limits.
    """
    for key in _HARD_KEYS:
        definition, value = DEFINITIONS[key], values[key]
        low, high = definition.plausible
        if not definition.is_plausible(value):
            detail = f"{definition.name} {value:.0f} {definition.unit}, limits {low:g} to {high:g}"
            raise ModelError(Reason.IMPLAUSIBLE_MEASUREMENT, detail)
    ratio = _mass_ratio(volumes, cycle)
    if not _HARD_MASS_RATIO[0] <= ratio <= _HARD_MASS_RATIO[1]:
        detail = f"myocardium at end-systole is {ratio:.2f} of that at end-diastole"
        raise ModelError(Reason.IMPLAUSIBLE_MEASUREMENT, detail)


def right_ventricle_usable(volumes: DiscVolumes, cycle: CardiacCycle) -> bool:
    """Tell whether the RV contours may be reported at all."""
    filled, emptied = float(volumes.rv_ml[cycle.ed_phase]), float(volumes.rv_ml[cycle.es_phase])
    if not DEFINITIONS["rv_end_diastolic_volume"].is_plausible(filled):
        return False
    fraction = ejection_fraction_percent(filled, emptied)
    return DEFINITIONS["rv_ejection_fraction"].is_plausible(fraction)


def without_implausible(
    measurements: Sequence[Measurement],
) -> tuple[tuple[Measurement, ...], tuple[QualityNote, ...]]:
    """Leave out values that no heart has, and what was computed from them; a note names them.

    Parameters
    ----------
    measurements
        In the order of ``DEFINITIONS``: what a value is computed from comes before it.
    """
    kept: list[Measurement] = []
    left_out: dict[tuple[str, int | None], str] = {}
    for one in measurements:
        bases = _COMPUTED_FROM.get(one.key, (one.key.removesuffix("_index"),))
        is_sound = DEFINITIONS[one.key].is_plausible(one.value)
        if is_sound and not any((base, one.segment) in left_out for base in bases):
            kept.append(one)
        else:
            left_out[one.key, one.segment] = one.name
    if not left_out:
        return tuple(kept), ()
    sentence = f"Not reported, because no heart has such values: {', '.join(left_out.values())}."
    return tuple(kept), (QualityNote("implausible_value", sentence),)


def _mass_ratio(volumes: DiscVolumes, cycle: CardiacCycle) -> float:
    return float(volumes.myocardium_ml[cycle.es_phase] / volumes.myocardium_ml[cycle.ed_phase])


def _coverage_notes(labels: LabelArray) -> Iterator[QualityNote]:
    """Whether the stack reaches beyond base and apex, on end-diastolic ``[slice, row, column]``."""
    areas = np.count_nonzero(labels == LV_CAVITY, axis=(1, 2))
    n_slices, largest = int(np.count_nonzero(areas)), float(areas.max())
    if n_slices < _FEW_LV_SLICES:
        yield QualityNote(
            "few_slices",
            f"Only {n_slices} slices show the left ventricle; volumes are less certain.",
        )
    if areas[0] > _CUT_BASE_SHARE * largest:
        yield QualityNote(
            "base_at_edge",
            "The first slice shows a large LV cavity: the images do not tell whether the stack "
            "reaches the base; if it does not, volumes are underestimated.",
        )
    if areas[-1] > _CUT_APEX_SHARE * largest:
        yield QualityNote(
            "apex_not_covered",
            "The last slice still shows a large LV cavity: the stack does not reach the apex, and "
            "volumes are underestimated.",
        )


def _contour_notes(
    values: dict[str, float], volumes: DiscVolumes, cycle: CardiacCycle
) -> Iterator[QualityNote]:
    ratio = _mass_ratio(volumes, cycle)
    if not _SOFT_MASS_RATIO[0] <= ratio <= _SOFT_MASS_RATIO[1]:
        yield QualityNote(
            "mass_mismatch",
            f"The myocardium contoured at end-systole is {100.0 * ratio:.0f} % of that at "
            "end-diastole; it should be about the same. Check the contours.",
        )
    if "rv_stroke_volume" not in values:
        yield QualityNote(
            "right_ventricle_not_reported",
            "The contours of the right ventricle give values that no heart has; they are not "
            "reported. Measure by hand.",
        )
        return
    left, right = values["lv_stroke_volume"], values["rv_stroke_volume"]
    difference, mean = abs(left - right), (left + right) / 2.0
    if difference > _STROKE_MISMATCH_ML and difference > _STROKE_MISMATCH_SHARE * mean:
        yield QualityNote(
            "stroke_volume_mismatch",
            f"Stroke volumes differ: left {left:.0f} ml, right {right:.0f} ml. Either a contour is "
            "wrong, or there is valve regurgitation or a shunt; neither was assessed.",
        )


def _input_notes(
    stack: CineStack, patient: PatientContext, values: dict[str, float]
) -> Iterator[QualityNote]:
    yield from (QualityNote(note.key, note.sentence) for note in stack.notes)
    if "heart_rate" not in values:
        yield QualityNote(
            "no_heart_rate", "The images do not tell the RR interval; no cardiac output is given."
        )
    if "lv_end_diastolic_volume_index" not in values:
        yield QualityNote(
            "no_body_size",
            "Height or weight is missing or impossible in the images; nothing is indexed to body "
            "surface area.",
        )
    if patient.sex is None:
        yield QualityNote(
            "sex_unknown", "Sex is not known; reference ranges of men and women are both shown."
        )
    if patient.age_years is None:
        yield QualityNote("age_unknown", "Age is not known; reference ranges of adults are shown.")
    elif not is_adult(patient.age_years):
        yield QualityNote(
            "under_18",
            "The patient is under 18: values are given without reference ranges and grades.",
        )
    if not is_covered_field(patient.field_strength_t):
        yield QualityNote(
            "other_field_strength",
            f"The images were made at {patient.field_strength_t:g} T; the reference ranges hold "
            "for 1.5 T and 3 T and are not shown.",
        )


def quality_notes(
    stack: CineStack,
    labels: LabelArray,
    confidence: Float32Array,
    volumes: DiscVolumes,
    cycle: CardiacCycle,
    values: dict[str, float],
    patient: PatientContext,
) -> tuple[QualityNote, ...]:
    """Everything a reader must know about input and contours."""
    notes = [*_input_notes(stack, patient, values), *_coverage_notes(labels[cycle.ed_phase])]
    notes += _contour_notes(values, volumes, cycle)
    if cycle.outlier_phases:
        phases = ", ".join(str(phase + 1) for phase in cycle.outlier_phases)
        notes.append(
            QualityNote(
                "phase_outlier",
                f"The LV volume jumps in phase {phases}; not used for end-diastole or end-systole.",
            )
        )
    with_left = (labels == LV_CAVITY).any(axis=(2, 3))
    used = [cycle.ed_phase, cycle.es_phase]
    mean = float(confidence[used][with_left[used]].mean())
    if mean < _LOW_CONFIDENCE:
        notes.append(
            QualityNote(
                "low_confidence",
                f"The network is unsure of the contours (mean confidence {mean:.2f}). Check them.",
            )
        )
    return tuple(notes)
