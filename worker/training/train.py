"""The training loop: stages of a recipe, time-based schedule, averaged weights, checkpoints.

A run can be stopped at any moment and goes on from its last checkpoint. What counts as progress is
training time spent, so the learning rate follows the share of the stage's minutes that is used up.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.augment import Augmentation
from worker.training.batches import Batch, BatchMaker, ReadySlices, ViewPolicy
from worker.training.cohorts import LabelledVolume
from worker.training.device import Compute, feed
from worker.training.losses import segmentation_loss
from worker.training.network import SegmentationNetwork
from worker.training.recipe import Recipe, Stage
from worker.training.replicas import Replica
from worker.training.run_record import TIME_FORMAT

Monitor = Callable[[nn.Module], Mapping[str, float]]
Report = Callable[[Mapping[str, object]], None]

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(slots=True)
class Progress:
    """Where a run stands: stage index, seconds spent in that stage, steps in all."""

    stage: int = 0
    stage_seconds: float = 0.0
    step: int = 0


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns from: volumes by cohort and patient choice, and ready slices.

    ``volumes["inner"]`` and ``volumes["all"]`` map cohort names to volumes; ``ready`` is called
    at the start of each stage, so slices that are made while the run is under way are used then.
    """

    volumes: Mapping[str, Mapping[str, Sequence[LabelledVolume]]]
    ready: Callable[[], Mapping[str, ReadySlices]] = dict


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is watched and saved (nothing here changes what is learnt)."""

    checkpoint_s: float = 180.0
    monitor_s: float = 600.0
    report_s: float = 30.0
    monitor: Monitor | None = None
    report: Report = field(default=lambda _: None)
    max_steps: int | None = None


class Trainer:
    """Holds network, optimiser and averaged weights of one run, and which cohorts it has seen.

    Parameters
    ----------
    recipe
        What to do.
    directory
        Where ``checkpoint.pt`` lives; a run found there is continued.
    replica
        Which of the processes that train together this is.
    compute
        Where; checkpoints are the same everywhere.
    feeders
        Processes that draw batches for this one; 0: it draws them itself.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: Path,
        replica: Replica | None = None,
        compute: Compute | None = None,
        feeders: int = 0,
    ) -> None:
        self.replica = replica or Replica()
        self._compute, self._feeders = compute or Compute(), feeders
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self._views = [_views(stage) for stage in recipe.stages]
        self.network = SegmentationNetwork(recipe.channels)
        self.network.to(self._compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = SegmentationNetwork(recipe.channels).to(self._compute.device)
        self.average.load_state_dict(self.network.state_dict())
        self.average.requires_grad_(requires_grad=False)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=1e-3, weight_decay=recipe.weight_decay
        )
        self.progress = Progress()
        self.seen: set[str] = set()
        self.path = directory / CHECKPOINT_FILE
        directory.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._restore()

    def run(self, data: TrainingData, options: RunOptions) -> None:
        """Work through the stages that are not done yet."""
        while self.progress.stage < len(self.recipe.stages):
            stage = self.recipe.stages[self.progress.stage]
            if not self._run_stage(stage, data, options):
                return
            self.progress.stage += 1
            self.progress.stage_seconds = 0.0
            if self.replica.leads:
                self.save(f"after_{stage.name}.pt")
                self.save()

    def save(self, name: str = CHECKPOINT_FILE) -> None:
        """Write a checkpoint beside the others; a half-written file never takes its place."""
        state = {
            "recipe": self.recipe.model_dump_json(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "stage": self.progress.stage,
            "stage_seconds": self.progress.stage_seconds,
            "step": self.progress.step,
            "seen": sorted(self.seen),
        }
        temporary = self.path.with_name(name + ".tmp")
        torch.save(state, temporary)
        temporary.replace(self.path.with_name(name))

    def _restore(self) -> None:
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(state["stage"], state["stage_seconds"], state["step"])
        before = self.recipe.stages[: self.progress.stage + 1]
        named = {name for stage in before for name, share in stage.mix.items() if share > 0}
        self.seen = set(state["seen"]) if "seen" in state else named

    def _run_stage(self, stage: Stage, data: TrainingData, options: RunOptions) -> bool:
        """Return whether the stage was finished (False: ``max_steps`` reached)."""
        maker = self._maker(stage, data)
        self.seen.update(maker.names)
        batches = feed(partial(self._drawer, maker, stage), self._feeders)
        before, started = self.progress.stage_seconds, time.monotonic()
        clock = _Clock(options)
        losses: list[float] = []
        while self.progress.stage_seconds < stage.minutes * 60:
            if options.max_steps is not None and self.progress.step >= options.max_steps:
                if self.replica.leads:
                    self.save()
                return False
            losses.append(self._step(next(batches), stage, before + time.monotonic() - started))
            if not self.replica.leads:
                continue
            if clock.due("report"):
                self._tell(stage, losses, options)
                losses.clear()
            if clock.due("checkpoint"):
                self.save()
            if options.monitor is not None and clock.due("monitor"):
                self._watch(stage, options.monitor, options.report)
        took_steps = self.progress.stage_seconds > before
        if options.monitor is not None and self.replica.leads and took_steps:
            self._watch(stage, options.monitor, options.report)
        return True

    def _maker(self, stage: Stage, data: TrainingData) -> BatchMaker:
        augmentation, policy = self._views[self.progress.stage]
        return BatchMaker(
            data.volumes[stage.patients],
            data.ready(),
            stage.mix,
            augmentation=augmentation,
            policy=policy,
            spacing_mm=stage.spacing_mm,
            seed=hash((self.recipe.seed, self.progress.step, self.replica.rank)) % 2**31,
        )

    def _drawer(self, maker: BatchMaker, stage: Stage, feeder: int) -> Callable[[], Batch]:
        if feeder:
            maker.reseed(feeder)
        return partial(maker.draw, stage.batch // self.replica.n, stage.crop)

    def _step(self, batch: Batch, stage: Stage, seconds: float) -> float:
        """Take one step; ``seconds`` of this replica, averaged over all, drive the schedule."""
        share = self.progress.stage_seconds / (stage.minutes * 60)
        rate = stage.learning_rate_end + 0.5 * (
            stage.learning_rate_start - stage.learning_rate_end
        ) * (1 + math.cos(math.pi * min(share, 1.0)))
        rate *= min(1.0, (self.progress.step + 1) / max(1, self.recipe.warmup_steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        device = self._compute.device
        images = batch.images.to(device).contiguous(memory_format=torch.channels_last)
        with self._compute.autocast():
            scores = self.network(images)
        loss = segmentation_loss(
            scores.float(),
            batch.labels.to(device),
            batch.lv_only.to(device),
            dice_weight=stage.dice_weight,
        )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        parameters = list(self.network.parameters())
        self.progress.stage_seconds = self.replica.average_gradients(parameters, seconds)
        nn.utils.clip_grad_norm_(parameters, 5.0)
        self.optimiser.step()
        self.progress.step += 1
        decay = min(stage.ema_decay, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
        return float(loss.detach())

    def _tell(self, stage: Stage, losses: Sequence[float], options: RunOptions) -> None:
        options.report(
            {
                "stage": stage.name,
                "minutes": round(self.progress.stage_seconds / 60, 2),
                "step": self.progress.step,
                "loss": round(sum(losses) / max(1, len(losses)), 4),
                "images_per_s": round(len(losses) * stage.batch / options.report_s, 1),
                "learning_rate": self.optimiser.param_groups[0]["lr"],
            }
        )

    def _watch(self, stage: Stage, monitor: Monitor, report: Report) -> None:
        self.average.eval()
        scores = monitor(self.average)
        report({"stage": stage.name, "step": self.progress.step, **scores})


def _views(stage: Stage) -> tuple[Augmentation, ViewPolicy]:
    """Return how strongly a stage varies its images; a misspelt name stops the run at its start."""
    try:
        return Augmentation(**stage.augmentation), ViewPolicy(**stage.views)
    except TypeError as error:
        raise ConfigurationError(Reason.SETTING_INVALID, f"stage {stage.name}: {error}") from error


class _Clock:
    """Tells when something that is done every so many seconds is due."""

    def __init__(self, options: RunOptions) -> None:
        self._every = {
            "report": options.report_s,
            "checkpoint": options.checkpoint_s,
            "monitor": options.monitor_s,
        }
        self._last = dict.fromkeys(self._every, time.monotonic())

    def due(self, what: str) -> bool:
        now = time.monotonic()
        if now - self._last[what] < self._every[what]:
            return False
        self._last[what] = now
        return True


def log_to(path: Path) -> Report:
    """Return a report function that appends JSON lines to a file."""

    def report(entry: Mapping[str, object]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.strftime(TIME_FORMAT, time.gmtime()), **entry}))
            file.write("\n")

    return report


def load_average(path: Path) -> tuple[SegmentationNetwork, dict[str, Any]]:
    """Return the averaged network of a checkpoint, and the rest of the checkpoint."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    recipe = Recipe.model_validate_json(state["recipe"])
    network = SegmentationNetwork(recipe.channels)
    network.load_state_dict(state["average"])
    network.eval()
    return network, state
