"""How much of a value each slice, AHA segment and phase holds: exact, from the contours alone.

Volumes, masses and ejection fractions are sums over discs, so what a part adds is its own discs;
the greatest wall thickness is a maximum, so what counts is how thick the wall is there. Looks at no
pixel and runs no network (`occlusion`).
"""

from collections.abc import Iterator

import numpy as np

from plugin.domain.findings import Assessment, Certainty, Finding
from worker.explain.beat import WALL, Beat, value_of_volumes
from worker.explain.types import Explanation, Part, PartKind
from worker.findings.cycle import find_cycle
from worker.findings.orientation import find_orientation
from worker.findings.segments import (
    maximal_profiles_mm,
    phase_walls,
    segment_map,
    segments_by_degree,
)
from worker.findings.volumes import (
    LV_CAVITY,
    LV_MYOCARDIUM,
    RV_CAVITY,
    DiscVolumes,
    Float64Array,
    LabelArray,
    body_surface_area_m2,
    mass_g,
    slice_heights_mm,
)
from worker.volume.types import CineStack, PatientContext

WITHOUT_FINDING = "lv_ejection_fraction"
_N_SEGMENTS = 17
_N_LABELS = 4
_MM3_PER_ML = 1000.0
_SUMS = frozenset(
    {
        f"{side}_{part}"
        for side in ("lv", "rv")
        for part in (
            "end_diastolic_volume",
            "end_systolic_volume",
            "stroke_volume",
            "ejection_fraction",
        )
    }
    | {"lv_mass"}
)


def top_finding(assessment: Assessment) -> Finding | None:
    """Return the first finding that is present, else the first that is undetermined."""
    certain = (one for one in assessment.findings if one.certainty is Certainty.PRESENT)
    return next(certain, next(iter(assessment.findings), None))


def explain(
    stack: CineStack, labels: LabelArray, assessment: Assessment, patient: PatientContext
) -> Explanation | None:
    """Tell what the first finding of a study rests on.

    Parameters
    ----------
    labels
        uint8 ``[phase, slice, row, column]`` of the whole cine, from which ``assessment`` was made.

    Returns
    -------
    Explanation or None
        None when the finding's value is neither a sum over discs nor the greatest thickness.
    """
    finding = top_finding(assessment)
    key = WITHOUT_FINDING if finding is None else finding.basis[0]
    measurement = assessment.measurement(key)
    if measurement is None or (key != WALL and key.removesuffix("_index") not in _SUMS):
        return None
    beat = Beat.of(stack, labels, (assessment.ed_phase, assessment.es_phase), patient)
    parts = _of_wall(beat) if key == WALL else _of_sum(beat, key)
    return Explanation(
        finding=None if finding is None else finding.key,
        measurement=key,
        value=measurement.value,
        unit=measurement.unit,
        adds_up=key != WALL,
        parts=(*parts, *_phases(stack, labels, assessment, patient, key)),
    )


def _of_sum(beat: Beat, key: str) -> Iterator[Part]:
    """Slices and segments of a volume, mass or ejection fraction."""
    left = key.startswith("lv")
    septum_deg = find_orientation(beat.labels[0], beat.stack).septum_deg if left else None
    ventricle = [LV_MYOCARDIUM, LV_CAVITY] if left else [RV_CAVITY]
    discs_ml = _discs_ml(beat, septum_deg)
    whole = _volumes(discs_ml)
    for z in range(beat.stack.n_slices):
        if discs_ml[:, z][..., ventricle].any():
            own = _addend(key, _volumes(discs_ml[:, z : z + 1]), whole, beat.patient)
            yield Part(PartKind.SLICE, z, own, beat.without_slice(z).value(key))
    if septum_deg is None:
        return
    for segment in range(_N_SEGMENTS):
        own_ml = discs_ml[:, :, segment : segment + 1]
        if own_ml[..., ventricle].any():
            own = _addend(key, _volumes(own_ml), whole, beat.patient)
            rest = _volumes(np.delete(discs_ml, segment, axis=2))
            yield Part(PartKind.SEGMENT, segment, own, value_of_volumes(key, rest, beat.patient))


