"""``destination``: the systems that reports and images are sent to."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    named,
    new_group,
    open_registry,
    print_json,
    print_table,
    show,
)
from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.job import ConfirmMode, DeliveryState
from plugin.domain.objects import DEFAULT_OBJECTS, OBJECT_KINDS, with_class

if TYPE_CHECKING:
    from plugin.registry import DestinationHealth, DestinationRecord, Registry

app = new_group(
    "Systems that reports and images are sent to. Changes count at once, without a restart."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Your name for the destination.")]
ObjectsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--object",
        "--objects",
        metavar="KIND",
        help=f"What to send, one or more of {', '.join(OBJECT_KINDS)}; repeat for several. "
        f"Without it a new destination gets {', '.join(DEFAULT_OBJECTS)}.",
    ),
]
EnabledOption = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Send there?")]


AeTitleOption = Annotated[str | None, typer.Option(help="AE title of the destination.")]
HostOption = Annotated[str | None, typer.Option(help="Its address.")]
PortOption = Annotated[int | None, typer.Option(help="Its DICOM port.")]
UrlOption = Annotated[
    str | None,
    typer.Option(
        help="DICOMweb (STOW-RS) address, like https://host:8443/dicom-web, instead of AE title, "
        "host and port."
    ),
]
CredentialsOption = Annotated[
    Path | None,
    typer.Option(
        "--credentials-file",
        metavar="FILE",
        help="File with user:password, or with a token; read when something is sent, never shown. "
        "An empty name takes it away.",
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="Certificates (PEM) to check that of the destination against; without it tls.ca_file "
        "(DICOM) or those of the system (DICOMweb).",
    ),
]
TlsOption = Annotated[
    bool | None,
    typer.Option("--tls/--no-tls", help="Speak DICOM over TLS with it; its port is often 2762."),
]
TlsNameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help='Name that its certificate must carry, if that is not the host. "": the host.',
    ),
]
ConfirmOption = Annotated[
    ConfirmMode | None,
    typer.Option(
        help="How it is asked whether it keeps what it took: commitment (Storage Commitment), "
        "query (C-FIND or QIDO-RS), none; auto tries commitment, then query."
    ),
]
RejectOption = Annotated[
    bool | None,
    typer.Option(
        "--reject-superseded/--keep-superseded",
        help="When a newer analysis takes the place of objects that it has: send a rejection note "
        "for them (Key Object Selection), or leave them beside the new ones (so without this).",
    ),
]


@app.command()
def add(
    name: NameArgument,
    ae_title: AeTitleOption = None,
    host: HostOption = None,
    port: PortOption = None,
    url: UrlOption = None,
    credentials_file: CredentialsOption = None,
    ca_file: CaOption = None,
    tls: TlsOption = None,
    tls_name: TlsNameOption = None,
    confirm: ConfirmOption = None,
    objects: ObjectsOption = None,
    reject_superseded: RejectOption = None,
    enabled: EnabledOption = None,
    config: ConfigOption = None,
) -> None:
    """Send results to a system from now on."""
    with open_registry(config) as registry:
        added = registry.destinations.add(
            name,
            ae_title=ae_title or "",
            host=host,
            port=port,
            url=url,
            credentials_file=_absolute(credentials_file),
            ca_file=_absolute(ca_file),
            tls=bool(tls),
            tls_name=tls_name,
            confirm=confirm or ConfirmMode.AUTO,
            objects=tuple(objects) if objects else DEFAULT_OBJECTS,
            reject_superseded=bool(reject_superseded),
            enabled=enabled is not False,
        )
    typer.echo(f"Destination {added.name} gets {', '.join(added.objects)}.")
    if not load(config).is_live:
        typer.echo('Shadow mode: nothing is sent until operation.mode is "live".')


def _absolute(path: Path | None) -> str | None:
    """Return a path as every process finds it; an empty one takes the file away."""
    if path is None or path == Path():
        return None if path is None else ""
    return str(path.expanduser().absolute())


_COUNTED = (
    DeliveryState.PENDING,
    DeliveryState.SENT,
    DeliveryState.CONFIRMED,
    DeliveryState.DEAD,
)
_COLUMNS = (
    *("name", "address", "objects", "enabled", "answers", "confirms by"),
    *(f"n {state.value.lower()}" for state in _COUNTED),
)


@app.command("list")
def list_destinations(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show where results go, whether each system answers, and how much waits for it."""
    with open_registry(config) as registry:
        destinations = registry.destinations.list()
        described = [_described(registry, item) for item in destinations]
    if as_json:
        print_json([_as_json(entry) for entry in described])
        return
    print_table(
        "Destinations",
        _COLUMNS,
        (_row(entry) for entry in described),
        caption="" if destinations else "Results are sent nowhere: cmr-triage destination add",
    )
    for line in (line for entry in described for line in _takes_instead(entry)):
        typer.echo(line)


def _described(registry: "Registry", destination: "DestinationRecord") -> dict[str, Any]:
    counts = registry.deliveries.counts().get(destination.name, {})
    return {
        "destination": destination,
        "health": registry.health.get(destination.id),
        "substitutions": registry.health.substitutions(destination.id),
        "n_open_commitments": registry.commitments.open_transactions(destination.id),
        "deliveries": {state.value: counts.get(state, 0) for state in DeliveryState},
    }


