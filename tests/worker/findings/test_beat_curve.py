"""The smooth curve over the beat against curves that are known."""

import numpy as np
import pytest

from worker.findings.beat_curve import MINIMUM_PHASES, fit_beat

BEAT_MS = 900.0


def volume(times_ms):
    """Volume of two harmonics, and its slope per second."""
    turn = 2.0 * np.pi / BEAT_MS
    value = 100.0 + 40.0 * np.cos(turn * times_ms) + 12.0 * np.sin(2.0 * turn * times_ms)
    slope = -40.0 * turn * np.sin(turn * times_ms) + 24.0 * turn * np.cos(2.0 * turn * times_ms)
    return value, 1000.0 * slope


@pytest.mark.parametrize("n_phases", [12, 20, 30])
def test_values_and_rates_of_a_smooth_beat_come_back(n_phases):
    times = np.arange(n_phases) * BEAT_MS / n_phases
    curve = fit_beat(volume(times)[0], times, BEAT_MS, cutoff=5.0)
    value, slope = volume(curve.times_ms)
    assert np.abs(curve.values - value).max() < 0.5
    assert np.abs(curve.rates_per_s - slope).max() < 0.02 * np.abs(slope).max()


def test_jitter_of_single_contours_makes_no_rate():
    times = np.arange(25) * BEAT_MS / 25
    clean, noise = volume(times)[0], np.random.default_rng(5).normal(0.0, 2.0, 25)
    true = np.abs(volume(np.arange(900.0))[1]).max()
    noise[8] += 12.0
    smooth = fit_beat(clean + noise, times, BEAT_MS, cutoff=5.0)
    neighbours = np.abs(np.diff(clean + noise)).max() / (BEAT_MS / 25 / 1000.0)
    assert np.abs(smooth.rates_per_s).max() == pytest.approx(true, rel=0.2)
    assert neighbours > 1.25 * true


def test_end_of_the_beat_that_was_not_acquired_makes_no_peak():
    times = np.arange(22) * 34.0  # 748 of 900 ms, as with prospective gating
    curve = fit_beat(volume(times)[0], times, BEAT_MS, cutoff=5.0)
    assert curve.times_ms[[0, -1]] == pytest.approx([17.0, times[-1] - 17.0], abs=1.0)
    value, slope = volume(curve.times_ms)
    assert np.abs(curve.values - value).max() < 2.0
    assert np.abs(curve.rates_per_s).max() == pytest.approx(np.abs(slope).max(), rel=0.05)


def test_phases_that_are_not_used_do_not_count():
    times = np.arange(25) * BEAT_MS / 25
    values = volume(times)[0]
    values[[4, 11]] = np.nan
    curve = fit_beat(values, times, BEAT_MS, cutoff=5.0)
    assert np.abs(curve.values - volume(curve.times_ms)[0]).max() < 1.0


def test_too_few_phases_are_refused():
    times = np.arange(MINIMUM_PHASES) * 75.0
    values = volume(times)[0]
    assert fit_beat(values, times, BEAT_MS, cutoff=5.0).values.size
    values[3] = np.nan
    with pytest.raises(ValueError, match="12 phases"):
        fit_beat(values, times, BEAT_MS, cutoff=5.0)
