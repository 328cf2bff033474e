"""One command per process (``node``, ``worker`` ...), and ``up`` and ``demo`` for all of them."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.terminal import ConfigOption, load


def node(config: ConfigOption = None) -> None:
    """Receive DICOM: the C-STORE and C-ECHO service of the node."""
    from dicom_node.server import main

    main(load(config))


def assemble(config: ConfigOption = None) -> None:
    """Index what was received, decide when a study is complete, keep the spool tidy."""
    from dicom_node.assembler import main

    main(load(config))


def worker(config: ConfigOption = None) -> None:
    """Analyse studies; one process per GPU, or one per machine on CPUs."""
    from worker.tasks import main

    main(load(config))


def deliver(config: ConfigOption = None) -> None:
    """Send reports and images to the destinations."""
    from dicom_node.tasks import main

    main(load(config))


def web(config: ConfigOption = None) -> None:
    """Serve the worklist, the study pages and the API."""
    from plugin.web.server import main

    main(load(config))


def up(config: ConfigOption = None) -> None:
    """Run everything on this machine; SIGTERM or Ctrl-C drains and stops cleanly."""
    from plugin.supervisor import run_everything

    run_everything(load(config), config)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the system running until Ctrl-C.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the demo works and leaves its results (a new folder)."
        ),
    ] = None,
) -> None:
    """Show the whole system: generated patients in over DICOM, reports and images out."""
    from plugin.demo import main

    main(folder, keep=keep)
