"""``cmr-triage train``; mounted by the command line when called.

Importing this module needs the extra ``train`` (torch, nibabel, onnx, tqdm).
"""

from pathlib import Path
from typing import Annotated

import typer

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.beginning import begin
from worker.training.device import Choice, compute_of
from worker.training.fold_commands import folds
from worker.training.group_commands import groups
from worker.training.language.commands import fidelity
from worker.training.language.export import add_run
from worker.training.language.recipe import read_language_recipe
from worker.training.language.run import start_or_resume_language
from worker.training.language.text_stage import CORPUS_FOLDER, make_corpus
from worker.training.recipe import read_recipe
from worker.training.release import add_familiarity_table, export_checkpoint
from worker.training.run import DataFolders, start_or_resume
from worker.training.run_record import CURVES_NAME, LOG_NAME, keep_record
from worker.training.site.commands import adapt, finetune, pretrain, reports
from worker.training.whole_commands import whole

train = typer.Typer(no_args_is_help=True, help="Train networks and make bundles.")

WorkOption = Annotated[Path, typer.Option("--work", help="Folder of the run: checkpoints, log.")]
DeviceOption = Annotated[
    Choice, typer.Option(help="auto: CUDA with bfloat16 where it is there, else the processor.")
]


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
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that train together, or feed the GPU.")
    ] = 2,
    device: DeviceOption = Choice.AUTO,
) -> None:
    """Run a recipe; a run that was stopped goes on from its last checkpoint."""
    what, folders = read_recipe(recipe), DataFolders(data, sunnybrook)
    compute = compute_of(device)
    if start is not None:
        begin(start, what, work)
    start_or_resume(what, folders, work, processes=processes, compute=compute)


@train.command("language")
def run_language_recipe(
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Recipe (TOML).")],
    work: WorkOption,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
    device: DeviceOption = Choice.AUTO,
) -> None:
    """Train the language side; a run that was stopped goes on from its last checkpoint."""
    what, compute = read_language_recipe(recipe), compute_of(device)
    start_or_resume_language(what, work, threads=threads, compute=compute)


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


@train.command("curves")
def draw_curves(
    work: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run.")],
) -> None:
    """Draw the curves of a run, also of one under way, and write its numbers as MLflow's files.

    Writes curves.png and mlruns/ into the folder; a finished run has done so by itself.
    """
    if not keep_record(work):
        raise ConfigurationError(Reason.NOT_FOUND, f"{work.name} holds no {LOG_NAME} with numbers")
    typer.echo(work / CURVES_NAME)


train.command("whole")(whole)
train.command("fidelity")(fidelity)
train.command("folds")(folds)
train.command("groups")(groups)
train.command("pretrain")(pretrain)
train.command("adapt")(adapt)
train.command("finetune")(finetune)
train.command("reports")(reports)


@train.command("export")
def export_bundle(
    checkpoint: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A checkpoint.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; its name is the bundle's.")],
    version: Annotated[str, typer.Option(help="Version of the bundle, such as 1.0.0.")],
) -> None:
    """Make a bundle from a checkpoint's averaged weights."""
    manifest = export_checkpoint(checkpoint, out, version)
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
    folder, table = add_familiarity_table(bundle or None, data, hearts, threads)
    typer.echo(
        f"{folder}: flag above {table.limit.flag_above:.2f}, "
        f"refuse above {table.limit.refuse_above:.2f}"
    )
