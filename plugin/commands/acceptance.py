"""``acceptance``: a hospital's own studies and values against our results, before it goes live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.analysis import Device, dicom_files
from plugin.domain.errors import ConfigurationError, Reason

if TYPE_CHECKING:
    from worker.acceptance.compare import Compared
    from worker.acceptance.reference import Reference
    from worker.acceptance.reports import ToRead

PAGE_NAME = "acceptance.html"


def acceptance(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="A folder per study."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the report.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            exists=True,
            dir_okay=False,
            help="Own values: column study (the folder's name), values such as lvef_percent, "
            "findings such as finding.lv_dilation (yes or no), diagnosis, and site, group, "
            "priority where known.",
        ),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Reports of the studies, STUDY.txt (English or Chinese) or STUDY.dcm (Structured "
            "Report): values that they state plainly; the others are listed to be read.",
        ),
    ] = None,
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
    from worker.acceptance.report import acceptance_page
    from worker.bundle import load_bundle
    from worker.model.tower import SegmentationTower

    references, to_read = _references(reference, reports)
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
    page.write_text(acceptance_page(comparison, rules, origin, to_read), encoding="utf-8")
    typer.echo(f"Report: {page}")
    if to_read:
        typer.echo(f"{len(to_read)} reports state a value not plainly; the page lists them.")


def _references(
    reference: Path | None, reports: Path | None
) -> "tuple[list[Reference], list[ToRead]]":
    """Return what table and reports say, and which reports a person has to read."""
    from worker.acceptance.reference import read_references
    from worker.acceptance.reports import merge, read_reports

    if reference is None and reports is None:
        detail = "give --reference, --reports or both"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    table = [] if reference is None else read_references(reference)
    return (table, []) if reports is None else merge(table, *read_reports(reports))


def _tell(one: "Compared") -> None:
    """Say how far it is, without naming a study: its name may be a patient's."""
    typer.echo("." if one.refused is None else "x", nl=False, err=True)
