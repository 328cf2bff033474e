"""``cmr-triage train whole``: every stage of a bundle by one command."""

from pathlib import Path
from typing import Annotated

import typer

from worker.training.device import Choice, compute_of
from worker.training.run import DataFolders
from worker.training.whole import Setting, carry_out, read_plan, steps_of


def whole(  # noqa: PLR0913, PLR0917 - one parameter per option
    plan: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Plan (TOML).")],
    work: Annotated[Path, typer.Option(help="Folder of all its runs, and of steps.json.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; its name is the bundle's.")],
    version: Annotated[str, typer.Option(help="Version of the bundle, such as 1.0.0.")],
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="CMR_TRIAGE_ACDC_DIR",
            exists=True,
            file_okay=False,
            help="ACDC training/, for plans that learn from it; also what is evaluated on.",
        ),
    ] = None,
    sunnybrook: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Sunnybrook PNG export.")
    ] = None,
    studies: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="DICOM without contours, for stage 0."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that train together, or feed the GPU.")
    ] = 2,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
    device: Annotated[
        Choice, typer.Option(help="auto: CUDA with bfloat16 where it is there, else the processor.")
    ] = Choice.AUTO,
) -> None:
    """Make a whole bundle from a plan: all stages, tables and figures.

    Stopped at any time, the same command goes on; a step that is done is not done again.
    """
    setting = Setting(
        work=work,
        bundle=out,
        version=version,
        folders=DataFolders(data, sunnybrook),
        studies=studies,
        processes=processes,
        threads=threads,
        compute=compute_of(device),
    )
    carry_out(steps_of(read_plan(plan), setting), work, typer.echo)
    typer.echo(f"{out}: finished")
