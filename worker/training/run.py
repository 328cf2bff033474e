"""Puts a training run together: data from disk, splits, phantom slices, log, and the trainer.

The folder of a run holds ``checkpoint.pt``, ``log.jsonl`` and, once made, ``phantom.npz``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worker.training.batches import ReadySlices
from worker.training.cohorts import (
    LabelledVolume,
    acdc_patients,
    read_acdc,
    read_splits,
    read_sunnybrook,
)
from worker.training.monitor import dice_on_whole_images
from worker.training.recipe import Recipe
from worker.training.train import RunOptions, Trainer, TrainingData, log_to

PHANTOM_FILE = "phantom.npz"


@dataclass(frozen=True, slots=True)
class DataFolders:
    """Where the cohorts are; the Sunnybrook slices are optional."""

    acdc: Path
    sunnybrook: Path | None = None


def start_or_resume(recipe: Recipe, folders: DataFolders, work: Path, *, threads: int = 2) -> None:
    """Run a recipe, or what is left of it, in the folder ``work``."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    work.mkdir(parents=True, exist_ok=True)
    report = log_to(work / "log.jsonl")
    data, monitored = load_data(folders, work)
    trainer = Trainer(recipe, work)
    trainer.run(
        data,
        RunOptions(monitor=lambda net: dice_on_whole_images(net, monitored), report=report),
    )


def load_data(folders: DataFolders, work: Path) -> tuple[TrainingData, list[LabelledVolume]]:
    """Read the cohorts; the validation patients are never read here.

    Returns
    -------
    tuple
        Training data, and the volumes of the monitoring patients.
    """
    splits = read_splits()
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
