"""``destination``: the systems that reports and images are sent to."""

from typing import Annotated

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
)
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.objects import DEFAULT_OBJECTS, OBJECT_KINDS

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


@app.command()
def add(
    name: NameArgument,
    ae_title: Annotated[str, typer.Option(help="AE title of the destination.")],
    host: Annotated[str, typer.Option(help="Its address.")],
    port: Annotated[int, typer.Option(help="Its DICOM port.")],
    objects: ObjectsOption = None,
    enabled: EnabledOption = None,
    config: ConfigOption = None,
) -> None:
    """Send results to a system from now on."""
    with open_registry(config) as registry:
        added = registry.destinations.add(
            name,
            ae_title=ae_title,
            host=host,
            port=port,
            objects=tuple(objects) if objects else DEFAULT_OBJECTS,
            enabled=enabled is not False,
        )
    typer.echo(f"Destination {added.name} gets {', '.join(added.objects)}.")


@app.command("list")
def list_destinations(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show where results go."""
    with open_registry(config) as registry:
        destinations = registry.destinations.list()
    if as_json:
        print_json(destinations)
        return
    print_table(
        "Destinations",
        ("name", "AE title", "host", "port", "objects", "enabled"),
        (
            (item.name, item.ae_title, item.host, item.port, item.objects, item.enabled)
            for item in destinations
        ),
        caption="" if destinations else "Results are sent nowhere: cmr-triage destination add",
    )


@app.command()
def edit(
    name: NameArgument,
    ae_title: Annotated[str | None, typer.Option(help="AE title.")] = None,
    host: Annotated[str | None, typer.Option(help="Address.")] = None,
    port: Annotated[int | None, typer.Option(help="DICOM port.")] = None,
    objects: ObjectsOption = None,
    enabled: EnabledOption = None,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="New name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Change a destination; what is not named stays."""
    changes = named(
        ae_title=ae_title,
        host=host,
        port=port,
        objects=tuple(objects) if objects else None,
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
    """Send again what was given up at a destination, after its fault is mended."""
    with open_registry(config) as registry:
        destination = registry.destinations.get(name)
        if destination is None:
            raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
        n_objects = registry.deliveries.retry_all(destination.id)
    typer.echo(f"{n_objects} objects wait to be sent to {name} again.")


@app.command()
def test(name: NameArgument, config: ConfigOption = None) -> None:
    """Ask whether a destination answers (C-ECHO) and takes our objects; exit code 5 when not."""
    from dicom_node.sender import verify_destination

    settings = load(config)
    with open_registry(config) as registry:
        destination = registry.destinations.get(name)
    if destination is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
    seconds = verify_destination(
        destination, settings.node.ae_title, settings.delivery.connection_timeout_seconds
    )
    typer.echo(
        f"{name} ({destination.ae_title} at {destination.host}:{destination.port}) answers and "
        f"takes {', '.join(destination.objects)} ({1000 * seconds:.0f} ms)."
    )
