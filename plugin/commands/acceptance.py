"""``acceptance``: a hospital's own studies and values against our results, before it goes live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.analysis import Device, dicom_files
from plugin.domain.errors import ConfigurationError, Reason

if TYPE_CHECKING:
    from worker.acceptance.compare import Compared

PAGE_NAME = "acceptance.html"


def acceptance(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="A folder per study."),
    ],
    reference: Annotated[
        Path,
        typer.Option(
            metavar="CSV",
            exists=True,
            dir_okay=False,
            help="Own values: column study (the folder's name), values such as lvef_percent, and "
            "site, group, priority where known.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the report.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Triage policy; without it what ships.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Model bundle; without it what ships.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model runs: cpu or cuda.")] = Device.CPU,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0 takes all processors.")] = 0,
) -> None:
    """Compare our results of local studies with the hospital's values and write a report.

    Nothing is sent and no registry is touched. The report names studies as the table does.
    """
    from importlib.metadata import version

    from plugin.commands.triage import read_policy_file
    from plugin.domain.triage import default_policy, parse_policy
    from worker.acceptance.compare import compare
    from worker.acceptance.reference import read_references
    from worker.acceptance.report import acceptance_page
    from worker.bundle import load_bundle
    from worker.model.tower import SegmentationTower

    references = read_references(reference)
    rules = default_policy() if policy is None else parse_policy(read_policy_file(policy))
    loaded = load_bundle(bundle)
    tower = SegmentationTower(loaded, device=device.value, threads=threads)
    page = out / PAGE_NAME
    try:
        out.mkdir(parents=True, exist_ok=True)
        page.write_text("", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, str(out)) from error
    comparison = compare(references, lambda study: dicom_files(folder / study), tower, rules, _tell)
    origin = (
        ("bundle", f"{loaded.name} {loaded.version}"),
        ("bundle digest", loaded.digest),
        ("software", f"cmr-triage {version('cmr-triage')}"),
        ("policy", f"{rules.name} {rules.label}"),
        ("command", "cmr-triage acceptance"),
    )
    page.write_text(acceptance_page(comparison, rules, origin), encoding="utf-8")
    typer.echo(f"Report: {page}")


def _tell(one: "Compared") -> None:
    """Say how far it is, without naming a study: its name may be a patient's."""
    typer.echo("." if one.refused is None else "x", nl=False, err=True)