def _discs_ml(beat: Beat, septum_deg: float | None) -> Float64Array:
    """Volume of every piece of disc, ``[phase, slice, segment, label]``; segment 0 is no segment.

    Cavity belongs to the segment whose wall it lies behind, seen in both phases from the middle of
    the cavity at end-diastole. If the middle moved along, a wall that stands still would seem to
    take part; the price is that a heart that swings sideways adds to one side.
    """
    relaxed = phase_walls(beat.labels[0], beat.stack)
    structures = (LV_MYOCARDIUM, LV_CAVITY)
    heights = slice_heights_mm(beat.stack.slice_positions_mm)
    n_phases, n_slices = beat.labels.shape[:2]
    counts = np.zeros((n_phases, n_slices, _N_SEGMENTS, _N_LABELS))
    for phase, labels in enumerate(beat.labels):
        if septum_deg is None:
            segments = np.zeros_like(labels)
        else:
            segments = segment_map(labels, beat.stack, septum_deg, structures, relaxed)
        for z in range(n_slices):
            pieces = segments[z].astype(np.int64).reshape(-1) * _N_LABELS + labels[z].reshape(-1)
            found = np.bincount(pieces, minlength=_N_SEGMENTS * _N_LABELS)
            counts[phase, z] = found.reshape(_N_SEGMENTS, _N_LABELS)
    area_mm2 = beat.stack.pixel_area_mm2
    return np.asarray(counts * heights[:, None, None] * area_mm2 / _MM3_PER_ML, dtype=np.float64)


def _volumes(discs_ml: Float64Array) -> DiscVolumes:
    total = discs_ml.sum(axis=(1, 2))
    return DiscVolumes(total[:, LV_CAVITY], total[:, RV_CAVITY], total[:, LV_MYOCARDIUM])


def _addend(key: str, part: DiscVolumes, whole: DiscVolumes, patient: PatientContext) -> float:
    """Return what a part's discs add to a value."""
    side, quantity = key.removesuffix("_index").split("_", 1)
    of_part, of_whole = (part.lv_ml, whole.lv_ml) if side == "lv" else (part.rv_ml, whole.rv_ml)
    relaxed, contracted = float(of_part[0]), float(of_part[1])
    amount = {
        "end_diastolic_volume": relaxed,
        "end_systolic_volume": contracted,
        "stroke_volume": relaxed - contracted,
        "ejection_fraction": 100.0 * (relaxed - contracted) / float(of_whole[0]),
        "mass": mass_g(float(part.myocardium_ml[0])),
    }[quantity]
    bsa_m2 = body_surface_area_m2(patient.height_cm, patient.weight_kg)
    return amount / bsa_m2 if key.endswith("_index") and bsa_m2 is not None else amount


def _of_wall(beat: Beat) -> Iterator[Part]:
    """Slices and segments of the greatest wall thickness."""
    walls = phase_walls(beat.labels[0], beat.stack)
    profiles = maximal_profiles_mm(walls)
    for z, profile in profiles.items():
        without = beat.without_slice(z).value(WALL)
        yield Part(PartKind.SLICE, z, float(profile.max()), without)
    septum_deg = find_orientation(beat.labels[0], beat.stack).septum_deg
    if septum_deg is None:
        return
    thickness = np.concatenate(list(profiles.values()))
    segments = np.concatenate([segments_by_degree(walls, z, septum_deg) for z in profiles])
    for segment in np.unique(segments):
        inside = segments == segment
        rest = None if inside.all() else float(thickness[~inside].max())
        yield Part(PartKind.SEGMENT, int(segment), float(thickness[inside].max()), rest)


def _phases(
    stack: CineStack, labels: LabelArray, assessment: Assessment, patient: PatientContext, key: str
) -> Iterator[Part]:
    """End-diastole and end-systole: which value the next best phase gives."""
    lv_ml = np.asarray(assessment.curve.lv_ml, dtype=np.float64)
    for phase in (assessment.ed_phase, assessment.es_phase):
        kept = np.delete(np.arange(lv_ml.size), phase)
        without = None
        if kept.size >= 2:  # noqa: PLR2004 - a beat has two ends
            cycle = find_cycle(lv_ml[kept], stack.trigger_times_ms[kept], stack.rr_interval_ms)
            others = int(kept[cycle.ed_phase]), int(kept[cycle.es_phase])
            without = Beat.of(stack, labels, others, patient).value(key)
        yield Part(PartKind.PHASE, phase, None, without)
