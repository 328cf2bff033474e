"""``cmr-triage train``; mounted by the command line when called.

Importing this module needs the extra ``train`` (torch, nibabel, onnx, tqdm).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from tqdm import tqdm

from plugin.domain.errors import ModelError
from worker.bundle import load_bundle
from worker.model.tower import SegmentationTower
from worker.training.beginning import begin
from worker.training.evaluate import patients_of, read_cases
from worker.training.export import BundleText, write_bundle
from worker.training.familiarity import add_table, fit
from worker.training.fold_commands import folds
from worker.training.generated_hearts import generated_stacks
from worker.training.group_commands import groups
from worker.training.language.commands import fidelity
from worker.training.language.export import add_run
from worker.training.language.recipe import read_language_recipe
from worker.training.language.run import start_or_resume_language
from worker.training.language.text_stage import CORPUS_FOLDER, make_corpus
from worker.training.recipe import Recipe, read_recipe
from worker.training.run import DataFolders, start_or_resume
from worker.training.site_commands import adapt, finetune, pretrain
from worker.training.terms import cohorts_of, terms_of, training_data
from worker.training.train import load_average
from worker.volume.types import CineStack

train = typer.Typer(no_args_is_help=True, help="Train the vision tower and make bundles.")

_FAMILIARITY_SEED = 20261123
_OPTIONS = {"acdc": "--data ACDC", "sunnybrook": "--sunnybrook SUNNYBROOK"}
WorkOption = Annotated[Path, typer.Option("--work", help="Folder of the run: checkpoints, log.")]


@train.command("run")
def run_recipe(
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Recipe (TOML).")],
    work: WorkOption,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="CMR_TRIAGE_ACDC_DIR",
            exists=True,
            file_okay=False,
            help="ACDC training/, for recipes that mix it in.",
        ),
    ] = None,
    sunnybrook: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Sunnybrook PNG export.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What train pretrain wrote, or the checkpoint of an earlier run, to begin from.",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that train together.")] = 2,
) -> None:
    """Run a recipe; a run that was stopped goes on from its last checkpoint."""
    what, folders = read_recipe(recipe), DataFolders(data, sunnybrook)
    if start is not None:
        begin(start, what, work)
    start_or_resume(what, folders, work, processes=processes)


@train.command("language")
def run_language_recipe(
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Recipe (TOML).")],
    work: WorkOption,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
) -> None:
    """Train the language side; a run that was stopped goes on from its last checkpoint."""
    start_or_resume_language(read_language_recipe(recipe), work, threads=threads)


@train.command("corpus")
def write_language_corpus(
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Recipe (TOML).")],
    work: WorkOption,
) -> None:
    """Write the report corpus of a recipe and train its vocabulary."""
    make_corpus(read_language_recipe(recipe).corpus, work)
    typer.echo(work / CORPUS_FOLDER)


@train.command("export-language")
def export_language(
    work: WorkOption,
    bundle: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Bundle to add to.")],
) -> None:
    """Add the language graphs and the vocabulary of a run to a bundle."""
    manifest = add_run(work, bundle)
    roles = ", ".join(graph.role for graph in manifest.graphs)
    typer.echo(f"{bundle}: {manifest.name} {manifest.version} with {roles}")


train.command("fidelity")(fidelity)
train.command("folds")(folds)
train.command("groups")(groups)
train.command("pretrain")(pretrain)
train.command("adapt")(adapt)
train.command("finetune")(finetune)


@train.command("export")
def export_bundle(
    checkpoint: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A checkpoint.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; its name is the bundle's.")],
    version: Annotated[str, typer.Option(help="Version of the bundle, such as 1.0.0.")],
) -> None:
    """Make a bundle from a checkpoint's averaged weights."""
    network, state = load_average(checkpoint)
    recipe = Recipe.model_validate_json(state["recipe"])
    cohorts = cohorts_of(state, recipe)
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
    manifest = write_bundle(network, out, text)
    typer.echo(f"{out}: {manifest.name} {manifest.version}, {len(manifest.files)} files")


@train.command("familiarity")
def add_familiarity(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="CMR_TRIAGE_ACDC_DIR",
            exists=True,
            file_okay=False,
            help="ACDC training/, for a network that learnt from it.",
        ),
    ] = None,
    hearts: Annotated[
        int, typer.Option(min=0, help="So many generated hearts in place of ACDC's patients.")
    ] = 0,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
) -> None:
    """Write into a bundle what its network saw in training, for the gate to compare with.

    The patients of ACDC, or hearts that are generated: a network that never saw patients must not
    get a table that was made of them.
    """
    opened = load_bundle(bundle or None)
    tower = SegmentationTower(opened, threads=threads)
    stacks, total = _seen(data, hearts, opened.manifest.licence)
    regions = [_regions(tower, stack) for stack in tqdm(stacks, total=total, unit="heart")]
    table = fit([one for one in regions if one is not None])
    add_table(table, opened.folder)
    typer.echo(
        f"{opened.folder}: flag above {table.limit.flag_above:.2f}, "
        f"refuse above {table.limit.refuse_above:.2f}"
    )


def _seen(data: Path | None, hearts: int, licence: str) -> tuple[Iterator[CineStack], int]:
    """Return what a network learnt from as stacks, and how many there are."""
    if hearts:
        return generated_stacks(hearts, _FAMILIARITY_SEED), hearts
    if "-NC-" not in licence:
        msg = (
            "this bundle is free of ACDC's terms; a table of its patients would end that: --hearts"
        )
        raise typer.BadParameter(msg)
    if data is None:
        msg = "name the folder of ACDC (--data), or a number of generated hearts (--hearts)"
        raise typer.BadParameter(msg)
    seen = [*patients_of("training", data), *patients_of("monitor", data)]
    return (case.stack for case in read_cases(data, seen)), len(seen)


def _regions(tower: SegmentationTower, stack: CineStack) -> npt.NDArray[np.float32] | None:
    """Return the features of a heart; None where the network finds none."""
    try:
        return tower.segment(stack).regions
    except ModelError:
        return None
