"""Tables of the recognition trials: areas under the curve with bootstrap intervals.

``python -m worker.training.language.recognition_tables --studies FOLDER --out FOLDER ...`` reads
the margins that `recognition_trial` wrote and prints Markdown. It trains nothing. Beside the
margins stands what needs no network: the measured value that a finding rests on, and the printed
criteria of a group, both on the same contours of the tower.

References
----------
Hanley and McNeil, Radiology 1982 (area under the curve as a probability).
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from worker.model.language.categories import read_categories
from worker.phantom.anatomy import HeartKind
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import finding_vector, phantom_categories
from worker.training.language.criteria import GROUPS, by_rules
from worker.training.language.recognition_trial import MARGINS_NAME
from worker.training.language.study_data import GROUP_OF_KIND, LabelledStudy, read_studies
from worker.training.rows import read_rows

Float64Array = npt.NDArray[np.float64]
_BANKS = ("descriptions", "names", "random")
_RESAMPLES = 1000
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the curve with its 95 % interval over patients."""

    value: float
    low: float
    high: float
    n_present: int
    n_absent: int

    def __str__(self) -> str:
        counts = f"{self.n_present}/{self.n_absent}"
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f}; {counts})"


def area(scores: Float64Array, present: npt.NDArray[np.bool_]) -> float:
    """Probability that a study with the category scores higher than one without; ties half."""
    positive, negative = scores[present], scores[~present]
    difference = positive[:, None] - negative[None]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def area_of_runs(runs: Float64Array, present: npt.NDArray[np.bool_]) -> Area | None:
    """Mean area over runs; the interval resamples patients with and without apart.

    Parameters
    ----------
    runs
        float64 ``[run, study]``: scores of the same studies by networks of different seeds.
    present
        bool ``[study]``.

    Returns
    -------
    Area or None
        None where all studies or none have the category.
    """
    if present.all() or not present.any():
        return None
    drawn = [np.mean([area(run[d], present[d]) for run in runs]) for d in _draws(present)]
    low, high = np.percentile(drawn[1:], (2.5, 97.5))
    n_present = int(present.sum())
    return Area(float(drawn[0]), float(low), float(high), n_present, present.size - n_present)


def gain(runs: Float64Array, others: Float64Array, present: npt.NDArray[np.bool_]) -> str:
    """Mean area of some runs less that of others over the same studies, with its interval."""
    differences = [
        np.mean([area(run[d], present[d]) for run in runs])
        - np.mean([area(run[d], present[d]) for run in others])
        for d in _draws(present)
    ]
    return interval(np.array(differences))


