"""How the AHA segments move: thickening, inward motion, when they peak, and a derived score.

Works on the mean thickness and endocardial distance of each segment (``segments``). Knows no labels
and no codes.

The inward motion is measured from a floating centre, the middle of the epicardial outline of each
slice and phase: the heart swings by millimetres within the chest, and a fixed centre would call one
wall too lively and the opposite one too lazy. The middle of the cavity would follow a wall that
does not move and hide it; the epicardium follows it less.

The score is derived from two numbers by printed thresholds. It is no reader's grade, it changes no
finding, and no priority unless a hospital's own policy names it.

References
----------
Lang RM et al., J Am Soc Echocardiogr 2015;28:1-39 (ASE/EACVI: the four grades and the index).
J Cardiovasc Magn Reson 2009;11:22 (thickening below 30 % marks infarcted segments).
Kapetanakis S et al., Circulation 2005;112:992-1000 (standard deviation of regional times, % of RR).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from worker.findings.beat_curve import MINIMUM_PHASES, BeatCurve, fit_beat
from worker.findings.volumes import Float64Array

_THICKNESS_CUTOFF = 4.0
_KNOWN_SHARE = 0.75

HYPOKINETIC_THICKENING_PERCENT, HYPOKINETIC_MOTION_MM = 30.0, 5.0
AKINETIC_THICKENING_PERCENT, AKINETIC_MOTION_MM = 10.0, 2.0
PEAK_THICKENING_PERCENT = 20.0
"""A segment that never thickens by more has no time of its peak."""
MINIMUM_SEGMENTS = 12
"""Fewer of 16 segments make neither an index of wall motion nor one of dyssynchrony."""


class WallMotion(IntEnum):
    """Grade of a segment's motion, as its score counts."""

    NORMAL = 1
    HYPOKINETIC = 2
    AKINETIC = 3
    DYSKINETIC = 4


@dataclass(frozen=True, slots=True)
class PeakTimes:
    """When the segments are thickest, ms after the R wave, and how far these times spread.

    ``dyssynchrony_percent`` is the standard deviation as a share of the beat; None with too few
    segments.
    """

    at_ms: Mapping[int, float]
    dyssynchrony_percent: float | None


def thickening_percent(
    relaxed_mm: Mapping[int, float], contracted_mm: Mapping[int, float]
) -> dict[int, float]:
    """Gain of thickness from end-diastole to end-systole by segment; negative where it thins."""
    return {
        n: 100.0 * (contracted_mm[n] / thickness - 1.0)
        for n, thickness in relaxed_mm.items()
        if n in contracted_mm and thickness > 0.0
    }


def inward_motion_mm(
    relaxed_mm: Mapping[int, float], contracted_mm: Mapping[int, float]
) -> dict[int, float]:
    """Approach of the endocardium to the floating centre; negative where it moves outwards.

    Parameters
    ----------
    relaxed_mm, contracted_mm
        Distance of the endocardium from that centre by segment, at end-diastole and end-systole.
    """
    return {n: far - contracted_mm[n] for n, far in relaxed_mm.items() if n in contracted_mm}


def grade(thickening_percent: float, inward_mm: float) -> WallMotion:
    """Grade a segment; it is as good as the better of its thickening and its motion."""
    by_thickening = _step(
        thickening_percent, HYPOKINETIC_THICKENING_PERCENT, AKINETIC_THICKENING_PERCENT
    )
    return min(by_thickening, _step(inward_mm, HYPOKINETIC_MOTION_MM, AKINETIC_MOTION_MM))


def _step(value: float, hypokinetic: float, akinetic: float) -> WallMotion:
    if value >= hypokinetic:
        return WallMotion.NORMAL
    if value >= akinetic:
        return WallMotion.HYPOKINETIC
    return WallMotion.AKINETIC if value >= 0.0 else WallMotion.DYSKINETIC


def score_index(grades: Iterable[WallMotion]) -> float | None:
    """Mean score of the segments, or None where too few have one."""
    scores = [int(one) for one in grades]
    return float(np.mean(scores)) if len(scores) >= MINIMUM_SEGMENTS else None


def thickness_over_beat(by_phase: Sequence[Mapping[int, float]]) -> dict[int, Float64Array]:
    """Thickness of each segment at every phase, ``[phase]``, NaN where it was not seen.

    A segment that was seen in less than three quarters of the phases is left out.
    """
    found = {}
    for n in range(1, 17):
        values = np.array([one.get(n, np.nan) for one in by_phase], np.float64)
        if np.mean(np.isfinite(values)) >= _KNOWN_SHARE:
            found[n] = values
    return found


def thickness_curve(
    thickness_mm: Float64Array, times_ms: Float64Array, beat_ms: float
) -> BeatCurve | None:
    """Smooth thickness of a segment over the beat, or None with fewer than twelve values."""
    if np.count_nonzero(np.isfinite(thickness_mm)) < MINIMUM_PHASES:
        return None
    return fit_beat(thickness_mm, times_ms, beat_ms, cutoff=_THICKNESS_CUTOFF)


def peak_times(
    thickness_mm: Mapping[int, Float64Array],
    times_ms: Float64Array,
    beat_ms: float,
    relaxed_mm: Mapping[int, float],
) -> PeakTimes:
    """Find when each segment is thickest.

    Parameters
    ----------
    thickness_mm
        Thickness of each segment at every phase, ``[phase]``.
    relaxed_mm
        End-diastolic thickness by segment; a segment must become thicker than that by 20 %.
    """
    at_ms = {}
    for n, values in thickness_mm.items():
        curve = thickness_curve(values, times_ms, beat_ms)
        if curve is None or n not in relaxed_mm:
            continue
        smooth = curve.values
        peak = int(np.argmax(smooth))
        if smooth[peak] >= relaxed_mm[n] * (1.0 + PEAK_THICKENING_PERCENT / 100.0):
            at_ms[n] = float(curve.times_ms[peak])
    enough = len(at_ms) >= MINIMUM_SEGMENTS
    spread = 100.0 * float(np.std(list(at_ms.values()))) / beat_ms if enough else None
    return PeakTimes(at_ms, spread)
