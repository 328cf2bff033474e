"""The one entry: contours and patient in, everything that is stated out.

Knows the order of the steps only.
"""

from collections.abc import Mapping
from dataclasses import replace

from plugin.domain.findings import (
    Assessment,
    PatternEstimate,
    QualityNote,
    VolumeCurve,
)
from worker.findings.checks import (
    quality_notes,
    require_heart,
    require_plausible,
    right_ventricle_usable,
    without_implausible,
)
from worker.findings.conclude import conclude
from worker.findings.cycle import find_cycle
from worker.findings.measure import global_measurements, global_values
from worker.findings.motion import find_beat, measure_rates, measure_segments
from worker.findings.normal_ranges import is_adult
from worker.findings.pattern import PatternTable, estimate_pattern
from worker.findings.pattern_features import pattern_features
from worker.findings.segments import maximal_thickness_mm, phase_walls
from worker.findings.uncertainty import STANDARD_ERRORS, StandardError
from worker.findings.volumes import (
    DiscVolumes,
    LabelArray,
    body_surface_area_m2,
    disc_volumes_ml,
)
from worker.model.types import Segmentation
from worker.volume.types import CineStack, PatientContext


def _curve(stack: CineStack, volumes: DiscVolumes) -> VolumeCurve:
    return VolumeCurve(
        tuple(float(time) for time in stack.trigger_times_ms),
        tuple(float(volume) for volume in volumes.lv_ml),
        tuple(float(volume) for volume in volumes.rv_ml),
    )


def _pattern(
    table: PatternTable | None,
    shown: LabelArray,
    stack: CineStack,
    patient: PatientContext,
    *,
    with_right: bool,
) -> tuple[PatternEstimate | None, tuple[QualityNote, ...]]:
    """Estimate what the pattern resembles, or note what it would need; children are not compared.

    Parameters
    ----------
    shown
        ``[2, slice, row, column]`` labels at end-diastole and end-systole.
    """
    if table is None or not is_adult(patient.age_years):
        return None, ()
    bsa_m2 = body_surface_area_m2(patient.height_cm, patient.weight_kg)
    if bsa_m2 is None:
        sentence = (
            "Which group of patients the pattern resembles is not given: "
            "height or weight is missing."
        )
        return None, (QualityNote("pattern_without_size", sentence),)
    if not with_right:
        sentence = (
            "Which group of patients the pattern resembles is not given: "
            "the right ventricle was not measured."
        )
        return None, (QualityNote("pattern_without_right", sentence),)
    features = pattern_features(shown, stack, bsa_m2)
    if not features:
        sentence = (
            "Which group of patients the pattern resembles is not given: "
            "the contours show too little of the wall."
        )
        return None, (QualityNote("pattern_without_wall", sentence),)
    return estimate_pattern(table, features), ()


def assess(
    stack: CineStack,
    segmentation: Segmentation,
    patient: PatientContext,
    *,
    standard_errors: Mapping[str, StandardError] = STANDARD_ERRORS,
    pattern_table: PatternTable | None = None,
) -> Assessment:
    """Measure, check, judge and word one study.

    Parameters
    ----------
    pattern_table
        Of the bundle that contoured the study; without one nothing is said of groups of patients.

    Raises
    ------
    ModelError
        ``HEART_NOT_FOUND`` or ``IMPLAUSIBLE_MEASUREMENT``: the contours cannot be reported.
    """
    labels = segmentation.labels
    volumes = disc_volumes_ml(labels, stack)
    cycle = find_cycle(volumes.lv_ml, stack.trigger_times_ms, stack.rr_interval_ms)
    require_heart(labels, volumes, cycle.ed_phase)
    with_right = right_ventricle_usable(volumes, cycle)
    values = global_values(volumes, cycle, stack.rr_interval_ms, patient, with_right=with_right)
    require_plausible(values, volumes, cycle)
    walls = phase_walls(labels[cycle.ed_phase], stack)
    maximal = maximal_thickness_mm(walls)
    if maximal is not None:
        values["maximal_wall_thickness"] = maximal
    beat, beat_notes = find_beat(stack, cycle)
    segments = measure_segments(labels, stack, cycle, walls, beat, standard_errors)
    values |= {
        **measure_rates(labels, stack, volumes, cycle, beat, with_right=with_right),
        **segments.values,
    }
    measurements, odd_notes = without_implausible(
        (*global_measurements(values, patient, standard_errors), *segments.measurements)
    )
    moments = [cycle.ed_phase, cycle.es_phase]
    pattern, pattern_notes = _pattern(
        pattern_table, labels[moments], stack, patient, with_right=with_right
    )
    quality = (
        *quality_notes(stack, labels, segmentation.confidence, volumes, cycle, values, patient),
        *beat_notes,
        *segments.quality,
        *odd_notes,
        *pattern_notes,
    )
    concluded = conclude(measurements, quality, patient, _curve(stack, volumes), cycle, pattern)
    return replace(concluded, segment_curves=segments.curves)
