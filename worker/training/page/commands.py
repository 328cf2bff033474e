"""``cmr-triage evaluate``; mounted by the command line when called.

Importing this module needs the extra ``train`` (nibabel, matplotlib, tqdm).
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from worker.bundle import Bundle, load_bundle
from worker.bundle.manifest import Evaluation, EvaluationRow
from worker.findings import errors_of, load_pattern_table
from worker.model.tower import SegmentationTower
from worker.training import evaluate as evaluation
from worker.training.evaluation_figures import case_png
from worker.training.export import with_evaluation
from worker.training.judged import judge_patient
from worker.training.page.outcome import Outcome, Provenance, Worst
from worker.training.page.page import evaluation_page

PAGE_NAME = "evaluation.html"

evaluate = typer.Typer(help="Measure a bundle on a cohort.")


@evaluate.command("evaluate")
def evaluate_bundle(  # noqa: PLR0917 - one parameter per option
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            envvar="CMR_TRIAGE_ACDC_DIR",
            exists=True,
            file_okay=False,
            help="ACDC training/.",
        ),
    ],
    split: Annotated[str, typer.Option(help="validation, monitor or training.")] = "validation",
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.html, tables and images.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap intervals.")] = 0,
    limit: Annotated[
        int, typer.Option(min=0, help="Only the first so many patients, 0 for all: a trial.")
    ] = 0,
    every_figure: Annotated[
        bool, typer.Option(help="Write the contours of every patient, not only of failures.")
    ] = False,
    write_back: Annotated[bool, typer.Option(help="Write the figures into the bundle.")] = False,
) -> None:
    """Measure a bundle on whole images of a split; --out DIR writes a page that shows everything.

    Dice, volumes, ejection fraction, findings, report texts and subgroups, with 95 % intervals.
    """
    if write_back and (split != "validation" or limit):
        msg = "only with every patient of the split validation: reports get their intervals from it"
        raise typer.BadParameter(msg, param_hint="--write-back")
    opened = load_bundle(bundle or None)
    tower = SegmentationTower(opened, threads=threads)
    groups, errors = load_pattern_table(opened), errors_of(opened.manifest)
    patients = evaluation.patients_of(split, data)[: limit or None]
    if not patients:
        msg = f"no patient of the split {split!r} in {data}"
        raise typer.BadParameter(msg)
    outcomes: list[Outcome] = []
    worst = Worst()
    for case in tqdm(evaluation.read_cases(data, patients), total=len(patients), unit="patient"):
        result, found = evaluation.evaluate_patient(tower, case)
        judged = judge_patient(
            case.patient, case.stack, case.truth, found.labels, case.context, groups, errors
        )
        refused = evaluation.refusal(case.stack, found, opened) or judged.refused
        result, labels = replace(result, refused=refused), found.labels
        outcomes.append(Outcome.of(case, result, judged))
        worst.offer(result, case, labels)
        if out is not None and (every_figure or result.gross_failure):
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{case.patient}.png").write_bytes(case_png(case, labels))
    rows = evaluation.summarise([one.result for one in outcomes], seed)
    command = f"cmr-triage evaluate --split {split} --bundle {opened.name}"
    if out is not None:
        evaluation.write_tables([one.result for one in outcomes], rows, out)
        options = f" --limit {limit}" * bool(limit) + f" --seed {seed}" * bool(seed)
        provenance = _provenance(opened, split, data, patients, command + options, seed)
        pictures = [(result, case_png(case, labels)) for result, case, labels in worst.kept]
        page = evaluation_page(outcomes, pictures, provenance, groups)
        (out / PAGE_NAME).write_text(page, encoding="utf-8")
        typer.echo(f"Written to {out / PAGE_NAME}")
    print_rows(opened.name, opened.version, rows)
    if write_back:
        measured = Evaluation(
            data=f"ACDC training set, {split} patients (worker/training/splits.toml), whole images",
            n_patients=len(outcomes),
            command=command,
            rows=rows,
        )
        with_evaluation(opened.folder, measured)


def _provenance(
    bundle: Bundle, split: str, data: Path, patients: Sequence[str], command: str, seed: int
) -> Provenance:
    return Provenance(
        bundle=f"{bundle.name} {bundle.version}",
        bundle_digest=bundle.digest,
        software_version=version("cmr-triage"),
        data=f"ACDC training set, split {split}: {', '.join(patients)}",
        data_digest=evaluation.data_digest(data, patients),
        command=command,
        seed=seed,
    )


def print_rows(name: str, bundle_version: str, rows: Sequence[EvaluationRow]) -> None:
    """Print a table of measured figures with their intervals."""
    typer.echo(f"{name} {bundle_version}")
    for row in rows:
        span = f"  [{row.low:.3f}, {row.high:.3f}]" if row.low is not None else ""
        typer.echo(f"  {row.measure:<42} {row.value:8.3f} {row.unit}{span}")
