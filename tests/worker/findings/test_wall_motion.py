"""Grades of wall motion by their printed thresholds, and when segments are thickest."""

import numpy as np
import pytest

from worker.findings.wall_motion import (
    WallMotion,
    grade,
    inward_motion_mm,
    peak_times,
    score_index,
    thickening_percent,
    thickness_over_beat,
)

BEAT_MS = 800.0
TIMES_MS = np.arange(25) * BEAT_MS / 25


@pytest.mark.parametrize(
    ("thickening", "inward", "expected"),
    [
        (45.0, 7.0, WallMotion.NORMAL),
        (30.0, 0.0, WallMotion.NORMAL),
        (0.0, 5.0, WallMotion.NORMAL),
        (29.9, 4.9, WallMotion.HYPOKINETIC),
        (10.0, -1.0, WallMotion.HYPOKINETIC),
        (-5.0, 2.0, WallMotion.HYPOKINETIC),
        (9.9, 1.9, WallMotion.AKINETIC),
        (0.0, -3.0, WallMotion.AKINETIC),
        (-0.1, -0.1, WallMotion.DYSKINETIC),
    ],
)
def test_a_segment_is_as_good_as_the_better_of_its_two_numbers(thickening, inward, expected):
    assert grade(thickening, inward) is expected


def test_index_is_the_mean_of_twelve_segments_or_more():
    grades = [WallMotion.NORMAL] * 8 + [WallMotion.AKINETIC] * 4
    assert score_index(grades) == pytest.approx((8 + 12) / 12)
    assert score_index(grades[1:]) is None


def test_thickening_and_motion_are_signed_and_only_of_segments_seen_twice():
    relaxed, contracted = {1: 8.0, 2: 10.0, 3: 9.0}, {1: 12.0, 2: 9.0, 4: 9.0}
    assert thickening_percent(relaxed, contracted) == pytest.approx({1: 50.0, 2: -10.0})
    assert inward_motion_mm(relaxed, contracted) == pytest.approx({1: -4.0, 2: 1.0})


def thickness(peak_ms, gain):
    """Thickness of 8 mm that grows once in the beat."""
    apart = (TIMES_MS - peak_ms + BEAT_MS / 2) % BEAT_MS - BEAT_MS / 2
    return 8.0 * (1.0 + gain * np.exp(-0.5 * (apart / 110.0) ** 2))


def found(late_ms, *, gain=0.5, n_weak=0):
    """Peak times of a ventricle whose lateral segments are late and some hardly thicken."""
    lateral = (5, 6, 11, 12, 16)
    curves = {
        n: thickness(280.0 + late_ms * (n in lateral), 0.08 if n in range(1, n_weak + 1) else gain)
        for n in range(1, 17)
    }
    return peak_times(curves, TIMES_MS, BEAT_MS, dict.fromkeys(curves, 8.0))


def test_late_wall_is_late_and_makes_the_spread():
    together, late = found(0.0), found(120.0)
    assert together.at_ms[11] == pytest.approx(280.0, abs=6.0)
    assert together.dyssynchrony_percent < 0.5
    assert late.at_ms[11] - late.at_ms[9] == pytest.approx(120.0, abs=8.0)
    expected = 100.0 * np.std([120.0] * 5 + [0.0] * 11) / BEAT_MS
    assert late.dyssynchrony_percent == pytest.approx(expected, rel=0.05)


def test_segment_that_hardly_thickens_has_no_time():
    few = found(0.0, n_weak=4)
    assert sorted(few.at_ms) == list(range(5, 17))
    assert few.dyssynchrony_percent is not None
    assert found(0.0, n_weak=5).dyssynchrony_percent is None


def test_segment_that_is_often_not_seen_has_no_curve():
    by_phase = [{1: 8.0, 2: 9.0} if phase % 2 else {1: 8.0} for phase in range(24)]
    curves = thickness_over_beat(by_phase)
    assert sorted(curves) == [1]
    assert curves[1].shape == (24,)
