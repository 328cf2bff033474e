"""Which phase is end-diastole and which end-systole.

Works on the LV volume curve alone. The beat is taken as periodic: the last phase is followed by the
first. Single phases that stick out of both neighbours (a mis-triggered slice, a failed contour) are
named and can be chosen for neither moment. The phases are chosen on the smoothed curve, the
volumes are then read from the contours of the chosen phases, not from the curve.
"""

from dataclasses import dataclass

import numpy as np

from worker.findings.volumes import Float64Array

_SMOOTHING_MINIMUM_PHASES = 12
_SMOOTHING_SIGMA_SHARE = 0.025
_OUTLIER_SHARE = 0.25
_OUTLIER_SHARE_TIMES_PHASES = 4.0  # with few phases a true peak stands out of its neighbours
_OUTLIER_MINIMUM_ML = 4.0


@dataclass(frozen=True, slots=True)
class CardiacCycle:
    """The two phases, and phases that stick out."""

    ed_phase: int
    es_phase: int
    outlier_phases: tuple[int, ...]


def _outliers(lv_ml: Float64Array) -> tuple[int, ...]:
    """Phases beyond both neighbours by a quarter of the curve's robust range (more when few)."""
    before, after = np.roll(lv_ml, 1), np.roll(lv_ml, -1)
    median = np.median(np.stack([before, lv_ml, after]), axis=0)
    share = max(_OUTLIER_SHARE, _OUTLIER_SHARE_TIMES_PHASES / lv_ml.size)
    limit = max(float(np.ptp(median)) * share, _OUTLIER_MINIMUM_ML)
    above = lv_ml - np.maximum(before, after) > limit
    below = np.minimum(before, after) - lv_ml > limit
    return tuple(int(phase) for phase in np.flatnonzero(above | below))


def _smooth(lv_ml: Float64Array, share_of_beat: Float64Array) -> Float64Array:
    """Periodic Gaussian average over time (kernel regression, so phases may be uneven)."""
    distance = np.abs(share_of_beat[:, None] - share_of_beat[None, :])
    distance = np.minimum(distance, 1.0 - distance)
    sigma = max(_SMOOTHING_SIGMA_SHARE, 0.5 / lv_ml.size)
    weight = np.exp(-0.5 * (distance / sigma) ** 2)
    return np.asarray(weight @ lv_ml / weight.sum(axis=1), dtype=np.float64)


def beat_length_ms(trigger_times_ms: Float64Array, rr_interval_ms: float | None) -> float | None:
    """Length of the beat: RR interval, or what the phases cover if longer; None without times."""
    steps = np.diff(trigger_times_ms)
    if steps.size == 0 or not np.all(np.isfinite(trigger_times_ms)) or float(steps.min()) <= 0.0:
        return None
    span_ms = float(trigger_times_ms[-1] - trigger_times_ms[0]) + float(np.median(steps))
    return max(span_ms, rr_interval_ms or 0.0)


def _share_of_beat(trigger_times_ms: Float64Array, rr_interval_ms: float | None) -> Float64Array:
    """Time of each phase as a share of the beat; even steps where the times are unusable."""
    beat_ms = beat_length_ms(trigger_times_ms, rr_interval_ms)
    if beat_ms is None:
        return np.asarray(np.arange(trigger_times_ms.size) / trigger_times_ms.size, np.float64)
    return np.asarray((trigger_times_ms - trigger_times_ms[0]) / beat_ms, dtype=np.float64)


def find_cycle(
    lv_ml: Float64Array, trigger_times_ms: Float64Array, rr_interval_ms: float | None = None
) -> CardiacCycle:
    """Choose end-diastole (largest) and end-systole (smallest LV volume).

    Fewer than twelve phases are neither smoothed nor searched for outliers: neighbours then differ
    too much to tell a wrong phase from a fast one.

    Parameters
    ----------
    lv_ml
        ``[phase]`` LV cavity volumes.
    trigger_times_ms
        ``[phase]`` times after the R wave.
    """
    if lv_ml.size < _SMOOTHING_MINIMUM_PHASES:
        return CardiacCycle(int(np.argmax(lv_ml)), int(np.argmin(lv_ml)), ())
    outliers = _outliers(lv_ml)
    share = _share_of_beat(trigger_times_ms, rr_interval_ms)
    good = np.setdiff1d(np.arange(lv_ml.size), outliers)
    repaired = np.interp(share, share[good], lv_ml[good], period=1.0)
    smooth = _smooth(np.asarray(repaired, dtype=np.float64), share)
    ed = int(good[np.argmax(smooth[good])])
    es = int(good[np.argmin(smooth[good])])
    return CardiacCycle(ed, es, outliers)
