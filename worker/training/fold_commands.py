"""``cmr-triage train folds``: a tower for each fold of the cross-validation."""

from pathlib import Path
from typing import Annotated

import typer

from worker.training.folds import N_FOLDS, fold_folder, train_folds
from worker.training.recipe import read_recipe
from worker.training.run import DataFolders
from worker.training.train import CHECKPOINT_FILE

AcdcOption = Annotated[
    Path,
    typer.Option(
        "--data", envvar="CMR_TRIAGE_ACDC_DIR", exists=True, file_okay=False, help="ACDC training/."
    ),
]
FoldsWorkOption = Annotated[
    Path, typer.Option("--work", help="Folder of the runs: start/, fold-1/ to fold-5/.")
]


def folds(
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Recipe (TOML).")],
    data: AcdcOption,
    work: FoldsWorkOption,
    sunnybrook: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Sunnybrook PNG export.")
    ] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=N_FOLDS, help="Fold to train (repeat for more); without it 2 to 5."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Checkpoint to begin with that saw no ACDC patient, or the --work of an earlier "
            "run of these folds; else the recipe makes a start.",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that train together.")] = 2,
) -> None:
    """Train one tower per fold on the patients of the others; fold 1's is the released one.

    A run that was stopped goes on from its last checkpoint.
    """
    chosen = sorted(set(fold or range(2, N_FOLDS + 1)))
    train_folds(
        read_recipe(recipe),
        DataFolders(data, sunnybrook),
        work,
        folds=chosen,
        processes=processes,
        start=start,
    )
    for number in chosen:
        typer.echo(fold_folder(work, number) / CHECKPOINT_FILE)
