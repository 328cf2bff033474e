"""``delivery``: single objects on their way, above all those that were given up."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    new_group,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.job import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin.registry import DeliveryRecord

app = new_group("Objects on their way: what waits, what was given up, and sending it again.")

DestinationOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only those for this destination.")
]


@app.command("list")
def list_deliveries(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only what is not yet sent or not yet confirmed.")
    ] = False,
    destination: DestinationOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show objects on their way: where to, in which state, and why they are not there."""
    with open_registry(config) as registry:
        found = registry.deliveries.list(
            states=_states(dead=dead, waiting=waiting), destination_name=destination, limit=limit
        )
    if waiting:
        found = [item for item in found if not _at_rest(item)]
    if as_json:
        print_json(found)
        return
    print_table(
        "Deliveries",
        ("id", "study", "object", "destination", "state", "n attempts", "n asked", "next", "why"),
        (_row(item) for item in found),
        caption="" if found else "None.",
    )


def _states(*, dead: bool, waiting: bool) -> tuple[DeliveryState, ...]:
    chosen = []
    if dead:
        chosen.append(DeliveryState.DEAD)
    if waiting:
        chosen += [DeliveryState.PENDING, DeliveryState.SENT]
    return tuple(chosen) or tuple(DeliveryState)


def _at_rest(item: "DeliveryRecord") -> bool:
    """Tell whether an object was sent to a destination that confirms nothing."""
    return item.state is DeliveryState.SENT and item.confirm_at is None


def _row(item: "DeliveryRecord") -> tuple[object, ...]:
    following = {
        DeliveryState.PENDING: item.next_attempt_at,
        DeliveryState.SENT: item.confirm_at,
    }
    status = "" if item.last_status in (None, 0) else f" (status {item.last_status:04X})"
    why = "" if item.last_reason is None else SENTENCES[item.last_reason] + status
    return (
        str(item.id),
        f"…{item.study_instance_uid[-12:]}",
        item.kind,
        item.destination_name,
        item.state.value,
        item.attempts,
        item.n_asked,
        following.get(item.state),
        why,
    )


def delivered_in_words(deliveries: "Iterable[DeliveryRecord]") -> str:
    """Say how far the objects of a result are: the worst news first, nothing where none goes."""
    counts = Counter(item.state for item in deliveries)
    counts.pop(DeliveryState.REPLACED, None)  # what goes instead is counted
    n_objects = counts.total()
    words = (
        (DeliveryState.DEAD, "given up"),
        (DeliveryState.PENDING, "waiting"),
        (DeliveryState.SENT, "sent"),
        (DeliveryState.CONFIRMED, "confirmed"),
    )
    said = [f"{counts[state]} {word}" for state, word in words if counts[state]]
    return f"{', '.join(said)} of {n_objects}" if said else ""


@app.command()
def retry(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="As delivery list shows them.")
    ] = None,
    destination: DestinationOption = None,
    all_dead: Annotated[bool, typer.Option("--all", help="Everything that was given up.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send again what was given up. An object that is there already is not stored twice."""
    chosen = sum((bool(ids), destination is not None, all_dead))
    if chosen != 1:
        detail = "name ids, --destination or --all"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    with open_registry(config) as registry:
        if ids:
            n_objects = registry.deliveries.retry_some(ids)
        elif destination is not None:
            n_objects = registry.destinations.retry(destination)
        else:
            names = [item.name for item in registry.destinations.list()]
            n_objects = sum(registry.destinations.retry(name) for name in names)
    typer.echo(f"{n_objects} objects wait to be sent again.")