def _as_json(entry: dict[str, Any]) -> dict[str, Any]:
    learnt = {name: value for name, value in entry.items() if name != "destination"}
    return {**dataclasses.asdict(entry["destination"]), **learnt}


def _address(item: "DestinationRecord") -> str:
    by_tls = " by TLS" if item.tls else ""
    return item.url or f"{item.ae_title} at {item.host}:{item.port}{by_tls}"


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    item, health, counts = entry["destination"], entry["health"], entry["deliveries"]
    numbers = (counts[state] for state in _COUNTED)
    return (
        item.name,
        _address(item),
        item.objects,
        item.enabled,
        _answers(health),
        _confirms(item, health),
        *numbers,
    )


def _answers(health: "DestinationHealth") -> str:
    if health.open_since is not None:
        return f"no, since {show(health.open_since)}"
    if health.n_failures:
        return f"failed {health.n_failures} times"
    return "yes" if health.last_answer_at is not None else "-"


def _confirms(item: "DestinationRecord", health: "DestinationHealth") -> str:
    if item.confirm is ConfirmMode.NONE:
        return "not asked"
    return f"{health.confirms_by or 'not known yet'} ({item.confirm.value})"


def _takes_instead(entry: dict[str, Any]) -> list[str]:
    """Say in sentences what a destination gets otherwise than it was made."""
    name, health = entry["destination"].name, entry["health"]
    lines = []
    for item in entry["substitutions"]:
        status = "" if item.status is None else f" (status {item.status:04X})"
        lines.append(
            f"{name} takes {with_class(item.instead)} instead of {with_class(item.kind)} since "
            f"{show(item.since)}{status}."
        )
    if health.implicit_since is not None:
        since = show(health.implicit_since)
        lines.append(f"{name} gets objects in Implicit VR Little Endian since {since}.")
    return lines


@app.command("show")
def show_destination(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show one destination: how it is reached, what was learnt of it, what waits for it."""
    with open_registry(config) as registry:
        described = _described(registry, _wanted(registry, name))
    if as_json:
        print_json(_as_json(described))
        return
    item, health = described["destination"], described["health"]
    print_table(
        f"Destination {item.name}",
        ("property", "value"),
        (
            ("address", _address(item)),
            ("credentials file", item.credentials_file),
            ("certificates file", item.ca_file),
            ("name in its certificate", item.tls_name),
            ("objects", item.objects),
            ("enabled", item.enabled),
            ("answers", _answers(health)),
            ("last answer", health.last_answer_at),
            ("last failure", SENTENCES[health.last_reason] if health.last_reason else None),
            ("asked again at", health.next_probe_at),
            ("confirms by", _confirms(item, health)),
            ("commitments not reported yet", described["n_open_commitments"]),
            *((f"objects {state}", number) for state, number in described["deliveries"].items()),
        ),
    )
    for line in _takes_instead(described):
        typer.echo(line)


@app.command()
def edit(
    name: NameArgument,
    ae_title: AeTitleOption = None,
    host: HostOption = None,
    port: PortOption = None,
    url: UrlOption = None,
    credentials_file: CredentialsOption = None,
    ca_file: CaOption = None,
    tls: TlsOption = None,
    tls_name: TlsNameOption = None,
    confirm: ConfirmOption = None,
    objects: ObjectsOption = None,
    reject_superseded: RejectOption = None,
    enabled: EnabledOption = None,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="New name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Change a destination; what is not named stays. A new address is learnt anew."""
    changes = named(
        ae_title=ae_title,
        host=host,
        port=port,
        url=url,
        credentials_file=_absolute(credentials_file),
        ca_file=_absolute(ca_file),
        tls=tls,
        tls_name=tls_name,
        confirm=confirm,
        objects=tuple(objects) if objects else None,
        reject_superseded=reject_superseded,
        enabled=enabled,
        name=rename,
    )
    with open_registry(config) as registry:
        changed = registry.destinations.edit(name, **changes)
    typer.echo(f"Destination {changed.name} changed.")


@app.command()
def remove(name: NameArgument, config: ConfigOption = None) -> None:
    """Send nothing there any more; what still waits for it is given up."""
    with open_registry(config) as registry:
        n_waiting = registry.destinations.remove(name)
    typer.echo(f"Destination {name} removed; {n_waiting} objects still waited for it.")


@app.command()
def retry(name: NameArgument, config: ConfigOption = None) -> None:
    """Send again what was given up at a destination, after its fault is mended.

    What was learnt of it is forgotten: it is asked at once, and gets every kind of object again.
    """
    with open_registry(config) as registry:
        n_objects = registry.destinations.retry(name)
    typer.echo(f"{n_objects} objects wait to be sent to {name} again.")


@app.command()
def test(name: NameArgument, config: ConfigOption = None) -> None:
    """Ask whether a destination answers, takes our objects and confirms; exit code 5 when not."""
    from dicom_node.channels import caller_of
    from dicom_node.checks import ask_destination

    settings = load(config)
    with open_registry(config) as registry:
        destination = _wanted(registry, name)
        lines = ask_destination(destination, caller_of(settings))
        registry.health.answered(destination.id)
    for line in lines:
        typer.echo(line)


def _wanted(registry: "Registry", name: str) -> "DestinationRecord":
    destination = registry.destinations.get(name)
    if destination is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
    return destination
