"""``cmr-triage demo``: the whole system on this machine, with a played PACS and generated patients.

A composition root: it knows the archive of ``dicom_node``, the phantoms of ``worker`` and the
command line of the system, and starts the latter as a hospital would (``cmr-triage up``).
"""

import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from dicom_node.archive import PlayedArchive
from plugin.demo.play import play
from plugin.demo.show import (
    collect_results,
    new_console,
    progress_table,
    result_table,
    say_where,
)
from plugin.demo.stage import System, connect, let_in, prepare
from plugin.settings import load_settings
from worker.bundle import load_bundle

_ARCHIVE_AE_TITLE = "DEMOPACS"


def main(folder: Path | None, *, keep: bool) -> None:
    """Run the demo; raises ``SystemExit(1)`` when something did not arrive.

    Parameters
    ----------
    folder
        Where it works and leaves its results; a new temporary folder when None.
    keep
        Leave everything running until Ctrl-C.
    """
    console = new_console()
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bundle = load_bundle(load_settings(None).worker.bundle or None)
    stage = prepare(folder)
    console.print(f"The demo works in {stage.folder}", highlight=False)
    console.print(f"Model bundle {bundle.manifest.terms}", highlight=False)
    with ExitStack() as opened:
        archive = PlayedArchive(_ARCHIVE_AE_TITLE, stage.system / "archive")
        archive.start()
        opened.callback(archive.stop)
        registry = connect(stage, archive)
        opened.callback(registry.close)
        password = let_in(registry)
        system = System(stage)
        opened.callback(system.stop)
        visits = play(console, stage, archive, registry, system, progress_table)
        collect_results(stage, registry, visits)
        console.print()
        console.print(result_table(visits))
        console.print(f"{len(visits)} patients in {time.monotonic() - started:.0f} s.")
        say_where(console, stage, visits, password, keep=keep)
        if keep:
            _wait_for_interrupt(console, system)
    if not keep:
        shutil.rmtree(stage.system, ignore_errors=True)
    if not all(visit.complete for visit in visits):
        raise SystemExit(1)


def _wait_for_interrupt(console: Console, system: System) -> None:
    console.print("Running until Ctrl-C.")
    try:
        while True:
            system.check()
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("Stopping ...")
