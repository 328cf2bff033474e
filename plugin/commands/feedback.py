"""``feedback``: what readers said about the results, for statistics."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from plugin.commands.terminal import ConfigOption, new_group, open_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.registry import Registry
    from plugin.registry.readings import FeedbackRecord

app = new_group(
    "What readers said about the results: agree, disagree, or what it should have been."
)

_COLUMNS = (
    "id",
    "at",
    "by",
    "study_id",
    "job_id",
    "verdict",
    "lvef_percent",
    "lvef_percent_ai",
    "lvedv_ml_ai",
    "rvef_percent_ai",
    "diagnosis",
    "comment",
)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; without it: here.")
    ] = None,
    with_comments: Annotated[
        bool,
        typer.Option("--with-comments", help="Also the comments, which may name a patient."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write all feedback as CSV, oldest first; comments are left out unless asked for."""
    columns = _COLUMNS if with_comments else _COLUMNS[:-1]
    with open_registry(config) as registry:
        rows = [_row(one) for one in _all(registry)]
    rows.reverse()
    if out is None:
        _write(sys.stdout, columns, rows)
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        _write(file, columns, rows)
    typer.echo(f"{len(rows)} opinions in {out}.")


def _all(registry: "Registry") -> "Iterator[FeedbackRecord]":
    before: int | None = None
    while found := registry.readings.feedback(before_id=before, limit=500):
        yield from found
        before = found[-1].id


def _row(one: "FeedbackRecord") -> dict[str, object]:
    values = {name: getattr(one, name, None) for name in _COLUMNS}
    return values | {
        "at": one.at.isoformat(),
        "verdict": one.verdict.value,
        "diagnosis": one.diagnosis.value if one.diagnosis else "",
        "comment": _no_formula(one.comment),
        "lvef_percent_ai": one.result.get("lvef_percent"),
        "lvedv_ml_ai": one.result.get("lvedv_ml"),
        "rvef_percent_ai": one.result.get("rvef_percent"),
    }


def _no_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _write(file: TextIO, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
