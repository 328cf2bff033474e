"""Figures of calibration on probabilities whose answer is known."""

import numpy as np
import pytest

from worker.findings.pattern import probabilities
from worker.training.calibration import (
    area_under_curve,
    bootstrap_interval,
    conformal_threshold,
    error_of_a_perfect_model,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    reliability,
    wilson_interval,
)


def drawn(n=4000, seed=0):
    """Scores whose softmax is the true chance of each class, and a truth drawn from it."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (n, 3))
    shares = probabilities(scores)
    truth = (rng.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return scores, truth


def test_temperature_undoes_overconfidence():
    scores, truth = drawn()
    assert fit_temperature(3.0 * scores, truth) == pytest.approx(3.0, rel=0.15)
    assert fit_temperature(scores, truth) == pytest.approx(1.0, rel=0.1)


def test_conformal_sets_hold_the_truth_as_often_as_wanted():
    scores, truth = drawn()
    shares = probabilities(scores)
    least = conformal_threshold(shares[:2000], truth[:2000], 0.9)
    held = shares[2000:][np.arange(2000), truth[2000:]] >= least
    assert held.mean() == pytest.approx(0.9, abs=0.03)


def test_too_few_cases_for_the_coverage_hold_every_class():
    shares = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert conformal_threshold(shares, np.array([0, 0]), 0.9) == 0.0


def test_calibration_error_is_the_distance_of_stated_and_true():
    confidence = np.full(100, 0.95)
    right = np.arange(100) < 75
    assert expected_calibration_error(confidence, right) == pytest.approx(0.2)
    (only,) = reliability(confidence, right)
    assert (only.confidence, only.accuracy, only.n) == (pytest.approx(0.95), 0.75, 100)
    mean, (low, high) = error_of_a_perfect_model(confidence)
    assert 0.0 < low < mean < high < 0.1


def test_area_under_curve_counts_pairs_in_order_and_ties_half():
    positive = np.array([True, True, False, False])
    assert area_under_curve(np.array([0.9, 0.4, 0.5, 0.1]), positive) == pytest.approx(0.75)
    assert area_under_curve(np.ones(4), positive) == pytest.approx(0.5)
    assert np.isnan(area_under_curve(np.ones(2), np.array([True, True])))


def test_intervals_of_shares_and_of_drawn_cases():
    low, high = wilson_interval(95, 100)
    assert (low, high) == (pytest.approx(0.888, abs=0.002), pytest.approx(0.978, abs=0.002))
    assert wilson_interval(20, 20)[1] == pytest.approx(1.0)
    values = np.arange(100.0)
    low, high = bootstrap_interval(100, lambda drawn: float(values[drawn].mean()))
    assert low < 49.5 < high
    assert high - low == pytest.approx(11.4, abs=1.5)


def test_log_loss_of_a_sure_and_wrong_answer_is_finite():
    shares = np.array([[1.0, 0.0]])
    assert np.isfinite(log_loss(shares, np.array([1])))
    assert log_loss(shares, np.array([0])) == pytest.approx(0.0, abs=1e-9)
