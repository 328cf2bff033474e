"""What a run begins with instead of random weights: pre-trained ones, or those of an earlier run.

A recipe may be wider than the network it begins with; see `worker.training.widen`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.network import SegmentationNetwork
from worker.training.recipe import Recipe
from worker.training.terms import SITE, cohorts_of
from worker.training.train import Trainer
from worker.training.widen import widened

_PREFIX = "network."


@dataclass(frozen=True, slots=True)
class Beginning:
    """Weights to begin with, and the cohorts that they have seen."""

    network: SegmentationNetwork
    seen: frozenset[str]


def begin(path: Path, recipe: Recipe, work: Path) -> None:
    """Put the weights of ``path`` where a run in ``work`` begins; a run that has begun is kept.

    Parameters
    ----------
    path
        What ``train pretrain`` wrote, or the checkpoint of an earlier run (its averaged weights).
    recipe
        As many levels as the network of ``path``, none with fewer channels.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: no such file, or a network that does not fit into the recipe's.
    """
    trainer = Trainer(recipe, work)
    start = read_beginning(path)
    if trainer.path.exists():
        return
    network = widened(start.network, recipe.channels)
    trainer.network.load_state_dict(network.state_dict())
    trainer.average.load_state_dict(network.state_dict())
    trainer.seen |= start.seen
    trainer.save()


def read_beginning(path: Path) -> Beginning:
    """Read the network of a file that `begin` takes; raises as it does."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if "average" in state:
        before = Recipe.model_validate_json(state["recipe"])
        network = SegmentationNetwork(before.channels)
        network.load_state_dict(state["average"])
        return Beginning(network, frozenset(cohorts_of(state, before)))
    if "model" in state and "channels" in state:
        network = SegmentationNetwork(state["channels"])
        # What filled in pictures has another head; a head for four classes begins at random.
        weights = {
            name.removeprefix(_PREFIX): value
            for name, value in state["model"].items()
            if not name.startswith(f"{_PREFIX}head.")
        }
        network.load_state_dict(weights, strict=False)
        return Beginning(network, frozenset({SITE}))
    detail = f"{path.name} holds neither pre-trained weights nor the checkpoint of a run"
    raise ConfigurationError(Reason.SETTING_INVALID, detail)
