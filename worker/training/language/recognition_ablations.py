"""The ablation table of the recognition trials: how much each part gives, with its interval.

``python -m worker.training.language.recognition_ablations --studies FOLDER --out FOLDER ...`` reads
the margins that `recognition_trial` wrote and prints Markdown. It trains nothing.

A trial is held to the control over the same patients and the same seeds. The intervals are over
both: patients and seeds are drawn anew together. Three seeds are few, so a difference whose
interval just leaves out 0 is still weak; the control's own seeds stand below the table.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.model.language.categories import read_categories
from worker.training.cohorts import read_splits
from worker.training.language.alignment_data import finding_vector
from worker.training.language.recognition_tables import interval
from worker.training.language.recognition_trial import MARGINS_NAME, TRIALS
from worker.training.language.study_data import LabelledStudy, read_studies
from worker.training.rows import read_rows

Float64Array = npt.NDArray[np.float64]
Line = Mapping[str, Any]
CONTROL = "everything"
_RESAMPLES = 1000
_SEED = 20261122


def mean_areas(runs: Float64Array, truth: npt.NDArray[np.int64]) -> Float64Array:
    """Mean area under the curve over categories and runs, of all studies and of resamples.

    Parameters
    ----------
    runs
        ``[run, study, category]``: margins.
    truth
        ``[study, category]``: 1 present, 0 absent, -1 not known.

    Returns
    -------
    numpy.ndarray
        ``[1 + resample]``; every call with as many studies sees the same draws, so differences may
        be taken one by one. A category that a draw shows only one side of is left out of it.
    """
    n_studies = len(truth)
    drawn = np.random.default_rng(_SEED).integers(n_studies, size=(_RESAMPLES, n_studies))
    counts = np.stack(
        [np.ones(n_studies), *(np.bincount(draw, minlength=n_studies) for draw in drawn)]
    )
    per_category = []
    for column in range(truth.shape[1]):
        present, absent = truth[:, column] == 1, truth[:, column] == 0
        own = runs[:, :, column]
        above = own[:, present, None] - own[:, None, absent]
        won = ((above > 0) + 0.5 * (above == 0)).mean(axis=0)
        with_it, without = counts[:, present], counts[:, absent]
        n_pairs = with_it.sum(axis=1) * without.sum(axis=1)
        total = (with_it @ won * without).sum(axis=1)
        per_category.append(np.where(n_pairs > 0, total / np.maximum(n_pairs, 1), np.nan))
    return np.asarray(np.nanmean(per_category, axis=0), dtype=np.float64)


def over_seeds(drawn: Float64Array) -> Float64Array:
    """Average ``[seed, 1 + resample]`` over the seeds, in each resample over seeds drawn anew.

    Every call with as many seeds sees the same draws.
    """
    n_seeds = len(drawn)
    rng = np.random.default_rng(_SEED + 1)
    chosen = rng.integers(n_seeds, size=(n_seeds, drawn.shape[1]))
    chosen[:, 0] = np.arange(n_seeds)
    return np.asarray(np.take_along_axis(drawn, chosen, axis=0).mean(axis=0), dtype=np.float64)


Reading = Callable[[Line, Sequence[str], Sequence[str]], list[Float64Array]]
"""Margins ``[study, category]``, once or several times, of a line's studies and categories."""


def _of_bank(name: str) -> Reading:
    """Read the anchors of a bank, or of all banks whose names begin so."""

    def read(line: Line, ids: Sequence[str], keys: Sequence[str]) -> list[Float64Array]:
        banks = [bank for bank in line["margins"] if bank.startswith(name)]
        return [
            np.array([[line["margins"][bank][one][key] for key in keys] for one in ids])
            for bank in banks
        ]

    return read


described = _of_bank("descriptions")


def permuted(line: Line, ids: Sequence[str], keys: Sequence[str]) -> list[Float64Array]:
    """Give every category the anchors of another one, of each other one in turn."""
    (own,) = described(line, ids, keys)
    return [np.roll(own, shift, axis=1) for shift in range(1, len(keys))]


OTHER_ANCHORS: Mapping[str, Reading] = {
    "class names only": _of_bank("names"),
    "anchors of another category": permuted,
    "random anchors": _of_bank("random"),
}
"""What else the control's studies are held to; nothing is trained for it."""


def ablation_table(
    lines: Iterable[Line], studies: Mapping[str, LabelledStudy], ids: Sequence[str]
) -> str:
    """Write the table over the studies ``ids``; the control must be among the lines."""
    keys = [one.key for one in read_categories()]
    truth = np.stack([finding_vector(studies[one], keys) for one in ids])
    by_trial: dict[str, dict[int, Line]] = {}
    for line in lines:
        if line["held_out"] is None:
            by_trial.setdefault(line["trial"], {})[line["seed"]] = line
    control = by_trial.pop(CONTROL)

    def areas(of: Mapping[int, Line], seeds: Iterable[int], read: Reading) -> Float64Array:
        return over_seeds(
            np.stack([mean_areas(np.stack(read(of[seed], ids, keys)), truth) for seed in seeds])
        )

    def row(name: str, of: Mapping[int, Line], read: Reading) -> str:
        seeds = sorted(of.keys() & control.keys())
        own = areas(of, seeds, read)
        less = interval(areas(control, seeds, described) - own)
        return f"| {name.replace('_', ' ')} | {len(seeds)} | {interval(own)} | {less} |"

    order = [one.name for one in TRIALS if one.name in by_trial]
    order += [name for name in by_trial if name not in order]
    alone = {seed: areas(control, [seed], described)[0] for seed in sorted(control)}
    return "\n".join(
        [
            "| trial | seeds | mean area | less than everything |",
            "|---|---|---|---|",
            f"| {CONTROL} | {len(control)} | {interval(areas(control, control, described))} |  |",
            *(row(name, by_trial[name], described) for name in order),
            *(row(f"{CONTROL}, {name}", control, read) for name, read in OTHER_ANCHORS.items()),
            "",
            f"{CONTROL}, by seed: " + ", ".join(f"{area:.3f}" for area in alone.values()),
        ]
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description="Ablation table of the recognition trials.")
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, nargs="+", help="folders of trials")
    given = parser.parse_args()
    lines = [row for folder in given.out for row in read_rows(folder / MARGINS_NAME)]
    studies = {one.id: one for one in read_studies(given.studies)}
    splits = read_splits()
    patients = [one for one in (*splits.validation, *splits.monitor) if one in studies]
    judged = next(line["margins"]["descriptions"] for line in lines if line["trial"] == CONTROL)
    hearts = [one for one in judged if studies[one].cohort != "acdc"]
    for name, ids in (("patients", patients), ("generated hearts not learnt from", hearts)):
        print(f"{len(ids)} {name}\n\n{ablation_table(lines, studies, ids)}\n")  # noqa: T201


if __name__ == "__main__":
    _main()
