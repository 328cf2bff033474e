"""Puts a training run together: data from disk, splits, phantom slices, log, and the trainer.

The folder of a run holds ``checkpoint.pt``, ``log.jsonl``, what people look at of it
(`worker.training.run_record`) and, once made, ``phantom.npz``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle.verify import sha256_of
from worker.training.batches import ReadySlices
from worker.training.cohorts import (
    LabelledVolume,
    acdc_patients,
    read_acdc,
    read_splits,
    read_sunnybrook,
)
from worker.training.device import Compute
from worker.training.monitor import dice_in_views
from worker.training.phantoms import cache_phantoms
from worker.training.recipe import Recipe
from worker.training.replicas import Replica, train_together
from worker.training.run_record import LOG_NAME, digest_of, keep_record, made_of
from worker.training.train import RunOptions, Trainer, TrainingData, log_to

PHANTOM_FILE = "phantom.npz"


@dataclass(frozen=True, slots=True)
class DataFolders:
    """Where the cohorts are; a recipe needs those that it mixes in."""

    acdc: Path | None = None
    sunnybrook: Path | None = None

    @property
    def acdc_folder(self) -> Path:
        """The folder of ACDC.

        Raises
        ------
        ConfigurationError
            ``TRAINING_DATA_MISSING``: nobody named it.
        """
        if self.acdc is None:
            raise ConfigurationError(Reason.TRAINING_DATA_MISSING, "--data: the folder of ACDC")
        return self.acdc


def start_or_resume(
    recipe: Recipe,
    folders: DataFolders,
    work: Path,
    *,
    processes: int,
    compute: Compute | None = None,
) -> None:
    """Run a recipe, or what is left of it, in the folder ``work``.

    Phantom slices are made first when the recipe wants them and they are not there yet. On a GPU
    one process trains and ``processes`` draw its batches.
    """
    _require_data(recipe, folders)
    work.mkdir(parents=True, exist_ok=True)
    cache = recipe.phantoms
    if recipe.wants_phantoms and cache is not None and not (work / PHANTOM_FILE).exists():
        with tqdm(total=cache.count, desc="phantom slices", unit="slice") as bar:
            cache_phantoms(
                work / PHANTOM_FILE,
                cache.count,
                size=cache.size,
                seed=cache.seed,
                on_progress=lambda done: bar.update(done - bar.n),
            )
    if compute is not None and compute.on_gpu:
        _run_replica(recipe, folders, work, Replica(), compute, feeders=processes)
        return
    train_together(processes, partial(_run_replica, recipe, folders, work))


def _require_data(recipe: Recipe, folders: DataFolders) -> None:
    """Stop a run that would silently learn from less than its recipe says."""
    mixed = {name for stage in recipe.stages for name, share in stage.mix.items() if share > 0}
    if "acdc" in mixed and folders.acdc is None:
        raise ConfigurationError(Reason.TRAINING_DATA_MISSING, "--data: the folder of ACDC")
    if "sunnybrook" in mixed and folders.sunnybrook is None and "acdc" not in mixed:
        raise ConfigurationError(Reason.TRAINING_DATA_MISSING, "--sunnybrook: its PNG export")


def _run_replica(
    recipe: Recipe,
    folders: DataFolders,
    work: Path,
    replica: Replica,
    compute: Compute | None = None,
    feeders: int = 0,
) -> None:
    torch.set_flush_denormal(True)
    data, monitored = load_data(folders, work)
    trainer = Trainer(recipe, work, replica, compute, feeders)
    before = sum(stage.minutes for stage in recipe.stages[: trainer.progress.stage])
    log = log_to(work / LOG_NAME)
    if replica.leads and trainer.progress.stage < len(recipe.stages):
        device = (compute or Compute()).device
        log(made_of(recipe.model_dump(mode="json"), _digests(data, monitored, work), device))
    with tqdm(total=recipe.minutes, desc=recipe.name, unit="min", disable=not replica.leads) as bar:

        def report(entry: Mapping[str, object]) -> None:
            log(entry)
            minutes = entry.get("minutes")
            if isinstance(minutes, float):
                stages = recipe.stages[: trainer.progress.stage]
                bar.n = round(sum(stage.minutes for stage in stages) + minutes, 1)
                bar.set_postfix(loss=entry.get("loss"), stage=entry.get("stage"))

        bar.update(before + trainer.progress.stage_seconds / 60)
        monitor = partial(_score, monitored, recipe) if monitored else None
        trainer.run(data, RunOptions(monitor=monitor, report=report))
    if replica.leads:
        keep_record(work)


def _digests(data: TrainingData, monitored: list[LabelledVolume], work: Path) -> dict[str, str]:
    """SHA-256 of what a run reads, by cohort."""
    found = {name: digest_of(volumes) for name, volumes in data.volumes["all"].items() if volumes}
    if monitored:
        found["monitor"] = digest_of(monitored)
    if (work / PHANTOM_FILE).exists():
        found[PHANTOM_FILE] = sha256_of(work / PHANTOM_FILE)
    return found


def _score(
    volumes: list[LabelledVolume], recipe: Recipe, network: torch.nn.Module
) -> dict[str, float]:
    last = recipe.stages[-1]
    return dice_in_views(network, volumes, spacing_mm=last.spacing_mm, size=last.crop)


def load_data(folders: DataFolders, work: Path) -> tuple[TrainingData, list[LabelledVolume]]:
    """Read the cohorts; the validation patients are never read here.

    Returns
    -------
    tuple
        Training data, and the volumes of the monitoring patients.
    """
    splits = read_splits()
    every: list[LabelledVolume] = []
    if folders.acdc is not None:
        ours = [p.name for p in acdc_patients(folders.acdc) if p.name not in splits.validation]
        every = read_acdc(folders.acdc, ours)
    monitored = [v for v in every if v.patient in splits.monitor]
    inner = [v for v in every if v.patient not in splits.monitor]
    sunnybrook = read_sunnybrook(folders.sunnybrook) if folders.sunnybrook else []
    volumes = {
        "inner": {"acdc": inner, "sunnybrook": sunnybrook},
        "all": {"acdc": every, "sunnybrook": sunnybrook},
    }
    return TrainingData(volumes, lambda: read_phantoms(work / PHANTOM_FILE)), monitored


def read_phantoms(path: Path) -> dict[str, ReadySlices]:
    """Read cached phantom slices; an empty dict while there are none."""
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return {"phantom": ReadySlices(stored["images"], stored["labels"])}
