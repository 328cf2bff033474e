"""``quality``: the figures of the quality page, on the command line."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.quality.span import Span

if TYPE_CHECKING:
    from plugin.domain.quality.table import Row


def quality(
    span: Annotated[Span, typer.Option(help="How far back, by week or month.")] = Span.HALF_YEAR,
    site: Annotated[
        str, typer.Option(metavar="NAME", help="Only studies of one institution.")
    ] = "",
    peer: Annotated[str, typer.Option(metavar="AE_TITLE", help="Only studies of one sender.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show agreement, drift, refusals, times, calibration and delivery since the system went live.

    Names no patient. What looks different from the first studies stands first.
    """
    from plugin.domain.quality.figures import figures
    from plugin.domain.quality.table import looks_different, rows
    from plugin.registry.quality import Selection

    with open_registry(config) as registry:
        now = registry.quality.now()
        selection = Selection(span.since(now), now, site, peer)
        found = figures(registry.quality.record(selection), span.step)
    different = [one.sentence for one in looks_different(found)]
    if as_json:
        counts = {name: getattr(found, name) for name in ("n_analysed", "n_refused", "n_reference")}
        listed = [asdict(one) for one in rows(found)]
        print_json(
            {"span": span.value, "site": site, "peer": peer}
            | counts
            | {"looks_different": different, "rows": listed}
        )
        return
    typer.echo(f"{found.n_analysed} studies analysed, {found.n_refused} not.")
    for sentence in different:
        typer.echo(sentence)
    columns = ("section", "figure", "from", "n value", "n low", "n high", "n studies", "differs")
    print_table("", columns, map(_cells, rows(found)))


def _cells(row: "Row") -> tuple[object, ...]:
    numbers = (None if v is None else f"{v:.3g}" for v in (row.value, row.low, row.high))
    name = f"{row.name}, {row.unit}" if row.unit else row.name
    return row.section, name, row.period, *numbers, row.n, row.differs
