"""How far stated probabilities can be trusted: temperature, conformal threshold, error, intervals.

Plain functions over probabilities and truths; knows neither hearts nor classifiers.

References
----------
Guo C et al., ICML 2017 (temperature scaling, expected calibration error). Sadinle M et al., J Am
Stat Assoc 2019;114:223-234 (split-conformal sets). Wilson EB, J Am Stat Assoc 1927;22:209-212.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.stats import rankdata

from worker.findings.pattern import probabilities

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Interval = tuple[float, float]

N_BINS = 10
_RESAMPLES = 2000
_Z_95 = 1.959964
_LOG_TEMPERATURE = (-2.5, 2.5)
_SMALLEST = 1e-12


def log_loss(shares: Float64Array, truth: IntArray) -> float:
    """Mean negative logarithm of the probability of the truth."""
    return float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], _SMALLEST)).mean())


def fit_temperature(scores: Float64Array, truth: IntArray) -> float:
    """Find the temperature by which scores ``[case, class]`` give the least log loss."""

    def loss(log_temperature: float) -> float:
        return log_loss(probabilities(scores, float(np.exp(log_temperature))), truth)

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURE, method="bounded")
    return float(np.exp(found.x))


def conformal_threshold(shares: Float64Array, truth: IntArray, coverage: float) -> float:
    """Least probability of a class in the set, so that sets hold the truth at ``coverage``.

    The quantile counts one more case than there are, for the heart that is yet to come; with too
    few cases for the coverage every class is in the set.
    """
    held = np.sort(1.0 - shares[np.arange(len(truth)), truth])
    rank = ceil((len(held) + 1) * coverage)
    return 0.0 if rank > len(held) else float(1.0 - held[rank - 1])


def expected_calibration_error(confidence: Float64Array, right: npt.NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over ten bins of equal width, by their cases."""
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    n = np.bincount(bins, minlength=N_BINS)
    stated = np.bincount(bins, weights=confidence, minlength=N_BINS)
    true = np.bincount(bins, weights=right.astype(np.float64), minlength=N_BINS)
    return float(np.abs(stated - true)[n > 0].sum() / len(confidence))


def error_of_a_perfect_model(confidence: Float64Array, seed: int = 0) -> tuple[float, Interval]:
    """Mean and 95 % interval of the calibration error if every confidence were true.

    With few cases the error of a perfectly calibrated model is not zero; this is what to compare
    with.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        expected_calibration_error(confidence, rng.random(len(confidence)) < confidence)
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(np.mean(drawn)), (float(low), float(high))


def area_under_curve(score: Float64Array, positive: npt.NDArray[np.bool_]) -> float:
    """Probability that a positive case scores higher than a negative one (ties count half)."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(score)
    total = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return total / (n_positive * n_negative)


def wilson_interval(n_right: int, n: int) -> Interval:
    """95 % interval of a share."""
    share, z2 = n_right / n, _Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def bootstrap_interval(n: int, statistic: Callable[[IntArray], float], seed: int = 0) -> Interval:
    """95 % percentile interval of a statistic of cases drawn with replacement, by their indices."""
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.integers(n, size=n)) for _ in range(_RESAMPLES)]
    low, high = np.percentile([one for one in drawn if np.isfinite(one)], (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Reliability:
    """One bin: mean confidence, accuracy, cases."""

    confidence: float
    accuracy: float
    n: int


def reliability(confidence: Float64Array, right: npt.NDArray[np.bool_]) -> tuple[Reliability, ...]:
    """Bins that hold cases, from the least to the greatest confidence."""
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    inside = [bins == k for k in range(N_BINS) if (bins == k).any()]
    return tuple(
        Reliability(float(confidence[one].mean()), float(right[one].mean()), int(one.sum()))
        for one in inside
    )
