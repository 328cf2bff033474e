"""Self-supervised pre-training: hide patches of unlabelled images and let the network fill them in.

What is learnt is how hearts and scanners look, not what a ventricle is: the weights are a start for
a recipe (``train run --start``), never a bundle. Works on any folder of DICOM studies; resumable,
and measured in minutes like every other training here.

References
----------
Pathak et al., Context Encoders, CVPR 2016. He et al., Masked Autoencoders, CVPR 2022.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.augment import Augmentation
from worker.training.batches import BatchMaker, ViewPolicy
from worker.training.cohorts import LabelledVolume
from worker.training.network import N_IMAGES, N_SLICES, SegmentationNetwork
from worker.training.recipe import Recipe
from worker.training.run_record import LOG_NAME
from worker.training.site.studies import SiteStudy, volume_of
from worker.training.terms import SITE
from worker.training.train import Report, log_to

CHECKPOINT_FILE = "pretrained.pt"
PHASES_PER_STUDY = 4
_CENTRE = N_SLICES // 2
_REPORT_S = 30.0
_GENTLE = Augmentation(intensity=0.5, remap=0.0, blur=0.0, coarsen=0.0, noise=0.0)


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """How long and on what views; ``hidden`` is the share of an image that is hidden."""

    minutes: float
    channels: tuple[int, ...]
    crop: int = 112
    batch: int = 16
    spacing_mm: float = 1.4
    patch_px: int = 16
    hidden: float = 0.5
    learning_rate: float = 1e-3
    seed: int = 0


class Filler(nn.Module):
    """The segmentation network with another last layer: one grey value per pixel."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.network = SegmentationNetwork(channels)
        self.network.head = nn.Conv2d(channels[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Grey values ``[batch, row, column]`` of the middle slice."""
        filled: Tensor = self.network(images)[:, 0]
        return filled


def unlabelled_volumes(study: SiteStudy) -> list[LabelledVolume]:
    """Return phases spread over the beat, each beside the one half a beat later."""
    n = study.stack.n_phases
    phases = sorted({round(k * n / PHASES_PER_STUDY) % n for k in range(PHASES_PER_STUDY)})
    return [volume_of(study, phase, (phase + n // 2) % n) for phase in phases]


def hide_patches(
    images: Tensor, patch_px: int, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Set patches of all images of a view to zero.

    Parameters
    ----------
    images
        ``[batch, 9, row, column]``; rows and columns are multiples of ``patch_px``.

    Returns
    -------
    tuple
        The images with patches hidden (also what a neighbour would tell), and where,
        ``[batch, row, column]``.
    """
    n, _, n_rows, n_columns = images.shape
    coarse = torch.rand((n, 1, n_rows // patch_px, n_columns // patch_px), generator=generator)
    hidden = functional.interpolate((coarse < share).float(), scale_factor=patch_px, mode="nearest")
    shown = images * (1 - hidden)
    shown[:, N_IMAGES:] = 0.0
    return shown, hidden[:, 0] > 0


def pretrain_on(
    studies: Iterable[SiteStudy], recipe: Recipe, minutes: float, work: Path
) -> tuple[int, "Pretrainer"]:
    """Learn from studies, for a recipe that is to start from it; a stopped run goes on.

    Returns
    -------
    tuple
        How many phases were learnt from (0: nothing was done), and the run.
    """
    volumes = [volume for study in studies for volume in unlabelled_volumes(study)]
    options = PretrainOptions(
        minutes=minutes,
        channels=recipe.channels,
        crop=recipe.stages[-1].crop,
        spacing_mm=recipe.spacing_mm,
        seed=recipe.seed,
    )
    trainer = Pretrainer(options, work)
    if volumes:
        trainer.run(volumes, log_to(work / LOG_NAME))
    return len(volumes), trainer


class Pretrainer:
    """One run; what its folder holds is continued."""

    def __init__(self, options: PretrainOptions, work: Path) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.model = Filler(options.channels)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=options.learning_rate)
        self.seconds, self.step = 0.0, 0
        self.path = work / CHECKPOINT_FILE
        work.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._restore()

    def run(self, volumes: Sequence[LabelledVolume], report: Report) -> None:
        """Train until the minutes are used up; weights are saved now and then and at the end."""
        options = self.options
        maker = BatchMaker(
            {SITE: volumes},
            {},
            {SITE: 1.0},
            augmentation=_GENTLE,
            policy=ViewPolicy(anywhere=0.5),
            spacing_mm=options.spacing_mm,
            seed=options.seed + self.step,
        )
        generator = torch.Generator().manual_seed(options.seed + self.step)
        losses: list[float] = []
        before, started = self.seconds, time.monotonic()
        told = started
        while self.seconds < options.minutes * 60:
            images = maker.draw(options.batch, options.crop).images
            losses.append(self._learn(images, generator))
            now = time.monotonic()
            self.seconds = before + now - started
            if now - told > _REPORT_S:
                told = now
                self._tell(losses, report)
                self.save()
        self._tell(losses, report)
        self.save()

    def _learn(self, images: Tensor, generator: torch.Generator) -> float:
        options = self.options
        shown, hidden = hide_patches(images, options.patch_px, options.hidden, generator)
        used = min(self.seconds / (options.minutes * 60), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = options.learning_rate * 0.5 * (1 + math.cos(math.pi * used))
        wrong = (self.model(shown) - images[:, _CENTRE]).abs()
        loss = wrong[hidden].mean() if bool(hidden.any()) else wrong.mean()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write the weights; a half-written file never takes their place."""
        temporary = self.path.with_name(f"{CHECKPOINT_FILE}.tmp")
        torch.save(
            {
                "channels": list(self.options.channels),
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "seconds": self.seconds,
                "step": self.step,
            },
            temporary,
        )
        temporary.replace(self.path)

    def _tell(self, losses: list[float], report: Report) -> None:
        if losses:
            mean = sum(losses) / len(losses)
            report({"minutes": self.seconds / 60, "step": self.step, "loss": round(mean, 4)})
            losses.clear()

    def _restore(self) -> None:
        state = _read(self.path)
        _require_channels(state, self.options.channels)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seconds, self.step = state["seconds"], state["step"]


def _read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if "model" not in state or "channels" not in state:
        detail = f"{path.name} holds no pre-trained weights"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return state


def _require_channels(state: dict[str, Any], channels: Sequence[int]) -> None:
    if list(state["channels"]) != list(channels):
        detail = f"pre-trained for channels {state['channels']}, not {list(channels)}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
