"""From frames to the plan of one stack: base to apex, every slice with every phase.

Knows what makes a usable stack and says precisely what is wrong with one that is not. Works on
headers only. Does not choose between stacks (``select``) and decodes nothing (``pixels``).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series.frames import Frame
from worker.series.geometry import (
    APEX_CERTAIN_COSINE,
    apex_cosine,
    group_positions,
    normal_of,
)
from worker.volume.phases import CommonPhases, align_phases, common_count
from worker.volume.runs import SliceRun, choose_run
from worker.volume.types import Float64Array, StackNote

MINIMUM_SLICES = 5
MINIMUM_PHASES = 6
FEW_PHASES = 15
_GAP_STEPS = 1.6
_UNEVEN_SHARE = 0.15
_BETWEEN_SHARE = 0.125
_NOTED_UNEVEN_SHARE = 0.05
_NOTED_SHIFT_MM = 3.0
_WEAK_SHARE = 0.5
_RR_RANGE_MS = (200.0, 3000.0)
_RR_FIT_RANGE = (0.5, 1.2)


@dataclass(frozen=True, slots=True, eq=False)
class StackPlan:
    """Which frame stands at ``[phase][slice]``, and the geometry of the whole."""

    frames: tuple[tuple[Frame, ...], ...]
    slice_origins_mm: Float64Array
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    trigger_times_ms: Float64Array
    rr_interval_ms: float | None
    apex_direction_certain: bool
    notes: tuple[StackNote, ...]

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return len(self.slice_origins_mm)

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.frames)

    @property
    def affine(self) -> Float64Array:
        """``affine @ (column, row, slice, 1)``, LPS in mm."""
        affine = np.eye(4)
        affine[:3, 0] = np.asarray(self.orientation[:3]) * self.spacing_mm[1]
        affine[:3, 1] = np.asarray(self.orientation[3:]) * self.spacing_mm[0]
        affine[:3, 2] = np.median(np.diff(self.slice_origins_mm, axis=0), axis=0)
        affine[:3, 3] = self.slice_origins_mm[0]
        return affine


def plan_stack(frames: Sequence[Frame]) -> StackPlan:
    """Make one stack of frames that share orientation, matrix and spacing.

    Slice 0 is the base: the end of the stack that lies to the right, back and up, because the apex
    of the left ventricle points to the left, front and down in patient coordinates.

    Raises
    ------
    StudyRejectedError
        ``TOO_FEW_PHASES``, ``TOO_FEW_SLICES``, ``MISSING_SLICE``, ``INCONSISTENT_STACK`` or
        ``MISSING_TIMING``.
    """
    orientation = frames[0].orientation
    if orientation is None:
        raise StudyRejectedError(Reason.MISSING_GEOMETRY)
    cosine = apex_cosine(orientation)
    normal = normal_of(orientation) * (1.0 if cosine >= 0 else -1.0)
    notes: list[StackNote] = []
    runs = _without_extra(_without_weak(_runs(frames, normal), notes), normal, notes)
    n_phases = common_count(runs)
    if n_phases < MINIMUM_PHASES:
        detail = f"{n_phases} phases, at least {MINIMUM_PHASES} are needed"
        raise StudyRejectedError(Reason.TOO_FEW_PHASES, detail)
    runs, common = _aligned(runs, _rr_interval_ms(runs), notes)
    if len(runs) < MINIMUM_SLICES:
        detail = f"{len(runs)} slice(s), at least {MINIMUM_SLICES} are needed"
        raise StudyRejectedError(Reason.TOO_FEW_SLICES, detail)
    origins_mm = np.stack([run.origin_mm for run in runs])
    notes += _check_spacing(origins_mm, normal)
    notes += list(common.notes) + _run_notes(runs, n_phases)
    first = runs[0].frames[0]
    if first.orientation is None or first.spacing_mm is None:
        raise StudyRejectedError(Reason.MISSING_GEOMETRY)
    return StackPlan(
        frames=tuple(
            tuple(run.frames[pick[p]] for run, pick in zip(runs, common.picks, strict=True))
            for p in range(n_phases)
        ),
        slice_origins_mm=origins_mm,
        orientation=first.orientation,
        spacing_mm=first.spacing_mm,
        trigger_times_ms=common.trigger_times_ms,
        rr_interval_ms=_fitting_rr_ms(_rr_interval_ms(runs), common.trigger_times_ms, notes),
        apex_direction_certain=abs(cosine) >= APEX_CERTAIN_COSINE,
        notes=tuple(notes),
    )


def _runs(frames: Sequence[Frame], normal: Float64Array) -> list[SliceRun]:
    """Return one run per slice position, base first."""
    positions = [float(normal @ np.asarray(f.position_mm)) for f in frames]
    members: defaultdict[int, list[Frame]] = defaultdict(list)
    for frame, group in zip(frames, group_positions(positions), strict=True):
        members[group].append(frame)
    return [choose_run(members[group]) for group in sorted(members)]


def _without_weak(runs: list[SliceRun], notes: list[StackNote]) -> list[SliceRun]:
    """Leave out slices with less than half of the phases; the gap check sees what that means."""
    count = common_count(runs)
    strong = [run for run in runs if len(run.frames) >= _WEAK_SHARE * count]
    _note_left_out(len(runs) - len(strong), notes)
    return strong


def _without_extra(
    runs: list[SliceRun], normal: Float64Array, notes: list[StackNote]
) -> list[SliceRun]:
    """Leave out single slices that were acquired between two slices of an even stack."""
    kept = list(runs)
    while len(kept) > MINIMUM_SLICES:
        positions = np.array([normal @ run.origin_mm for run in kept])
        step = float(np.median(np.diff(positions)))
        spans = positions[2:] - positions[:-2]
        between = np.flatnonzero(np.abs(spans - step) < _BETWEEN_SHARE * step)
        if not len(between):
            break
        del kept[int(between[0]) + 1]
    if len(kept) < len(runs):
        sentence = f"{len(runs) - len(kept)} slice(s) between those of the stack were left out."
        notes.append(StackNote("extra_slice", sentence))
    return kept


def _fitting_rr_ms(
    rr_interval_ms: float | None, times_ms: Float64Array, notes: list[StackNote]
) -> float | None:
    """Return the RR interval unless the trigger times contradict it."""
    if rr_interval_ms is None:
        return None
    end_ms = float(times_ms[-1] + np.median(np.diff(times_ms)))
    if _RR_FIT_RANGE[0] * rr_interval_ms <= end_ms <= _RR_FIT_RANGE[1] * rr_interval_ms:
        return rr_interval_ms
    notes.append(
        StackNote(
            "contradicting_rr_interval",
            f"The RR interval in the headers ({rr_interval_ms:.0f} ms) does not fit the trigger "
            f"times, which end at {end_ms:.0f} ms; no heart rate is taken from it.",
        )
    )
    return None


def _aligned(
    runs: list[SliceRun], rr_interval_ms: float | None, notes: list[StackNote]
) -> tuple[list[SliceRun], CommonPhases]:
    common = align_phases(runs, rr_interval_ms)
    if not common.unusable:
        return runs, common
    usable = [run for i, run in enumerate(runs) if i not in common.unusable]
    _note_left_out(len(common.unusable), notes)
    return usable, align_phases(usable, rr_interval_ms)


def _note_left_out(n_slices: int, notes: list[StackNote]) -> None:
    if n_slices:
        notes.append(
            StackNote(
                "incomplete_slice",
                f"{n_slices} short-axis slice(s) with too many missing phases were left out.",
            )
        )


def _rr_interval_ms(runs: Sequence[SliceRun]) -> float | None:
    known = [run.rr_interval_ms for run in runs if run.rr_interval_ms is not None]
    plausible = [rr for rr in known if _RR_RANGE_MS[0] <= rr <= _RR_RANGE_MS[1]]
    return float(np.median(plausible)) if plausible else None


def _check_spacing(origins_mm: Float64Array, normal: Float64Array) -> list[StackNote]:
    """Refuse gaps and uneven stacks; note small irregularities."""
    steps = np.diff(origins_mm @ normal)
    step = float(np.median(steps))
    if float(steps.max()) > _GAP_STEPS * step:
        detail = f"a gap of {steps.max():.1f} mm in a stack with steps of {step:.1f} mm"
        raise StudyRejectedError(Reason.MISSING_SLICE, detail)
    unevenness = float(np.abs(steps - step).max()) / step
    if unevenness > _UNEVEN_SHARE:
        detail = f"distances between slices from {steps.min():.1f} to {steps.max():.1f} mm"
        raise StudyRejectedError(Reason.INCONSISTENT_STACK, detail)
    notes = []
    if unevenness > _NOTED_UNEVEN_SHARE:
        sentence = f"Slice distances differ: {steps.min():.1f} to {steps.max():.1f} mm."
        notes.append(StackNote("uneven_spacing", sentence))
    in_plane = origins_mm - np.outer(origins_mm @ normal, normal)
    moves = np.diff(in_plane, axis=0)
    shift_mm = float(np.linalg.norm(moves - np.median(moves, axis=0), axis=1).max())
    if shift_mm > _NOTED_SHIFT_MM:
        sentence = f"Neighbouring slices are shifted in their plane by up to {shift_mm:.0f} mm."
        notes.append(StackNote("shifted_slices", sentence))
    return notes


def _run_notes(runs: Sequence[SliceRun], n_phases: int) -> list[StackNote]:
    notes = []
    n_repeated = sum(run.n_replaced > 0 for run in runs)
    if n_repeated:
        sentence = f"{n_repeated} slice(s) were acquired more than once; the newest was used."
        notes.append(StackNote("repeated_slice", sentence))
    if n_phases < FEW_PHASES:
        sentence = f"Only {n_phases} phases; end-systole may lie between two of them."
        notes.append(StackNote("few_phases", sentence))
    return notes
