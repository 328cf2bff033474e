"""Towers for cross-validation: every patient gets one that never saw him.

The leading stages of the recipe that mix no real patients of ACDC in are the common start and run
once; each fold then goes on from there on its own 80 patients. Knows how the folds are made and
trained; what is measured with them is ``measured_hearts``' and ``groups``' matter.

The folder of the runs holds ``phantom.npz``, ``start/`` and ``fold-1/`` to ``fold-5/``, each with
``checkpoint.pt`` and ``log.jsonl``.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path

import torch
from tqdm import tqdm

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.beginning import begin, read_beginning
from worker.training.cohorts import (
    LabelledVolume,
    acdc_patients,
    read_acdc,
    read_sunnybrook,
)
from worker.training.phantoms import cache_phantoms
from worker.training.recipe import Recipe
from worker.training.replicas import Replica, train_together
from worker.training.run import PHANTOM_FILE, DataFolders, read_phantoms
from worker.training.terms import ACDC, FOLD
from worker.training.train import CHECKPOINT_FILE, RunOptions, Trainer, TrainingData, log_to

N_FOLDS = 5
START_FOLDER = "start"


def read_folds() -> tuple[tuple[str, ...], ...]:
    """Return the patients of each fold, as committed beside this module."""
    text = resources.files(__package__).joinpath("folds.toml").read_text(encoding="utf-8")
    return tuple(tuple(fold) for fold in tomllib.loads(text)["folds"])


def fold_folder(work: Path, fold: int) -> Path:
    """Return the folder of a fold, counted from 1."""
    return work / f"fold-{fold}"


def split_recipe(recipe: Recipe) -> tuple[Recipe | None, Recipe]:
    """Split a recipe into the common start (None where it has none) and what each fold runs.

    Raises
    ------
    ValueError
        If no stage learns from ACDC.
    """
    real = [index for index, stage in enumerate(recipe.stages) if stage.mix.get("acdc", 0) > 0]
    if not real:
        msg = f"recipe {recipe.name} has no stage with acdc in its mix: nothing to cross-validate"
        raise ValueError(msg)
    first = real[0]
    start = recipe.model_copy(update={"stages": recipe.stages[:first]}) if first else None
    return start, recipe.model_copy(update={"stages": recipe.stages[first:]})


def train_folds(
    recipe: Recipe,
    folders: DataFolders,
    work: Path,
    *,
    folds: Sequence[int],
    processes: int,
    start: Path | None = None,
) -> None:
    """Train the towers of ``folds``, or what is left of them, one after the other.

    Parameters
    ----------
    start
        A checkpoint of a network that saw no patient of ACDC, or the folder of an earlier run of
        these folds, where each goes on from its own tower; without it the recipe's leading stages
        make a start.
    """
    common, own = split_recipe(recipe)
    work.mkdir(parents=True, exist_ok=True)
    _make_phantoms(recipe, work)
    if start is None and common is not None:
        train_together(processes, partial(_train_start, common, folders, work))
        start = work / START_FOLDER / CHECKPOINT_FILE
    for fold in folds:
        if start is not None:
            begin_fold(start, own, work, fold)
        train_together(processes, partial(_train_fold, own, folders, work, fold))


def begin_fold(start: Path, recipe: Recipe, work: Path, fold: int) -> None:
    """Put the weights of ``start`` where a fold begins; a fold that has begun is kept.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: ``start`` is a checkpoint that has seen patients of ACDC, so the fold's
        own may be among them.
    """
    folder = fold_folder(work, fold)
    if (folder / CHECKPOINT_FILE).exists():
        return
    if not start.is_dir() and {ACDC, FOLD} & read_beginning(start).seen:
        detail = f"--start: {start.name} has seen patients of ACDC; folds begin without any"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    begin(fold_folder(start, fold) / CHECKPOINT_FILE if start.is_dir() else start, recipe, folder)


def fold_data(folders: DataFolders, work: Path, fold: int) -> TrainingData:
    """Read what a fold learns from: every patient of ACDC but its own twenty, and the rest."""
    held_out = read_folds()[fold - 1]
    ours = [p.name for p in acdc_patients(folders.acdc_folder) if p.name not in held_out]
    return _data({"acdc": read_acdc(folders.acdc_folder, ours), **_sunnybrook(folders)}, work)


def _train_start(recipe: Recipe, folders: DataFolders, work: Path, replica: Replica) -> None:
    _train(Trainer(recipe, work / START_FOLDER, replica), _data(_sunnybrook(folders), work))


def _train_fold(
    recipe: Recipe, folders: DataFolders, work: Path, fold: int, replica: Replica
) -> None:
    trainer = Trainer(recipe, fold_folder(work, fold), replica)
    trainer.seen.add(FOLD)
    _train(trainer, fold_data(folders, work, fold))


def _train(trainer: Trainer, data: TrainingData) -> None:
    """Run all stages; nothing is monitored, because nothing is chosen."""
    torch.set_flush_denormal(True)
    trainer.run(data, RunOptions(report=log_to(trainer.path.with_name("log.jsonl"))))


def _sunnybrook(folders: DataFolders) -> dict[str, Sequence[LabelledVolume]]:
    return {"sunnybrook": read_sunnybrook(folders.sunnybrook)} if folders.sunnybrook else {}


def _data(cohorts: Mapping[str, Sequence[LabelledVolume]], work: Path) -> TrainingData:
    return TrainingData(
        {"inner": cohorts, "all": cohorts}, lambda: read_phantoms(work / PHANTOM_FILE)
    )


def _make_phantoms(recipe: Recipe, work: Path) -> None:
    cache = recipe.phantoms
    path = work / PHANTOM_FILE
    if cache is None or not recipe.wants_phantoms or path.exists():
        return
    with tqdm(total=cache.count, desc="phantom slices", unit="slice") as bar:
        cache_phantoms(
            path,
            cache.count,
            size=cache.size,
            seed=cache.seed,
            on_progress=lambda done: bar.update(done - bar.n),
        )
