"""Recognition of every patient by a network, and with a tower, that never saw him.

``python -m worker.training.language.fold_recognition --studies FOLDER --tokenizer FILE --out
FOLDER`` trains a small network of the shipped kind for each fold of `worker.training.folds` and
writes the margins of the fold's own patients (``fold_margins.jsonl``, one line per fold and seed; a
line that is there is not made again; other studies or settings need another folder). ``--studies``
holds ``fold-1`` to ``fold-5``: the same patients and generated hearts, analysed by the tower of
each fold with `study_data`. What the margins are worth beside the measured features is asked by
`combined_groups`.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from worker.model.language.categories import read_categories
from worker.model.language.tokenizer import Tokenizer
from worker.training.folds import fold_folder, read_folds
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    read_anchors,
    tensors_of,
)
from worker.training.language.criteria import GROUPS
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.recognition_network import evaluation_network
from worker.training.language.recognition_trial import Cohorts, train
from worker.training.language.study_data import LabelledStudy, read_studies
from worker.training.rows import add_row, continue_rows, digest_of, read_rows

FOLD_MARGINS_NAME = "fold_margins.jsonl"
_AS_SHIPPED = AlignmentOptions(answered=0, text="none")


@dataclass(frozen=True, slots=True)
class FoldMargins:
    """What the network of one fold says of the fold's patients.

    Attributes
    ----------
    fold
        Counted from 1.
    seed, steps, n_learnt, processor_s
        How the network was trained, from how many studies, and what it cost.
    temperature
        By which the network divides its margins where it learns; the next network has another.
    margins
        By patient and ACDC group: similarity to the group's anchor less that to its "not" anchor.
    """

    fold: int
    seed: int
    steps: int
    n_learnt: int
    processor_s: float
    temperature: float
    margins: dict[str, dict[str, float]]


def read_fold_margins(folder: Path) -> list[FoldMargins]:
    """Read what was made so far; nothing while there is no file."""
    return [FoldMargins(**row) for row in read_rows(folder / FOLD_MARGINS_NAME)]


def fold_cohorts(studies: Sequence[LabelledStudy], fold: int) -> Cohorts:
    """Divide studies of a fold's tower: its patients are unseen, everything else is learnt from."""
    held_out = frozenset(read_folds()[fold - 1])
    own = tuple(one for one in studies if one.id in held_out)
    return Cohorts(tuple(one for one in studies if one.id not in held_out), own)


def recognise_fold(
    studies: Sequence[LabelledStudy],
    tokenizer: Tokenizer,
    *,
    fold: int,
    seed: int,
    steps: int,
    rate: float,
) -> FoldMargins:
    """Train the network of a fold on studies of its tower; score the fold's patients.

    As the recognition that ships: no answers, no clinical text, no contrast with reports.
    """
    started = time.thread_time()
    divided = fold_cohorts(studies, fold)
    torch.manual_seed(seed)
    n_regions, n_features = studies[0].features.regions.shape[2:]
    network = evaluation_network(tokenizer, n_features, n_regions)
    words = WrittenWords(divided.learnt, tokenizer, seed)
    stage = AlignmentStage(divided.learnt, words, read_categories(), _AS_SHIPPED)
    train(network, stage, steps=steps, rate=rate, seed=seed)
    return FoldMargins(
        fold=fold,
        seed=seed,
        steps=steps,
        n_learnt=len(divided.learnt),
        processor_s=round(time.thread_time() - started, 1),
        temperature=network.temperature().item(),
        margins=_margins(network, divided.unseen, WrittenWords(divided.unseen, tokenizer, seed)),
    )


def _margins(
    network: VisionLanguageNetwork, studies: Sequence[LabelledStudy], words: WrittenWords
) -> dict[str, dict[str, float]]:
    """Return the margins of studies by id and group."""
    bank = read_anchors(network, [one for one in read_categories() if one.key in GROUPS], words)
    with torch.inference_mode():
        shown = tensors_of(studies, [() for _ in studies], _AS_SHIPPED)
        rows = bank.margins(network.image_features(shown).whole).tolist()
    return {
        study.id: {key: round(value, 5) for key, value in zip(bank.names, row, strict=True)}
        for study, row in zip(studies, rows, strict=True)
    }


def _main() -> None:
    parser = argparse.ArgumentParser(description="Margins of patients by networks of other folds.")
    parser.add_argument("--studies", type=Path, required=True, help="holds fold-1 to fold-5")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2e-3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = given.out / FOLD_MARGINS_NAME
    run = {
        "studies": digest_of(given.studies),
        "tokenizer": digest_of(given.tokenizer),
        "steps": given.steps,
        "rate": given.rate,
    }
    done = {(row["fold"], row["seed"]) for row in continue_rows(path, run)}
    tokenizer = Tokenizer.from_file(given.tokenizer)
    wanted: list[dict[str, Any]] = [
        {"fold": fold, "seed": seed}
        for seed in range(given.seeds)
        for fold in range(1, len(read_folds()) + 1)
        if (fold, seed) not in done
    ]
    for one in wanted:
        studies = read_studies(fold_folder(given.studies, one["fold"]))
        line = recognise_fold(studies, tokenizer, **one, steps=given.steps, rate=given.rate)
        add_row(path, asdict(line))


if __name__ == "__main__":
    _main()
