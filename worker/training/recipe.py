"""The recipe of a training run, read from TOML: network, stages, data mix, seed."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Strict):
    """One part of the run; time-based, so that a busy machine changes steps, not the schedule.

    ``patients``: ``"inner"`` leaves the monitoring patients out, ``"all"`` trains on them too.
    ``mix`` is the share of each cohort in a batch. ``augmentation`` and ``views`` replace single
    values of `worker.training.augment.Augmentation` and `worker.training.batches.ViewPolicy`:
    the last stages see milder views, nearer to what the pipeline will show. ``dice_weight``: see
    `worker.training.losses.segmentation_loss`.
    """

    name: str
    minutes: float = Field(gt=0)
    crop: int = Field(gt=0, multiple_of=16)
    batch: int = Field(gt=0)
    learning_rate_start: float = Field(gt=0)
    learning_rate_end: float = Field(gt=0)
    patients: Literal["inner", "all"] = "inner"
    mix: dict[str, float]
    spacing_mm: float = Field(default=1.5, gt=0)
    dice_weight: float = Field(default=1.0, ge=0)
    ema_decay: float = Field(default=0.999, gt=0, lt=1)
    augmentation: dict[str, float] = {}
    views: dict[str, float] = {}


class PhantomCache(_Strict):
    """How many phantom slices are made, how large, from which seed."""

    count: int = Field(gt=0)
    size: int = Field(gt=0)
    seed: int


class Recipe(_Strict):
    """Everything that decides what a run does, beside the data and the software versions."""

    name: str
    seed: int
    channels: tuple[int, ...]
    weight_decay: float = 0.01
    warmup_steps: int = 100
    phantoms: PhantomCache | None = None
    stages: tuple[Stage, ...]

    @property
    def spacing_mm(self) -> float:
        """Pixel spacing that the run ends with, so the one the network is used at."""
        return self.stages[-1].spacing_mm

    @property
    def view_mm(self) -> float:
        """Side of the views of the last stage."""
        return round(self.stages[-1].crop * self.spacing_mm, 3)

    @property
    def wants_phantoms(self) -> bool:
        """Whether any stage mixes phantom slices in."""
        return any(stage.mix.get("phantom", 0) > 0 for stage in self.stages)

    @property
    def minutes(self) -> float:
        """Length of the whole run."""
        return sum(stage.minutes for stage in self.stages)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file."""
    return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
