"""Whether further views help recognition: networks with and without them, on generated hearts.

``python -m worker.training.language.view_trial --studies FOLDER --tokenizer FILE --out FOLDER``
reads studies that `study_data` made with ``--views``, trains small networks of the shipped kind by
cross-validation, each given other views of the same studies, and prints the areas under the curve
as Markdown. ``margins.jsonl`` keeps the margins of each network; what is there is not made again.
Other studies or settings need another folder.

Nothing here says anything about patients: what enhances in a generated heart is drawn.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from worker.model.language.categories import Category, read_categories
from worker.model.language.tokenizer import Tokenizer
from worker.model.regions import REGIONS
from worker.series import Role
from worker.training.language.alignment_data import finding_vector
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    AlignmentStage,
    WrittenWords,
    read_anchors,
    tensors_of,
)
from worker.training.language.recognition_network import NetworkKind, evaluation_network
from worker.training.language.recognition_tables import area_of_runs, gain
from worker.training.language.recognition_trial import MARGINS_NAME, train
from worker.training.language.study_data import LabelledStudy, read_studies
from worker.training.rows import add_row, continue_rows, digest_of
from worker.volume.views import FURTHER_ROLES

Margins = Mapping[str, Mapping[str, float]]

GIVEN: Mapping[str, tuple[Role, ...]] = {
    "short_axis": (),
    "long_axes": FURTHER_ROLES[:3],
    "late_enhancement": FURTHER_ROLES[3:],
    "all": FURTHER_ROLES,
}
"""What each network is given beside the short axis, in training and after."""

_LATE = FURTHER_ROLES.index(Role.LGE)
_FILE = Path(__file__).with_name("view_categories.toml")


def view_categories() -> tuple[Category, ...]:
    """Return the categories of the bundle, and those that only further views show."""
    return (*read_categories(), *read_categories(_FILE))


def run_fold(
    given: str,
    learnt: Sequence[LabelledStudy],
    unseen: Sequence[LabelledStudy],
    tokenizer: Tokenizer,
    *,
    seed: int,
    steps: int,
    rate: float,
) -> dict[str, dict[str, float]]:
    """Train one network; return the margins of unseen studies, by study and category."""
    torch.manual_seed(seed)
    n_regions, n_features = learnt[0].features.regions.shape[2:]
    kind = NetworkKind(views=FURTHER_ROLES)
    network = evaluation_network(tokenizer, n_features, n_regions, kind)
    options = AlignmentOptions(answered=0, whole=0.0, local=0.0, text="none", views=GIVEN[given])
    categories = view_categories()
    words = WrittenWords(learnt, tokenizer, seed)
    stage = AlignmentStage(learnt, words, categories, options)
    train(network, stage, steps=steps, rate=rate, seed=seed)
    bank = read_anchors(network, categories, words)
    with torch.inference_mode():
        features = network.image_features(tensors_of(unseen, [() for _ in unseen], options)).whole
        rows = bank.margins(features).tolist()
    return {
        study.id: {key: round(value, 5) for key, value in zip(bank.names, row, strict=True)}
        for study, row in zip(unseen, rows, strict=True)
    }


def linear_scores(studies: Sequence[LabelledStudy], n_folds: int) -> dict[str, float]:
    """Read late enhancement off the features of the wall by ridge regression, by cross-validation.

    What no network has to learn to pool: mean, largest and smallest of each feature over the late
    images of a study. It tells whether the features hold what the networks should find.

    Returns
    -------
    dict
        A score of each study whose truth is known.
    """
    known = [one for one in studies if one.enhanced is not None]
    walls = np.stack([_late_walls(one) for one in known])
    truth = np.array([1.0 if one.enhanced else -1.0 for one in known])
    fold = np.arange(len(known)) % n_folds
    scores = np.empty(len(known))
    for own in range(n_folds):
        learnt = walls[fold != own]
        spread = np.maximum(learnt.std(axis=0), 1e-6)
        x, rest = (((one - learnt.mean(axis=0)) / spread) for one in (learnt, walls[fold == own]))
        kernel = x @ x.T + x.shape[1] * np.eye(len(x))
        y = truth[fold != own]
        scores[fold == own] = rest @ x.T @ np.linalg.solve(kernel, y - y.mean())
    return dict(zip((one.id for one in known), scores.tolist(), strict=True))


def _late_walls(study: LabelledStudy) -> npt.NDArray[np.float64]:
    views = study.features.views
    if views is None:
        msg = "a study whose late enhancement is known has images of it"
        raise ValueError(msg)
    walls = views.regions[views.kind == _LATE, REGIONS.index("myocardium")].astype(np.float64)
    return np.concatenate([walls.mean(axis=0), walls.max(axis=0), walls.min(axis=0)])


def table(margins: Mapping[str, Margins], studies: Sequence[LabelledStudy]) -> str:
    """Write the areas of every category with each view given, and what the views gain.

    Parameters
    ----------
    margins
        By what was given, study and category; of every study once.
    """
    lines = [
        f"| category | {' | '.join(margins)} | late_enhancement less short_axis |",
        f"|---|{'---|' * (len(margins) + 1)}",
    ]
    for category in view_categories():
        truth = np.array([int(finding_vector(one, [category.key])[0]) for one in studies])
        ids = [one.id for one, label in zip(studies, truth, strict=True) if label >= 0]
        present = truth[truth >= 0] == 1
        scores = {
            given: np.array([[found[one][category.key] for one in ids]])
            for given, found in margins.items()
        }
        areas = [area_of_runs(own, present) for own in scores.values()]
        if not any(areas):
            continue
        more = gain(scores["late_enhancement"], scores["short_axis"], present)
        lines.append(f"| {category.key} | {' | '.join(map(str, areas))} | {more} |")
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure what further views add.")
    parser.add_argument("--studies", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    path = asked.out / MARGINS_NAME
    tokenizer = Tokenizer.from_file(asked.tokenizer)
    studies = [one for one in read_studies(asked.studies) if one.features.views is not None]
    run = {
        "studies": digest_of(asked.studies),
        "tokenizer": digest_of(asked.tokenizer),
        "folds": asked.folds,
        "steps": asked.steps,
        "rate": asked.rate,
        "seed": asked.seed,
    }
    lines = continue_rows(path, run)
    done = {(line["given"], line["fold"]) for line in lines}
    for fold in range(asked.folds):
        learnt = [one for place, one in enumerate(studies) if place % asked.folds != fold]
        unseen = studies[fold :: asked.folds]
        for given in GIVEN:
            if (given, fold) in done:
                continue
            found = run_fold(
                given,
                learnt,
                unseen,
                tokenizer,
                seed=asked.seed,
                steps=asked.steps,
                rate=asked.rate,
            )
            lines.append({"given": given, "fold": fold, "margins": found})
            add_row(path, lines[-1])
    margins: dict[str, dict[str, dict[str, float]]] = {given: {} for given in GIVEN}
    for line in lines:
        margins[line["given"]].update(line["margins"])
    linear = linear_scores(studies, asked.folds)
    present = np.array([one.enhanced for one in studies if one.id in linear], dtype=bool)
    read = area_of_runs(np.array([list(linear.values())]), present)
    print(table(margins, studies))  # noqa: T201 - the command's answer
    print(f"\nLate enhancement read off the features of the wall: {read}")  # noqa: T201


if __name__ == "__main__":
    _main()
