"""``cmr-triage train groups``: measure every patient, judge the classifier, make its table."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from worker.bundle import find_bundle, load_bundle
from worker.findings.pattern import TABLE_FILE
from worker.findings.uncertainty import StandardError, errors_of
from worker.training.bundle_tables import put_table
from worker.training.fold_commands import AcdcOption, FoldsWorkOption
from worker.training.group_report import as_markdown, describe_answers, describe_intervals
from worker.training.groups import cases_of, cross_validate, make_table
from worker.training.hearts import HEARTS_FILE, MeasuredHeart, read_hearts
from worker.training.measured_hearts import measure_folds

GROUPS_CARD = "GROUPS_CARD.md"
_PATIENTS = "ACDC training set: 100 patients of one hospital, 20 of each group, two scanners"
_COMMAND = "cmr-triage train groups --data ACDC --work FOLDS"
_CARD_HEAD = (
    "# Which group of patients a pattern resembles\n\nAI, not verified by a physician, not for "
    f"diagnosis. {_PATIENTS}; five-fold cross-validation, `{_COMMAND}`."
)


def groups(
    data: AcdcOption,
    work: FoldsWorkOption,
    bundle: Annotated[
        str, typer.Option(help="Released bundle: the tower of fold 1, and what --into means.")
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Bundle folder that gets the table."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
) -> None:
    """Measure all patients with towers that never saw them, and calibrate the heart groups.

    Writes hearts.jsonl, groups.json, groups.md and pattern.json into the work folder.
    """
    work.mkdir(parents=True, exist_ok=True)
    released = find_bundle(bundle or None)
    errors = errors_of(load_bundle(released).manifest)
    measured = measure_folds(data, work, released, threads=threads)
    for _ in tqdm(measured, unit="patient"):
        pass
    hearts = read_hearts(work / HEARTS_FILE)
    without = sorted({heart.fold for heart in hearts if not heart.tower})
    report = _report(hearts, errors)
    (work / "groups.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = as_markdown(report)
    (work / "groups.md").write_text(text, encoding="utf-8")
    table = make_table(cases_of(hearts), patients=_PATIENTS, command=_COMMAND)
    written = table.model_dump_json(indent=1) + "\n"
    (work / "pattern.json").write_text(written, encoding="utf-8")
    typer.echo(text)
    if without:
        missing = ", ".join(str(fold) for fold in without)
        typer.echo(f"No tower yet for fold {missing} (train folds); only the others are judged.")
    if into is not None and without:
        msg = "a bundle only gets a table that was calibrated with a tower for every fold"
        raise typer.BadParameter(msg)
    if into is not None:
        put_table(into, TABLE_FILE, written.encode())
        put_table(into, GROUPS_CARD, f"{_CARD_HEAD}\n\n{text}\n".encode())
        typer.echo(f"{into}: {TABLE_FILE}")


def _report(hearts: list[MeasuredHeart], errors: Mapping[str, StandardError]) -> dict[str, object]:
    cases = cases_of(hearts)
    masks = [replace(one, features=one.expert_features, tower="masks") for one in hearts]
    experts = cases_of(masks)
    n_measured = sum(bool(heart.tower) for heart in hearts)
    return {
        "answers": describe_answers(cases, cross_validate(cases), n_measured),
        "experts": describe_answers(experts, cross_validate(experts), len(hearts)),
        "ejection_fraction": describe_intervals(hearts, errors),
        "command": _COMMAND,
    }
