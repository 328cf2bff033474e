"""What a language training run keeps on disk, and the network that is made of it again."""

from pathlib import Path
from typing import Any

import torch

from plugin.domain.errors import ConfigurationError, Reason
from worker.model.language.tokenizer import FILE_NAME, Tokenizer
from worker.training.language.adaptation import Adaptation, adapt, merge_additions
from worker.training.language.parts import LanguageNetwork, NetworkChoice, PartRegistry, Role
from worker.training.language.recipe import LanguageRecipe, LanguageStage
from worker.training.language.text_stage import CORPUS_FOLDER

CHECKPOINT_NAME = "checkpoint.pt"
ROLES: tuple[Role, ...] = ("encoder", "connector", "decoder")


def write_checkpoint(work: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint; a half-written file never takes its place."""
    temporary = work / f"{CHECKPOINT_NAME}.tmp"
    torch.save(state, temporary)
    temporary.replace(work / CHECKPOINT_NAME)


def read_checkpoint(work: Path) -> dict[str, Any] | None:
    """Return the last checkpoint of a run, or None before the first."""
    path = work / CHECKPOINT_NAME
    if not path.exists():
        return None
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return saved


def build_network(recipe: LanguageRecipe, vocabulary: Tokenizer) -> LanguageNetwork:
    """Build what a recipe names, for the vocabulary of its corpus."""
    sizes = {**recipe.decoder.settings, "vocabulary": len(vocabulary)}
    decoder = recipe.decoder.model_copy(update={"settings": sizes})
    if recipe.encoder is None or recipe.connector is None:
        return PartRegistry().build_text(decoder)
    choice = NetworkChoice(
        encoder=recipe.encoder,
        connector=recipe.connector,
        decoder=decoder,
        image_marks=vocabulary.image_mark_ids,
        text_marks=vocabulary.text_mark_ids,
        n_features=recipe.n_features,
    )
    return PartRegistry().build(choice)


def finished_network(work: Path) -> tuple[LanguageNetwork, frozenset[Role]]:
    """Return the network of a run's last checkpoint, and which of its parts were trained.

    A part that is being trained for the first time counts as trained from the first step on, not
    from the end of the stage before.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: there is no checkpoint.
    """
    saved = read_checkpoint(work)
    if saved is None:
        raise ConfigurationError(Reason.SETTING_INVALID, f"no {CHECKPOINT_NAME} in {work.name}")
    recipe = LanguageRecipe.model_validate_json(saved["recipe"])
    vocabulary = Tokenizer.from_file(work / CORPUS_FOLDER / FILE_NAME)
    network = build_network(recipe, vocabulary)
    stage = restore(network, saved, recipe)
    trained = set(saved["trained"]) | (set() if stage is None else trained_by(stage))
    merge_additions(network)
    return network.eval(), frozenset(trained)


def restore(
    network: LanguageNetwork, saved: dict[str, Any], recipe: LanguageRecipe
) -> LanguageStage | None:
    """Load a checkpoint; return the stage that has begun in it, for which parts are then adapted.

    None between stages: additions of the one before are merged, those of the next not there yet.
    """
    stage = recipe.stages[saved["stage"]] if saved["stage_seconds"] > 0 else None
    if stage is not None:
        adapt_parts(network, stage)
    network.load_state_dict(saved["network"])
    return stage


def adapt_parts(network: LanguageNetwork, stage: LanguageStage) -> None:
    """Set how each part is trained; recognition heads, which are no part, learn with any part."""
    with_others: Adaptation = "full" if trained_by(stage) else "frozen"
    for name, module in network.named_children():
        how = stage.adaptation.get(name, "frozen") if name in ROLES else with_others
        adapt(module, how, stage.rank)


def trained_by(stage: LanguageStage) -> set[Role]:
    """Return the parts that a stage trains."""
    return {role for role, how in stage.adaptation.items() if how != "frozen"}
