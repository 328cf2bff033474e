"""One analysed study as the study encoder reads it: regions, when, where, and what was measured.

Of a cine three moments are read: end-diastole, end-systole, and halfway from end-systole to the
next end-diastole. They are what the encoder learnt from, and what a reader compares. Nothing is
measured here.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment
from worker.model.language.vision import StudyFeatures
from worker.model.regions import REGIONS
from worker.model.types import Segmentation
from worker.volume.types import CineStack

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

_WALL = [REGIONS.index("lv_cavity"), REGIONS.index("myocardium")]
_N_LEVELS = 3


def study_features(
    stack: CineStack,
    segmentation: Segmentation,
    assessment: Assessment,
    measurement_keys: Sequence[str],
) -> StudyFeatures | None:
    """Return what the study encoder reads of a study; None where the tower gave no regions.

    Parameters
    ----------
    stack
        The cine.
    segmentation
        Of the same cine, with its regions.
    assessment
        What was measured on it.
    measurement_keys
        The bundle's measurements, in its order (``language.measurements`` of the manifest).
    """
    regions = segmentation.regions
    if regions is None:
        return None
    phases = list(phases_read(assessment, stack.n_phases))
    walled = _walled(regions, assessment)
    position, level = _places(walled, stack.slice_positions_mm)
    values = [assessment.value(key) for key in measurement_keys]
    return StudyFeatures(
        regions=regions[phases],
        phase_share=phase_shares(stack)[phases],
        slice_position=position,
        level=level,
        measurements=np.array([np.nan if v is None else v for v in values], dtype=np.float32),
    )


def phases_read(assessment: Assessment, n_phases: int) -> tuple[int, ...]:
    """Return the phases whose regions are read, in the order of the cine, each once."""
    ed, es = assessment.ed_phase, assessment.es_phase
    filling = (es + ((ed - es) % n_phases + 1) // 2) % n_phases
    return tuple(sorted({ed, es, filling}))


def phase_shares(stack: CineStack) -> Float32Array:
    """Return the time of each phase as a share of the beat; even steps where no time is known."""
    times = stack.trigger_times_ms
    even = np.asarray(np.arange(stack.n_phases) / stack.n_phases, dtype=np.float32)
    steps = np.diff(times)
    if not steps.size or not np.isfinite(times).all() or float(steps.min()) <= 0.0:
        return even
    beat_ms = max(float(times[-1] - times[0] + np.median(steps)), stack.rr_interval_ms or 0.0)
    return np.asarray((times - times[0]) / beat_ms, dtype=np.float32)


def left_ventricle_mm(
    stack: CineStack, segmentation: Segmentation, assessment: Assessment
) -> tuple[float, float] | None:
    """Return where the ventricle begins along the stack's normal, from slice 0, and its length.

    None where the tower gave no regions, or no slice has cavity and wall.
    """
    if segmentation.regions is None:
        return None
    walled = _walled(segmentation.regions, assessment)
    return _reach(walled, stack.slice_positions_mm) if walled.any() else None


def _walled(regions: Float32Array, assessment: Assessment) -> npt.NDArray[np.bool_]:
    """Return which slices have cavity and wall at end-diastole."""
    return np.asarray(np.isfinite(regions[assessment.ed_phase][:, _WALL]).all(axis=(1, 2)))


def _reach(
    walled: npt.NDArray[np.bool_], positions_mm: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return beginning and length of a ventricle with cavity and wall in some slices.

    It reaches half a slice beyond its first and its last slice.
    """
    inside = np.flatnonzero(walled)
    steps = np.abs(np.diff(positions_mm))
    slice_mm = float(np.median(steps)) if steps.size else 1.0
    base_mm = float(positions_mm[inside[0]]) - slice_mm / 2
    return base_mm, float(positions_mm[inside[-1]]) + slice_mm / 2 - base_mm


def _places(
    walled: npt.NDArray[np.bool_], positions_mm: npt.NDArray[np.float64]
) -> tuple[Float32Array, Int64Array]:
    """Return distance from the base (mm, share) and level of every slice."""
    if not walled.any():
        return np.zeros((len(walled), 2), np.float32), np.zeros(len(walled), np.int64)
    base_mm, length_mm = _reach(walled, positions_mm)
    away_mm = positions_mm - base_mm
    share = away_mm / length_mm
    third = np.clip((share * _N_LEVELS).astype(np.int64), 0, _N_LEVELS - 1) + 1
    level = np.where((share >= 0) & (share <= 1), third, 0)
    position = np.stack((away_mm, share), axis=1)
    return np.asarray(position, dtype=np.float32), np.asarray(level, dtype=np.int64)