def _draws(present: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield all studies, then resamples of those with and those without apart."""
    positive, negative = np.flatnonzero(present), np.flatnonzero(~present)
    rng = np.random.default_rng(_SEED)
    yield np.arange(present.size)
    for _ in range(_RESAMPLES):
        yield np.concatenate(
            (rng.choice(positive, positive.size), rng.choice(negative, negative.size))
        )


@dataclass(frozen=True, slots=True)
class Results:
    """Margins of all runs, with the truth of their studies."""

    lines: Sequence[Mapping[str, object]]
    studies: Mapping[str, LabelledStudy]

    def area(self, trial: str, bank: str, key: str, ids: Iterable[str]) -> Area | None:
        """Area of a category over studies whose truth is known, mean of the seeds."""
        chosen, present = self._known(key, ids)
        runs = self._runs(trial, bank, key, chosen)
        return area_of_runs(runs, present) if runs.size else None

    def gains(self, trial: str, key: str, ids: Iterable[str]) -> tuple[str, ...]:
        """How much more area the descriptions give than the name alone, and than chance."""
        chosen, present = self._known(key, ids)
        own, *others = (self._runs(trial, bank, key, chosen) for bank in _BANKS)
        if not own.size or present.all() or not present.any():
            return tuple("-" for _ in others)
        return tuple(gain(own, one, present) for one in others)

    def rules(self, key: str, ids: Iterable[str]) -> Area | None:
        """Area of the printed criteria over the same studies."""
        chosen, present = self._known(key, ids)
        scores = np.array([[by_rules(self.studies[one], key) for one in chosen]])
        return area_of_runs(scores, present)

    def unseen(self, cohort: str) -> list[str]:
        """Ids of the studies of a cohort that no network learnt from."""
        scored = [set(line["margins"]["descriptions"]) for line in self.lines]  # type: ignore[index]
        everywhere = set.intersection(*scored)
        return sorted(one for one in everywhere if self.studies[one].cohort == cohort)

    def _runs(self, trial: str, bank: str, key: str, chosen: Sequence[str]) -> Float64Array:
        """Margins ``[run, study]`` of a bank, by networks of every seed."""
        runs = [
            [line["margins"][name][one][key] for one in chosen]  # type: ignore[index]
            for line in self.lines
            if line["trial"] == trial
            for name in line["margins"]  # type: ignore[attr-defined]
            if name == bank or (bank == "random" and name.startswith(bank))
        ]
        return np.array(runs)

    def _known(self, key: str, ids: Iterable[str]) -> tuple[list[str], npt.NDArray[np.bool_]]:
        labels = {one: int(finding_vector(self.studies[one], [key])[0]) for one in ids}
        chosen = [one for one, label in labels.items() if label >= 0]
        return chosen, np.array([labels[one] == 1 for one in chosen], dtype=bool)


def tables(results: Results) -> str:
    """Write all tables as Markdown."""
    splits = read_splits()
    patients = [one for one in splits.validation if one in results.studies]
    away = [one for one in (*patients, *splits.monitor) if one in results.studies]
    kinds, mixed = (results.unseen(cohort) for cohort in ("phantom", "mixed"))
    keys = [one.key for one in read_categories()]
    parts = [
        "| category | anchors, patients | values or criteria, patients | anchors, kinds of hearts "
        "| anchors, mixed hearts |",
        "|---|---|---|---|---|",
        *(
            f"| {key} | {_said(results.area('everything', 'descriptions', key, patients))} "
            f"| {_said(results.rules(key, patients))} "
            f"| {_said(results.area('everything', 'descriptions', key, kinds))} "
            f"| {_said(results.area('everything', 'descriptions', key, mixed))} |"
            for key in keys
        ),
        "",
        "| held out | descriptions | name only | random anchors | printed criteria "
        "| more than name | more than random |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        own = [one.id for one in results.studies.values() if one.group == group]
        ids = [one for one in own if one.startswith("patient")]
        ids += [one for one in away if results.studies[one].group != group]
        cells = [results.area(f"without_{group}", b, group, ids) for b in _BANKS]
        said = [_said(cell) for cell in (*cells, results.rules(group, ids))]
        row = " | ".join((*said, *results.gains(f"without_{group}", group, ids)))
        parts.append(f"| {group} | {row} |")
    parts += _kinds_table(results, kinds)
    return "\n".join(parts) + "\n"


def _kinds_table(results: Results, hearts: Sequence[str]) -> list[str]:
    """Held-out kinds of generated hearts: against all other unseen hearts, and their own group."""
    rows = [
        "",
        "| held-out kind, against | descriptions | name only | random anchors | segments' rule |",
        "|---|---|---|---|---|",
    ]
    for key in (one.key for one in phantom_categories()):
        own = [one.id for one in results.studies.values() if one.kind == key]
        others = [one for one in hearts if results.studies[one].kind != key]
        group = GROUP_OF_KIND[HeartKind(key)]
        alike = [one for one in others if results.studies[one].group == group]
        for against, ids in (("all others", [*own, *others]), (f"other {group}", [*own, *alike])):
            cells = [results.area(f"without_{key}", bank, key, ids) for bank in _BANKS]
            row = " | ".join(_said(cell) for cell in (*cells, results.rules(key, ids)))
            rows.append(f"| {key}, {against} | {row} |")
    return rows


def _said(found: Area | None) -> str:
    return "-" if found is None else str(found)


def interval(drawn: Float64Array) -> str:
    """Value and 95 % interval: the first of ``[1 + resample]``, and percentiles of the others."""
    low, high = np.percentile(drawn[1:], (2.5, 97.5))
    return f"{drawn[0]:.3f} ({low:.3f} to {high:.3f})"


def _main() -> None:
    parser = argparse.ArgumentParser(description="Tables of the recognition trials.")
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, nargs="+", help="folders of trials")
    given = parser.parse_args()
    lines = [row for folder in given.out for row in read_rows(folder / MARGINS_NAME)]
    studies = {one.id: one for one in read_studies(given.studies)}
    print(tables(Results(lines, studies)))  # noqa: T201


if __name__ == "__main__":
    _main()
