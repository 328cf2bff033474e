"""``switch``: hold back everything, or what goes to one destination, and let it go again."""

from typing import Annotated

import typer

from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    new_group,
    open_registry,
    print_json,
    print_table,
)

app = new_group(
    "Kill switch: while it is off nothing is sent and no order is changed. Studies are still "
    "received and analysed, results wait, nothing is lost. It counts within seconds."
)

DestinationOption = Annotated[
    str | None,
    typer.Option("--destination", metavar="NAME", help="Only this one; without it everything."),
]


@app.command()
def off(destination: DestinationOption = None, config: ConfigOption = None) -> None:
    """Send nothing any more, and order the worklist as without the AI."""
    with open_registry(config) as registry:
        changed = registry.switches.switch_off("cli", destination)
    what = "Everything is" if destination is None else f"Destination {destination} is"
    typer.echo(f"{what} {'' if changed else 'already '}switched off; results wait.")


@app.command()
def on(destination: DestinationOption = None, config: ConfigOption = None) -> None:
    """Send again what waits."""
    with open_registry(config) as registry:
        changed = registry.switches.switch_on("cli", destination)
        still = [one.destination or "everything" for one in registry.switches.state().off]
    what = "Everything was" if destination is None else f"Destination {destination} was"
    typer.echo(f"{what} switched on." if changed else f"{what} not switched off.")
    if still:
        typer.echo(f"Still switched off: {', '.join(still)}.")


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the mode, and what is switched off, since when and by whom."""
    from plugin.settings import MODE_SENTENCES

    mode = load(config).operation.mode
    with open_registry(config) as registry:
        switches = registry.switches.state().off
    if as_json:
        print_json({"mode": mode, "off": switches})
        return
    typer.echo(f"Mode {MODE_SENTENCES[mode]}.")
    print_table(
        "Switched off",
        ("what", "since", "by"),
        ((one.destination or "everything", one.off_since, one.switched_by) for one in switches),
        caption="" if switches else "Nothing.",
    )
