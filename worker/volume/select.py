"""Which frames of a study become the stack.

Knows that a stack may be one series, one series per slice or several parts, and that a study may
hold several short-axis cines. Works on headers only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series import ClassifiedSeries, Role
from worker.series.frames import Frame
from worker.series.geometry import group_positions, is_same_orientation, normal_of
from worker.volume.plan import MINIMUM_SLICES, StackPlan, plan_stack
from worker.volume.types import StackNote

_SAME_PLANE_DEGREES = 2.0
_PARALLEL_DEGREES = 10.0
_SAME_SPACING_SHARE = 0.01
_DEFECTS_OF_A_PART = frozenset({Reason.TOO_FEW_SLICES, Reason.MISSING_SLICE})


@dataclass(slots=True, eq=False)
class _Bucket:
    """Frames that may lie in one array.

    They have the same plane orientation, matrix and spacing.
    """

    first: Frame
    frames: list[Frame]

    def takes(self, frame: Frame) -> bool:
        first = self.first
        if first.orientation is None or frame.orientation is None:
            return False
        if (first.rows, first.columns) != (frame.rows, frame.columns):
            return False
        if first.spacing_mm is None or frame.spacing_mm is None:
            return False
        return all(
            abs(a - b) <= _SAME_SPACING_SHARE * a
            for a, b in zip(first.spacing_mm, frame.spacing_mm, strict=True)
        ) and is_same_orientation(first.orientation, frame.orientation, _SAME_PLANE_DEGREES)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    frames: Sequence[Frame]
    is_balanced: bool
    n_positions: int
    is_one_reference: bool


def select_stack(series: Sequence[ClassifiedSeries], unusable: frozenset[Frame]) -> StackPlan:
    """Plan the stack of a study.

    Parameters
    ----------
    series
        All series of the study, with their roles.
    unusable
        Frames whose pixels turned out to be unreadable.

    Raises
    ------
    StudyRejectedError
        What is wrong with the best candidate, or that there is none.
    """
    frames = _measurable_frames(series, unusable)
    buckets = _buckets(frames)
    balanced = {s.series_instance_uid for s in series if s.traits and s.traits.sequence.is_balanced}
    candidates = [c for bucket in buckets for c in _candidates(bucket, balanced)]
    plans: list[tuple[_Candidate, StackPlan]] = []
    failures: list[tuple[int, StudyRejectedError]] = []
    for candidate in candidates:
        try:
            plans.append((candidate, plan_stack(candidate.frames)))
        except StudyRejectedError as error:
            failures.append((len(candidate.frames), error))
    if not plans:
        raise _best_failure(failures, buckets)
    most = max(plan.n_slices for _, plan in plans)
    _, best = max(plans, key=lambda one: _rank(one[0], one[1], most))
    return _with_notes(best, frames)


def _measurable_frames(
    series: Sequence[ClassifiedSeries], unusable: frozenset[Frame]
) -> list[Frame]:
    """Return the short-axis magnitude frames that have geometry and spacing."""
    cines = [one for one in series if one.role is Role.SHORT_AXIS_CINE]
    if not cines:
        raise StudyRejectedError(_reason_of_no_cine(series))
    wanted = [
        frame
        for one in cines
        for frame in one.frames
        if frame.is_magnitude and frame not in unusable
    ]
    placed = [frame for frame in wanted if frame.has_geometry]
    if 2 * len(placed) < len(wanted) or not placed:
        reason = Reason.MISSING_GEOMETRY if wanted else Reason.UNREADABLE_PIXELS
        raise StudyRejectedError(reason, f"{len(wanted) - len(placed)} of {len(wanted)} images")
    orientations = [
        one.traits.orientation for one in cines if one.traits and one.traits.orientation
    ]
    in_plane = [
        frame
        for frame in placed
        if frame.orientation is not None
        and any(is_same_orientation(o, frame.orientation, _PARALLEL_DEGREES) for o in orientations)
    ]
    spaced = [frame for frame in in_plane if frame.spacing_mm is not None]
    if 2 * len(spaced) < len(in_plane) or not spaced:
        detail = f"{len(in_plane) - len(spaced)} of {len(in_plane)} images"
        raise StudyRejectedError(Reason.INVALID_PIXEL_SPACING, detail)
    return spaced


def _reason_of_no_cine(series: Sequence[ClassifiedSeries]) -> Reason:
    """Tell a cine without geometry from a study without any short-axis cine."""
    for one in series:
        traits = one.traits
        if traits is not None and traits.orientation is None and traits.n_phases > 1:
            return Reason.MISSING_GEOMETRY
    return Reason.NO_SHORT_AXIS_CINE


def _buckets(frames: Sequence[Frame]) -> list[_Bucket]:
    buckets: list[_Bucket] = []
    for frame in frames:
        for bucket in buckets:
            if bucket.takes(frame):
                bucket.frames.append(frame)
                break
        else:
            buckets.append(_Bucket(frame, [frame]))
    return buckets


def _candidates(bucket: _Bucket, balanced: set[str]) -> list[_Candidate]:
    """Return the ways to read a bucket.

    By frame of reference and sequence kind; all together (some archives give every series its own
    frame of reference: slices that interleave evenly to one stack were acquired as one); and each
    series that is a stack of its own.
    """
    by_series: dict[str, list[Frame]] = {}
    for frame in bucket.frames:
        by_series.setdefault(frame.instance.series_instance_uid, []).append(frame)
    parts: dict[tuple[str, bool], list[Frame]] = {}
    for frame in bucket.frames:
        is_balanced = frame.instance.series_instance_uid in balanced
        parts.setdefault((frame.instance.frame_of_reference_uid, is_balanced), []).append(frame)
    found = [_candidate(part, balanced) for part in parts.values()]
    if len(found) > 1:
        found.append(_candidate(bucket.frames, balanced))
    if len(by_series) > 1:
        singles = [_candidate(by_series[uid], balanced) for uid in sorted(by_series)]
        found += [one for one in singles if one.n_positions >= MINIMUM_SLICES]
    return found


def _candidate(frames: Sequence[Frame], balanced: set[str]) -> _Candidate:
    return _Candidate(
        frames,
        all(f.instance.series_instance_uid in balanced for f in frames),
        _n_positions(frames),
        len({f.instance.frame_of_reference_uid for f in frames}) == 1,
    )


def _n_positions(frames: Sequence[Frame]) -> int:
    orientation = frames[0].orientation
    if orientation is None:
        return 0
    normal = normal_of(orientation)
    return max(group_positions([float(normal @ f.position_mm) for f in frames])) + 1  # type: ignore[operator]


def _rank(
    candidate: _Candidate, plan: StackPlan, most_slices: int
) -> tuple[bool, bool, bool, int, int, int]:
    """Order usable stacks: nearly all slices, one space, balanced, then slices, phases, images."""
    return (
        plan.n_slices >= 0.8 * most_slices,
        candidate.is_one_reference,
        candidate.is_balanced,
        plan.n_slices,
        plan.n_phases,
        len(candidate.frames),
    )


def _best_failure(
    failures: Sequence[tuple[int, StudyRejectedError]], buckets: Sequence[_Bucket]
) -> StudyRejectedError:
    """Return what is wrong with the largest candidate, or that parts do not fit together."""
    error = max(failures, key=lambda failure: failure[0])[1]
    largest = max(buckets, key=lambda bucket: len(bucket.frames))
    parallel = [f for b in buckets if _is_parallel(b.first, largest.first) for f in b.frames]
    if error.reason in _DEFECTS_OF_A_PART and _n_positions(parallel) > max(
        _n_positions(largest.frames), MINIMUM_SLICES - 1
    ):
        return StudyRejectedError(
            Reason.INCONSISTENT_STACK, "matrix, pixel spacing or orientation differ between slices"
        )
    return error


def _is_parallel(one: Frame, other: Frame) -> bool:
    if one.orientation is None or other.orientation is None:
        return False
    return is_same_orientation(one.orientation, other.orientation, _PARALLEL_DEGREES)


def _with_notes(plan: StackPlan, frames: Sequence[Frame]) -> StackPlan:
    """Say when further short-axis series were left over, and when spaces had to be joined."""
    notes = list(plan.notes)
    used = {frame.instance for row in plan.frames for frame in row}
    others = {f.instance.series_instance_uid for f in frames} - {
        i.series_instance_uid for i in used
    }
    if others:
        sentence = f"{len(others)} further short-axis cine series in the study were not used."
        notes.append(StackNote("other_short_axis", sentence))
    if len({instance.frame_of_reference_uid for instance in used}) > 1:
        sentence = (
            "The slices name different frames of reference; they were joined because they form one "
            "even stack."
        )
        notes.append(StackNote("frame_of_reference", sentence))
    return replace(plan, notes=tuple(notes))
