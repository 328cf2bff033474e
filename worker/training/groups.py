"""The classifier of heart groups: fitted on features of contours, judged by cross-validation.

Regularised multinomial logistic regression. Everything that is chosen (strength, temperature,
conformal threshold) is chosen inside the training patients of a fold, by an inner
cross-validation over the other folds, so no label of a patient takes part in his own answer.
Knows no image; ``measured_hearts`` makes the features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from worker.findings.pattern import GROUPS, PatternTable, feature_vector, probabilities
from worker.findings.pattern_features import FEATURES
from worker.training.calibration import (
    Float64Array,
    IntArray,
    conformal_threshold,
    fit_temperature,
    log_loss,
)
from worker.training.hearts import MeasuredHeart

ACDC_GROUPS = {
    "NOR": "normal",
    "DCM": "dilated_cardiomyopathy",
    "HCM": "hypertrophic_cardiomyopathy",
    "MINF": "infarction",
    "RV": "abnormal_right_ventricle",
}
COVERAGE = 0.9
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse weights of the penalty that are tried."""

_ERROR_DRAWS = 4
_ERROR_SEED = 20261122
_MARGIN = 1.0
"""Standard deviations by which a heart may lie beyond those of the table."""


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Hearts as the classifier takes them.

    Attributes
    ----------
    features
        ``[case, feature]`` by the tower of the fold; by the expert's mask where there is none.
    twins
        ``[case, feature]`` by the experts' masks: further training examples, never test cases.
    by_tower
        ``[case]`` whether ``features`` are a tower's; only these are judged.
    truth, fold
        ``[case]`` index of the group, and number of the fold.
    """

    features: Float64Array
    twins: Float64Array
    by_tower: npt.NDArray[np.bool_]
    truth: IntArray
    fold: IntArray
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted classifier; ``scores`` of standardised features."""

    mean: Float64Array
    scale: Float64Array
    weights: Float64Array
    bias: Float64Array

    def scores(self, features: Float64Array) -> Float64Array:
        """Scores ``[case, group]`` of features ``[case, feature]``."""
        standard = (features - self.mean) / self.scale
        return np.asarray(standard @ self.weights + self.bias, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A classifier with what was chosen for it on patients that it had not seen."""

    model: Model
    strength: float
    temperature: float
    least_probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the nested cross-validation said of every heart, ``[case, group]`` and ``[case]``."""

    shares: Float64Array
    sets: npt.NDArray[np.bool_]
    strengths: tuple[float, ...]
    temperatures: tuple[float, ...]


def cases_of(hearts: Sequence[MeasuredHeart]) -> Cases:
    """Return the hearts whose contours give every feature; the others are left out."""
    names = tuple(FEATURES)
    usable = [h for h in hearts if h.expert_features and (h.features or not h.tower)]
    by_group = {group: index for index, group in enumerate(GROUPS)}
    return Cases(
        np.stack([feature_vector(h.features or h.expert_features, names) for h in usable]),
        np.stack([feature_vector(heart.expert_features, names) for heart in usable]),
        np.array([bool(heart.tower) for heart in usable]),
        np.array([by_group[ACDC_GROUPS[heart.group]] for heart in usable]),
        np.array([heart.fold for heart in usable]),
        tuple(heart.patient for heart in usable),
    )


def fit(features: Float64Array, truth: IntArray, strength: float) -> Model:
    """Fit logistic regression with a squared penalty on the weights, not on the bias."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    standard = (features - mean) / scale
    n_features, n_groups = standard.shape[1], len(GROUPS)
    wanted = np.eye(n_groups)[truth]

    def loss(flat: Float64Array) -> tuple[float, Float64Array]:
        every = flat.reshape(n_features + 1, n_groups)
        shares = probabilities(standard @ every[:-1] + every[-1])
        penalty = float((every[:-1] ** 2).sum()) / (2 * strength)
        gradient = np.vstack(
            (standard.T @ (shares - wanted) + every[:-1] / strength, (shares - wanted).sum(axis=0))
        )
        return log_loss(shares, truth) * len(truth) + penalty, gradient.ravel()

    start = np.zeros((n_features + 1) * n_groups)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    every = found.x.reshape(n_features + 1, n_groups)
    return Model(mean, scale, every[:-1], every[-1])


def calibrated(cases: Cases, chosen: npt.NDArray[np.bool_]) -> Calibrated:
    """Fit on the chosen cases; what is chosen by cross-validation over their folds."""
    scores = {strength: _unseen_scores(cases, chosen, strength) for strength in STRENGTHS}
    truth = cases.truth[chosen]
    losses = {strength: _scaled_loss(found, truth) for strength, found in scores.items()}
    strength = min(losses, key=lambda one: losses[one])
    temperature = fit_temperature(scores[strength], truth)
    shares = probabilities(scores[strength], temperature)
    least = conformal_threshold(shares, truth, COVERAGE)
    return Calibrated(_fit_with_twins(cases, chosen, strength), strength, temperature, least)


def _scaled_loss(scores: Float64Array, truth: IntArray) -> float:
    return log_loss(probabilities(scores, fit_temperature(scores, truth)), truth)


def _unseen_scores(cases: Cases, chosen: npt.NDArray[np.bool_], strength: float) -> Float64Array:
    """Scores of the chosen cases, each by a model of the other chosen folds."""
    scores = np.zeros((len(cases.truth), len(GROUPS)))
    for fold in np.unique(cases.fold[chosen]):
        own = chosen & (cases.fold == fold)
        scores[own] = _fit_with_twins(cases, chosen & ~own, strength).scores(cases.features[own])
    return scores[chosen]


def _fit_with_twins(cases: Cases, chosen: npt.NDArray[np.bool_], strength: float) -> Model:
    """Fit on the chosen hearts as towers see them, as experts do, and as towers might.

    The last are the experts' features with the errors that towers made on others of the chosen
    hearts: they teach which features a tower measures well.
    """
    shown = [cases.features[chosen], cases.twins[chosen]]
    measured = chosen & cases.by_tower
    errors = cases.features[measured] - cases.twins[measured]
    if len(errors):
        rng = np.random.default_rng(_ERROR_SEED)
        drawn = rng.integers(len(errors), size=(_ERROR_DRAWS, int(chosen.sum())))
        shown += [cases.twins[chosen] + errors[one] for one in drawn]
    truth = np.tile(cases.truth[chosen], len(shown))
    # the examples are of the same hearts, so more of them must not weaken the penalty
    return fit(np.concatenate(shown), truth, 2.0 * strength / len(shown))


def cross_validate(cases: Cases) -> Answers:
    """Answer for every heart with a classifier and a calibration that never saw his group."""
    shares = np.zeros((len(cases.truth), len(GROUPS)))
    sets = np.zeros(shares.shape, dtype=bool)
    used: list[Calibrated] = []
    for fold in np.unique(cases.fold):
        own = cases.fold == fold
        one = calibrated(cases, ~own)
        shares[own] = probabilities(one.model.scores(cases.features[own]), one.temperature)
        sets[own] = shares[own] >= one.least_probability
        used.append(one)
    strengths = tuple(one.strength for one in used)
    return Answers(shares, sets, strengths, tuple(one.temperature for one in used))


def make_table(cases: Cases, *, patients: str, command: str) -> PatternTable:
    """Fit on all hearts, calibrated on each by a model that had not seen him."""
    one = calibrated(cases, np.ones(len(cases.truth), dtype=bool))
    standard = (cases.features - one.model.mean) / one.model.scale
    return PatternTable(
        schema_version=1,
        groups=GROUPS,
        features=tuple(FEATURES),
        mean=_rounded(one.model.mean),
        scale=_rounded(one.model.scale),
        low=_rounded(standard.min(axis=0) - _MARGIN),
        high=_rounded(standard.max(axis=0) + _MARGIN),
        weights=tuple(_rounded(row) for row in one.model.weights),
        bias=_rounded(one.model.bias),
        temperature=round(one.temperature, 6),
        least_probability=round(one.least_probability, 6),
        coverage=COVERAGE,
        n_patients=len(cases.truth),
        patients=patients,
        command=command,
    )


def _rounded(values: Float64Array) -> tuple[Any, ...]:
    return tuple(round(float(value), 6) for value in values)
