"""One slice of the cine: which of the frames at its place make one run through the beat.

Knows that a slice may have been acquired again, in the same series or another one, that images may
be doubled, and how phases are ordered when trigger times are missing. Does not know other slices.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series.frames import Frame
from worker.volume.types import Float64Array

_COMPLETE_SHARE = 0.8
"""A newer run replaces an older one only when it has at least this share of its phases."""
_SHORTEST_SEGMENT = 3
_MAXIMUM_GAPS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class SliceRun:
    """The frames of one slice in the order of the beat.

    Attributes
    ----------
    order
        Rising, one per frame: trigger times in ms, or phase numbers from 0 when ``is_timed`` is
        False.
    n_replaced
        Frames of older or doubled acquisitions of this slice that were not used.
    """

    frames: tuple[Frame, ...]
    order: Float64Array
    is_timed: bool
    n_replaced: int = 0

    @property
    def rr_interval_ms(self) -> float | None:
        """Median RR interval by the headers of this slice."""
        known = [f.rr_interval_ms for f in self.frames if f.rr_interval_ms is not None]
        return float(np.median(known)) if known else None

    @property
    def origin_mm(self) -> Float64Array:
        """Image Position (Patient)."""
        return np.asarray(self.frames[0].position_mm, dtype=np.float64)


def choose_run(frames: Sequence[Frame]) -> SliceRun:
    """Return the newest complete run at one slice position.

    Raises
    ------
    StudyRejectedError
        With ``MISSING_TIMING`` when nothing tells the order of the phases.
    """
    by_series: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_series[frame.instance.series_instance_uid].append(frame)
    runs = [run for uid in sorted(by_series) for run in _runs_of_series(by_series[uid])]
    most = max(len(run.frames) for run in runs)
    complete = [run for run in runs if len(run.frames) >= _COMPLETE_SHARE * most]
    newest = max(complete, key=_run_age)
    n_replaced = len(frames) - len(newest.frames)
    return SliceRun(newest.frames, newest.order, newest.is_timed, n_replaced)


def _run_age(run: SliceRun) -> tuple[float, int, str, int, str]:
    return max(_age(frame) for frame in run.frames)


def _age(frame: Frame) -> tuple[float, int, str, int, str]:
    """Order by acquisition time, then series before instance.

    Two reconstructions of one acquisition (e.g. normalised and not) have the same times; all
    slices must then come from the same one.
    """
    instance = frame.instance
    return (
        frame.acquired_s or 0.0,
        instance.series_number,
        instance.series_instance_uid,
        instance.instance_number,
        instance.sop_instance_uid,
    )


def _runs_of_series(frames: Sequence[Frame]) -> list[SliceRun]:
    in_series = sorted(
        frames, key=lambda f: (f.instance.instance_number, f.index, f.instance.sop_instance_uid)
    )
    keys, is_timed = _order_keys(in_series)
    segments = _segments(keys)
    if segments is None:
        segments = [list(range(len(keys)))]
    return [
        _run([in_series[i] for i in segment], [keys[i] for i in segment], is_timed=is_timed)
        for segment in segments
    ]


def _run(frames: Sequence[Frame], keys: Sequence[float], *, is_timed: bool) -> SliceRun:
    """Order by key; of frames with the same key the newest stays."""
    newest: dict[float, tuple[float, Frame]] = {}
    for frame, key in zip(frames, keys, strict=True):
        same_moment = round(key, 1)
        if same_moment not in newest or _age(frame) >= _age(newest[same_moment][1]):
            newest[same_moment] = (key, frame)
    ordered = [newest[moment] for moment in sorted(newest)]
    order = np.array([key for key, _ in ordered], dtype=np.float64)
    return SliceRun(tuple(frame for _, frame in ordered), order, is_timed)


def _order_keys(frames: Sequence[Frame]) -> tuple[list[float], bool]:
    """Return what orders the phases: trigger times, else phase numbers, else instance numbers."""
    times = [f.trigger_time_ms for f in frames if f.trigger_time_ms is not None]
    if len(times) == len(frames) and (len(set(times)) > 1 or len(frames) == 1):
        return times, True
    numbered = [float(f.temporal_index) for f in frames if f.temporal_index is not None]
    if len(numbered) == len(frames) and len(set(numbered)) > 1:
        return [one - min(numbered) for one in numbered], False
    return _counted(frames), False


def _counted(frames: Sequence[Frame]) -> list[float]:
    """Return phase numbers by evenly spaced instance (or frame) numbers."""
    numbers = [float(f.instance.instance_number) for f in frames]
    if len({f.instance.sop_instance_uid for f in frames}) == 1:
        numbers = [float(f.index) for f in frames]
    steps = np.diff(sorted(numbers))
    step = float(steps.min()) if len(steps) else 1.0
    is_even = step > 0 and np.allclose(steps / step, np.round(steps / step))
    if not is_even or (len(steps) and float(steps.max()) > _MAXIMUM_GAPS * step):
        detail = f"{len(frames)} images at one slice position"
        raise StudyRejectedError(Reason.MISSING_TIMING, detail)
    return [(one - min(numbers)) / step for one in numbers]


def _segments(keys: Sequence[float]) -> list[list[int]] | None:
    """Split where time starts again in the order of the instances; None when it does not.

    A slice acquired twice runs twice through about the same times. Images that merely are
    numbered from the middle of the beat do not overlap in time and stay one run.
    """
    segments: list[list[int]] = [[0]]
    for i in range(1, len(keys)):
        if keys[i] < keys[i - 1]:
            segments.append([])
        segments[-1].append(i)
    if len(segments) == 1 or min(len(one) for one in segments) < _SHORTEST_SEGMENT:
        return None
    ranges = [(keys[one[0]], keys[one[-1]]) for one in segments]
    latest_start, earliest_end = max(r[0] for r in ranges), min(r[1] for r in ranges)
    shortest = min(r[1] - r[0] for r in ranges)
    return segments if earliest_end - latest_start > shortest / 2.0 else None
