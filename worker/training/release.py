"""From a finished run to a bundle: export under the terms of what was seen, with a table of it.

What ``train export``, ``train familiarity`` and ``train whole`` do; the commands only ask.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from worker.bundle import load_bundle
from worker.bundle.manifest import Manifest
from worker.gate.familiarity import Familiarity
from worker.model.tower import SegmentationTower
from worker.training.evaluate import patients_of, read_cases
from worker.training.export import BundleText, write_bundle
from worker.training.familiarity import add_table, fit
from worker.training.generated_hearts import generated_stacks
from worker.training.recipe import Recipe
from worker.training.terms import FOLD, cohorts_of, terms_of, training_data
from worker.training.train import load_average
from worker.volume.types import CineStack

_SEED = 20261123
_OPTIONS = {"acdc": "--data ACDC", "sunnybrook": "--sunnybrook SUNNYBROOK"}


def export_checkpoint(checkpoint: Path, out: Path, version: str) -> Manifest:
    """Make a bundle from a checkpoint's averaged weights; its folder's name is the bundle's.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the network has seen validation patients, so no figure on them would be
        one of patients that it never saw.
    """
    network, state = load_average(checkpoint)
    recipe = Recipe.model_validate_json(state["recipe"])
    cohorts = cohorts_of(state, recipe)
    if FOLD in cohorts:
        detail = f"{checkpoint}: a tower of cross-validation, or one that went on from it"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    text = BundleText(
        name=out.name,
        spacing_mm=recipe.spacing_mm,
        view_mm=recipe.view_mm,
        version=version,
        training_data=training_data(cohorts, recipe, state["stage"]),
        training_command=(
            f"cmr-triage train run --recipe worker/training/recipes/{recipe.name}.toml "
            f"{' '.join(_OPTIONS[name] for name in _OPTIONS if name in cohorts)} --work RUN, "
            f"{state['step']} steps; then cmr-triage train export"
        ),
        terms=terms_of(cohorts),
    )
    return write_bundle(network, out, text)


def add_familiarity_table(
    bundle: str | Path | None, data: Path | None, hearts: int, threads: int
) -> tuple[Path, Familiarity]:
    """Write into a bundle what its network saw in training; return its folder and the table.

    Parameters
    ----------
    data
        ACDC training/, for a network that learnt from it.
    hearts
        So many generated hearts in place of ACDC's patients.

    Raises
    ------
    ConfigurationError
        ``TRAINING_DATA_MISSING``: no patients were named, or the bundle may not have any.
    """
    opened = load_bundle(bundle)
    tower = SegmentationTower(opened, threads=threads)
    stacks, total = _seen(data, hearts, opened.manifest.licence)
    regions = [_regions(tower, stack) for stack in tqdm(stacks, total=total, unit="heart")]
    table = fit([one for one in regions if one is not None])
    add_table(table, opened.folder)
    return opened.folder, table


def _seen(data: Path | None, hearts: int, licence: str) -> tuple[Iterator[CineStack], int]:
    """Return what a network learnt from as stacks, and how many there are."""
    if hearts:
        return generated_stacks(hearts, _SEED), hearts
    if "-NC-" not in licence:
        detail = (
            "this bundle is free of ACDC's terms; a table of its patients would end that: --hearts"
        )
        raise ConfigurationError(Reason.TRAINING_DATA_MISSING, detail)
    if data is None:
        detail = "name the folder of ACDC (--data), or a number of generated hearts (--hearts)"
        raise ConfigurationError(Reason.TRAINING_DATA_MISSING, detail)
    seen = [*patients_of("training", data), *patients_of("monitor", data)]
    return (case.stack for case in read_cases(data, seen)), len(seen)


def _regions(tower: SegmentationTower, stack: CineStack) -> npt.NDArray[np.float32] | None:
    """Return the features of a heart; None where the network finds none."""
    try:
        return tower.segment(stack).regions
    except ModelError:
        return None
