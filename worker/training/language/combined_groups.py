"""Whether recognition adds to the measured features where a heart's group is concerned.

``python -m worker.training.language.combined_groups --hearts HEARTS.jsonl --margins FOLDER``
answers for every patient from the measured features, from the margins of recognition, and from
both, and prints figures with paired differences. It trains no network: ``train groups`` made the
hearts and `fold_recognition` the margins, both with a tower (and a network) that never saw the
patient.

The classifier, its penalty, its temperature and the weight of a mean are fitted on the other four
folds. Margins of those come from networks that did learn from the patient who is judged, among 79
others, as their features come from towers that did: stacking by cross-fitting.

References
----------
Wolpert, Neural Networks 1992 (stacking). Genest and Zidek, Statistical Science 1986 (logarithmic
opinion pool).
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from worker.findings.pattern import GROUPS, probabilities
from worker.training.calibration import (
    Float64Array,
    IntArray,
    area_under_curve,
    bootstrap_interval,
    expected_calibration_error,
    fit_temperature,
    log_loss,
)
from worker.training.groups import ACDC_GROUPS, Cases, cases_of, cross_validate
from worker.training.hearts import read_hearts
from worker.training.language.fold_recognition import FoldMargins, read_fold_margins

_NORMAL = GROUPS.index("normal")
_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SMALLEST = 1e-12

Figure = Callable[[Float64Array, IntArray], float]


def _accuracy(shares: Float64Array, truth: IntArray) -> float:
    return float((shares.argmax(axis=1) == truth).mean())


def _area(shares: Float64Array, truth: IntArray) -> float:
    return area_under_curve(1.0 - shares[:, _NORMAL], truth != _NORMAL)


def _calibration_error(shares: Float64Array, truth: IntArray) -> float:
    return expected_calibration_error(shares.max(axis=1), shares.argmax(axis=1) == truth)


FIGURES: Mapping[str, Figure] = {
    "accuracy": _accuracy,
    "AUC normal / abnormal": _area,
    "calibration error": _calibration_error,
    "log loss": log_loss,
}


def scores_of(cases: Cases, lines: Sequence[FoldMargins]) -> Float64Array:
    """Return the margins of cases ``[case, group]`` by the temperature of each one's network.

    Parameters
    ----------
    lines
        Of one seed, one for each fold.

    Raises
    ------
    ValueError
        A case is scored by the network of another fold than his own.
    """
    by_patient = {one: line for line in lines for one in line.margins}
    folds = dict(zip(cases.patients, cases.fold.tolist(), strict=True))
    strange = [one for one, fold in folds.items() if by_patient[one].fold != fold]
    if strange:
        msg = f"{strange[0]}: scored by the network of another fold"
        raise ValueError(msg)
    keys = {name: key for key, name in ACDC_GROUPS.items()}
    return np.array(
        [
            [
                by_patient[one].margins[one][keys[name]] / by_patient[one].temperature
                for name in GROUPS
            ]
            for one in cases.patients
        ]
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """Probabilities ``[case, group]`` by the ways to answer, each by networks of one seed."""

    measured: Float64Array
    recognised: Float64Array
    together: Float64Array
    mean: Float64Array


def answer(cases: Cases, scores: Float64Array) -> Answered:
    """Answer from measured features, from recognition, from both at once, and by their mean.

    Recognition has no experts' twin: every example of a heart shows the same scores.
    """
    recognised = replace(cases, features=scores, twins=scores)
    together = replace(
        cases,
        features=np.hstack((cases.features, scores)),
        twins=np.hstack((cases.twins, scores)),
    )
    return Answered(
        cross_validate(cases).shares,
        cross_validate(recognised).shares,
        cross_validate(together).shares,
        _weighted_mean(cases, recognised),
    )


def _weighted_mean(cases: Cases, others: Cases) -> Float64Array:
    """Geometric mean of the answers to both, its weight and temperature fitted on other folds."""
    shares = np.zeros((len(cases.truth), len(GROUPS)))
    whole = [_logarithm(cross_validate(one).shares) for one in (cases, others)]
    for fold in np.unique(cases.fold):
        own = cases.fold == fold
        truth = cases.truth[~own]
        inner = [_logarithm(cross_validate(_without(one, fold)).shares) for one in (cases, others)]
        pools = {w: (1 - w) * inner[0] + w * inner[1] for w in _WEIGHTS}
        heat = {w: fit_temperature(pool, truth) for w, pool in pools.items()}
        losses = {w: log_loss(probabilities(pools[w], heat[w]), truth) for w in _WEIGHTS}
        best = min(losses, key=lambda w: losses[w])
        pool = (1 - best) * whole[0][own] + best * whole[1][own]
        shares[own] = probabilities(pool, heat[best])
    return shares


def _logarithm(shares: Float64Array) -> Float64Array:
    return np.asarray(np.log(np.maximum(shares, _SMALLEST)), np.float64)


def _without(cases: Cases, fold: int) -> Cases:
    kept = cases.fold != fold
    return Cases(
        cases.features[kept],
        cases.twins[kept],
        cases.by_tower[kept],
        cases.truth[kept],
        cases.fold[kept],
        tuple(one for one, stays in zip(cases.patients, kept, strict=True) if stays),
    )


def table(cases: Cases, answered: Sequence[Answered]) -> str:
    """Write figures, and differences from the measured features alone; means over the seeds."""
    measured = [one.measured for one in answered]
    others = {
        "recognition": [one.recognised for one in answered],
        "both, one classifier": [one.together for one in answered],
        "both, weighted mean": [one.mean for one in answered],
    }
    rows = [
        _row("measured features", [(1.0, measured)], cases.truth),
        *(_row(name, [(1.0, runs)], cases.truth) for name, runs in others.items()),
        *(
            _row(f"{name}, less measured", [(1.0, runs), (-1.0, measured)], cases.truth)
            for name, runs in others.items()
        ),
    ]
    head = ["answer from", *FIGURES]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _row(
    name: str, signed: Sequence[tuple[float, Sequence[Float64Array]]], truth: IntArray
) -> list[str]:
    """Figures of a sum of ways to answer, means over runs, with intervals over patients."""
    return [name, *(_cell(partial(_signed, signed, truth, of), len(truth)) for of in FIGURES)]


def _signed(
    signed: Sequence[tuple[float, Sequence[Float64Array]]],
    truth: IntArray,
    name: str,
    drawn: IntArray,
) -> float:
    figure = FIGURES[name]
    return sum(
        sign * float(np.mean([figure(shares[drawn], truth[drawn]) for shares in runs]))
        for sign, runs in signed
    )


def _cell(statistic: Callable[[IntArray], float], n: int) -> str:
    low, high = bootstrap_interval(n, statistic)
    return f"{statistic(np.arange(n)):.3f} ({low:.3f} to {high:.3f})"


def _main() -> None:
    parser = argparse.ArgumentParser(description="Heart groups from features, margins and both.")
    parser.add_argument("--hearts", type=Path, required=True, help="of train groups")
    parser.add_argument("--margins", type=Path, required=True, help="of fold_recognition")
    given = parser.parse_args()
    cases = cases_of(read_hearts(given.hearts))
    lines = read_fold_margins(given.margins)
    seeds = sorted({one.seed for one in lines})
    answered = [
        answer(cases, scores_of(cases, [one for one in lines if one.seed == seed]))
        for seed in seeds
    ]
    print(f"{len(cases.truth)} patients, {len(seeds)} seeds\n")  # noqa: T201 - the command's answer
    print(table(cases, answered))  # noqa: T201


if __name__ == "__main__":
    _main()
