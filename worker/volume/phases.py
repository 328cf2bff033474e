"""One count of phases for all slices.

Knows how runs of different length are brought to a common count: every phase of every slice is an
acquired image, the nearest one in the cycle; nothing is blended. Does not know pixels.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worker.series import attributes as read
from worker.volume.runs import SliceRun
from worker.volume.types import Float64Array, StackNote

NOMINAL_BEAT_MS = 1000.0
"""Only to space phases of a cine without any timing evenly; never reported as an RR interval."""

_SAME_INTERVAL_SHARE = 0.03
_FARTHEST_INTERVALS = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class CommonPhases:
    """Which frame of each run stands for each common phase.

    ``picks[slice][phase]`` indexes the run's frames; ``unusable`` lists slices whose gap is too
    wide to be bridged by a neighbour in time.
    """

    trigger_times_ms: Float64Array
    picks: tuple[tuple[int, ...], ...]
    unusable: tuple[int, ...]
    notes: tuple[StackNote, ...]


def common_count(runs: Sequence[SliceRun]) -> int:
    """Return the count of phases that the stack gets.

    The most frequent count, the larger on a tie; but the announced number (Cardiac Number of
    Images) where a slice has exactly so many and others fewer, because images are lost in transfer
    and never added.
    """
    counts = Counter(len(run.frames) for run in runs)
    announced = Counter(
        read.integer(run.frames[0].instance.header, "CardiacNumberOfImages") or 0 for run in runs
    ).most_common(1)[0][0]
    if announced > 1 and announced == max(counts):
        return announced
    return max(counts, key=lambda count: (counts[count], count))


def align_phases(runs: Sequence[SliceRun], rr_interval_ms: float | None) -> CommonPhases:
    """Bring all runs to the common count by their fraction of the cycle."""
    count = common_count(runs)
    times = [_times_ms(run, runs, rr_interval_ms) for run in runs]
    whole = [i for i, run in enumerate(runs) if len(run.frames) == count]
    reference_ms = np.median([times[i] for i in whole], axis=0)
    reference_step_ms = _step_ms(reference_ms)
    cycle_ms = _cycle_ms(reference_ms, rr_interval_ms, None, None)
    fractions = np.mean(
        [times[i] / _cycle_ms(times[i], runs[i].rr_interval_ms, None, None) for i in whole], axis=0
    )
    picks, unusable, n_missing, n_resampled = [], [], 0, 0
    for i, run in enumerate(runs):
        if len(run.frames) == count:
            picks.append(tuple(range(count)))
            continue
        own_cycle_ms = _cycle_ms(times[i], run.rr_interval_ms, reference_step_ms, cycle_ms)
        distance = np.abs(fractions[:, None] - times[i][None, :] / own_cycle_ms)
        picks.append(tuple(int(p) for p in distance.argmin(axis=1)))
        interval = max(reference_step_ms / cycle_ms, _step_ms(times[i]) / own_cycle_ms)
        if float(distance.min(axis=1).max()) > _FARTHEST_INTERVALS * interval:
            unusable.append(i)
        elif _has_same_step(_step_ms(times[i]), reference_step_ms) and len(run.frames) < count:
            n_missing += count - len(run.frames)
        else:
            n_resampled += 1
    return CommonPhases(
        trigger_times_ms=np.asarray(reference_ms, dtype=np.float64),
        picks=tuple(picks),
        unusable=tuple(unusable),
        notes=tuple(_notes(n_missing, n_resampled, count, runs)),
    )


def _times_ms(
    run: SliceRun, runs: Sequence[SliceRun], rr_interval_ms: float | None
) -> Float64Array:
    if run.is_timed:
        return run.order
    n_phases = max(int(one.order[-1]) + 1 for one in runs if not one.is_timed)
    beat_ms = run.rr_interval_ms or rr_interval_ms or NOMINAL_BEAT_MS
    return np.asarray(run.order * (beat_ms / n_phases), dtype=np.float64)


def _step_ms(times_ms: Float64Array) -> float:
    return float(np.median(np.diff(times_ms))) if len(times_ms) > 1 else NOMINAL_BEAT_MS


def _has_same_step(one_ms: float, other_ms: float) -> bool:
    return abs(one_ms - other_ms) <= _SAME_INTERVAL_SHARE * other_ms


def _cycle_ms(
    times_ms: Float64Array,
    rr_interval_ms: float | None,
    reference_step_ms: float | None,
    reference_cycle_ms: float | None,
) -> float:
    """Return the length of the cycle that times are fractions of.

    A run with the reference's interval has lost images and runs on the reference's clock; else the
    header's RR interval, if the times fit into it; else the times' own range.
    """
    step_ms = _step_ms(times_ms)
    end_ms = float(times_ms[-1])
    if reference_step_ms and reference_cycle_ms and _has_same_step(step_ms, reference_step_ms):
        return reference_cycle_ms
    if rr_interval_ms is not None and end_ms <= rr_interval_ms <= 2.0 * (end_ms + step_ms):
        return rr_interval_ms
    return end_ms + step_ms


def _notes(
    n_missing: int, n_resampled: int, count: int, runs: Sequence[SliceRun]
) -> list[StackNote]:
    notes = []
    if n_missing:
        notes.append(
            StackNote(
                "missing_phase",
                f"{n_missing} image(s) of the short-axis cine are missing; the nearest phase of "
                "the same slice stands in for each.",
            )
        )
    if n_resampled:
        notes.append(
            StackNote(
                "phase_count",
                f"{n_resampled} slice(s) were acquired with another number of phases than "
                f"{count}; the nearest phase in the cycle was used.",
            )
        )
    if not any(run.is_timed for run in runs) and not any(run.rr_interval_ms for run in runs):
        notes.append(
            StackNote(
                "nominal_times",
                "The images carry no times; phases are spaced evenly over a nominal beat of "
                f"{NOMINAL_BEAT_MS:.0f} ms, and no heart rate is known.",
            )
        )
    return notes
