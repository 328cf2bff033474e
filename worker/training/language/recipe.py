"""The recipe of a language training run, read from TOML: corpus, parts, stages, seed."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.language.adaptation import Adaptation
from worker.training.language.parts import PartChoice, Role


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CorpusChoice(_Strict):
    """Which report corpus a run reads; ``held_out_studies`` come from ``held_out_seed``."""

    studies: int = Field(gt=0)
    seed: int
    vocabulary: int = Field(gt=0)
    held_out_studies: int = Field(default=20, gt=0)
    held_out_seed: int


class LanguageStage(_Strict):
    """One stage; time-based, so that a busy machine changes steps, not the schedule.

    ``kind`` names what is learnt from and the loss (`worker.training.language.run.KINDS`);
    ``options`` are that kind's own. ``adaptation`` says per part how it is trained; a part that is
    not named is frozen. ``minutes`` count time in steps. The learning rate falls in a straight line
    to ``final_share`` of itself.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: str
    minutes: float = Field(gt=0)
    studies_per_step: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    final_share: float = Field(default=0.02, gt=0, le=1)
    adaptation: dict[Role, Adaptation]
    rank: int = Field(default=8, gt=0)
    options: dict[str, Any] = {}


class LanguageRecipe(_Strict):
    """Everything that decides what a run does, beside the data and the software versions.

    Without ``encoder`` and ``connector`` the network reads no images.
    """

    name: str
    seed: int
    corpus: CorpusChoice
    decoder: PartChoice
    encoder: PartChoice | None = None
    connector: PartChoice | None = None
    n_features: int = Field(default=128, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=40, gt=0)
    stages: tuple[LanguageStage, ...] = Field(min_length=1)


def read_language_recipe(path: Path) -> LanguageRecipe:
    """Read and check a recipe file; paths of weights in it are seen from its folder.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the file is no recipe; the message names the first key that is wrong.
    """
    try:
        recipe = LanguageRecipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path.name}: {error}") from error
    except ValidationError as error:
        where = ".".join(str(key) for key in error.errors()[0]["loc"])
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path.name}: {where}") from error
    roles: tuple[Role, ...] = ("encoder", "connector", "decoder")
    return recipe.model_copy(update={role: _placed(getattr(recipe, role), path) for role in roles})


def _placed(choice: PartChoice | None, recipe: Path) -> PartChoice | None:
    if choice is None or choice.weights is None:
        return choice
    return choice.model_copy(update={"weights": recipe.parent / choice.weights})
