"""``order``: orders of the department, from files, and what they asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    complain,
    exit_code_of,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import ConfigurationError, OrderRejectedError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plugin.registry import Registry
    from plugin.registry.orders import OrderRecord, TakenOrder

app = new_group(
    "Orders: how urgent the department ordered a study, from HL7 v2 messages and UPS work items. "
    "An order may come before or after its study; it raises it, and never lowers it."
)

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        exists=True,
        help="HL7 v2 messages, UPS as DICOM JSON or DICOM files; a folder stands for its files.",
    ),
]


@app.command("import")
def import_orders(
    files: FilesArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Take the orders of files; the same ones again change nothing. Exit code 3 when one cannot be.

    The other files are taken all the same.
    """
    from plugin.orders import MAXIMUM_BYTES, take_orders

    refused: OrderRejectedError | None = None
    taken: list[tuple[Path, TakenOrder]] = []
    with open_registry(config) as registry:
        for path in _each(files):
            with path.open("rb") as stream:
                data = stream.read(MAXIMUM_BYTES + 1)
            try:
                taken += [(path, one) for one in take_orders(registry, data, actor="cli")]
            except OrderRejectedError as error:
                refused = error
                complain(f"{path}: {error.sentence}")
    if as_json:
        print_json([{"file": str(path), **_told(one)} for path, one in taken])
    else:
        print_table(
            "Orders",
            (
                "file",
                "order",
                "accession",
                "asks for",
                "what became of it",
                "n studies",
                "n raised",
            ),
            (
                (
                    path.name,
                    one.record.id if one.record else None,
                    one.record.order.accession_number if one.record else None,
                    one.record.order.asks_for if one.record else None,
                    one.outcome.words,
                    len(one.study_ids),
                    len(one.raised_ids),
                )
                for path, one in taken
            ),
        )
    if refused is not None:
        raise typer.Exit(exit_code_of(refused))


@app.command("list")
def list_orders(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest known first.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show orders, and whether their studies came."""
    with open_registry(config) as registry:
        rows = [(one, registry.orders.studies_of(one)) for one in registry.orders.list(limit)]
    if as_json:
        print_json([{**_plain(one), "n_studies": len(found)} for one, found in rows])
        return
    print_table(
        "Orders",
        ("order", "by", "told", "accession", "asks for", "n studies"),
        (
            (
                one.id,
                one.order.source.value,
                one.order.told_at,
                one.order.accession_number,
                one.order.asks_for,
                len(found),
            )
            for one, found in rows
        ),
        caption="" if rows else "None. cmr-triage order import FILE takes some.",
    )


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ORDER", help="Number, as `order list` shows.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one order with all that names it, and the studies that it is of."""
    with open_registry(config) as registry:
        record = registry.orders.get(number)
        if record is None:
            raise ConfigurationError(Reason.NOT_FOUND, f"order {number}")
        shown = {**_plain(record), "studies": _studies(registry, record)}
    if as_json:
        print_json(shown)
        return
    print_table(
        f"Order {number}",
        ("what", "told"),
        ((name.replace("_", " "), value) for name, value in shown.items()),
    )


@app.command()
def cancel(
    number: Annotated[int, typer.Argument(metavar="ORDER", help="Number, as `order list` shows.")],
    config: ConfigOption = None,
) -> None:
    """Cancel an order whose study has not come; what an order raised stays raised.

    A later message of the same order counts again.
    """
    with open_registry(config) as registry:
        if registry.orders.cancel(number, actor="cli") is None:
            raise ConfigurationError(Reason.NOT_FOUND, f"order {number}")


def _each(files: "Sequence[Path]") -> "Iterator[Path]":
    for path in files:
        yield from (
            sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        )


def _studies(registry: "Registry", record: "OrderRecord") -> list[str]:
    return [one.study_instance_uid for one in registry.orders.studies_of(record)]


def _told(taken: "TakenOrder") -> dict[str, Any]:
    known = {} if taken.record is None else _plain(taken.record)
    return {
        "outcome": taken.outcome,
        "n_studies": len(taken.study_ids),
        "n_raised": len(taken.raised_ids),
        **known,
    }


def _plain(record: "OrderRecord") -> dict[str, Any]:
    from dataclasses import asdict

    return {"id": record.id, "received_at": record.received_at, **asdict(record.order)}
