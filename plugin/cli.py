"""``cmr-triage``: the command line, one of the three composition roots.

Knows which commands exist and which part of the system each one calls. Importing it loads nothing
of the node, the worker or the pages, so that ``--help`` answers at once.
"""

from typing import Annotated

import typer

from plugin.commands import (
    acceptance,
    analysis,
    asking,
    bundles,
    certificates,
    configuration,
    deliveries,
    destinations,
    feedback,
    orders,
    peers,
    processes,
    quality,
    studies,
    switches,
    training,
    triage,
    users,
)
from plugin.commands.terminal import new_group

app = new_group(
    "Measures, explains and prioritises cardiac MRI studies for a hospital PACS.\n\n"
    "Results are AI, not verified by a physician, not for diagnosis."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("cmr-triage"))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Hold the options that stand before every command."""


_SYSTEM = "Run the system"
_ADMINISTER = "Administer"
_ANALYSE = "Analyse and train"

app.command("demo", rich_help_panel=_SYSTEM)(processes.demo)
app.command("up", rich_help_panel=_SYSTEM)(processes.up)
app.command("node", rich_help_panel=_SYSTEM)(processes.node)
app.command("assemble", rich_help_panel=_SYSTEM)(processes.assemble)
app.command("worker", rich_help_panel=_SYSTEM)(processes.worker)
app.command("deliver", rich_help_panel=_SYSTEM)(processes.deliver)
app.command("web", rich_help_panel=_SYSTEM)(processes.web)

app.add_typer(peers.app, name="peer", rich_help_panel=_ADMINISTER)
app.add_typer(destinations.app, name="destination", rich_help_panel=_ADMINISTER)
app.add_typer(certificates.app, name="certificate", rich_help_panel=_ADMINISTER)
app.add_typer(deliveries.app, name="delivery", rich_help_panel=_ADMINISTER)
app.add_typer(studies.app, name="study", rich_help_panel=_ADMINISTER)
app.add_typer(orders.app, name="order", rich_help_panel=_ADMINISTER)
app.add_typer(triage.app, name="triage", rich_help_panel=_ADMINISTER)
app.add_typer(switches.app, name="switch", rich_help_panel=_ADMINISTER)
app.add_typer(feedback.app, name="feedback", rich_help_panel=_ADMINISTER)
app.command("quality", rich_help_panel=_ADMINISTER)(quality.quality)
app.add_typer(users.app, name="user", rich_help_panel=_ADMINISTER)
app.add_typer(configuration.app, name="config", rich_help_panel=_ADMINISTER)
app.add_typer(bundles.app, name="bundle", rich_help_panel=_ADMINISTER)

app.command("analyze", rich_help_panel=_ANALYSE)(analysis.analyze)
app.command("acceptance", rich_help_panel=_ANALYSE)(acceptance.acceptance)
app.command("ask", rich_help_panel=_ANALYSE)(asking.ask)
for _name, _command in training.FORWARDED.items():
    app.command(
        _name,
        rich_help_panel=_ANALYSE,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_command)

if __name__ == "__main__":
    app()
