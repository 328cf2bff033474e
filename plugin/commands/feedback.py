"""``feedback``: what readers said about the results, for statistics and training."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.terminal import ConfigOption, JsonOption, new_group, open_registry, print_json

app = new_group(
    "What readers said about the results: agree, disagree, or what it should have been."
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
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write all feedback as CSV, oldest first: studies and readers by number, no names.

    Changed opinions stay, with "no" in the column counts.
    """
    from plugin.domain.csv_text import csv_text
    from plugin.registry.feedback_export import feedback_rows

    with open_registry(config) as registry:
        columns, rows = feedback_rows(registry, with_comments=with_comments)
    if as_json:
        print_json([{name: row[name] for name in columns} for row in rows])
        return
    text = csv_text(columns, rows)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8", newline="")
    typer.echo(f"{len(rows)} opinions in {out}.")
