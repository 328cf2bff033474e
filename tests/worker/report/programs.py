"""Validators that nobody here wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from tests.programs import find_program

_PIXELMED = "/usr/share/java/pixelmed.jar"  # of the Debian package that has DicomSRValidator
_VALIDATE_REPORTS = Path(__file__).with_name("ValidateReports.java")
_SECTION = "==file== "  # as the Java program writes it
_JAVA_OPTIONS = (
    # Without these the rules, which are very large, are refused from Java 17 on.
    *(f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")),
    "-XX:+UseSerialGC",
)
_LIMIT_SECONDS = 850


def run_program(name: str, *arguments: str) -> str:
    """Return what the program prints on both streams."""
    done = subprocess.run(
        [find_program(name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


class SrValidation:
    """PixelMed's DicomSRValidator at work on many documents, beside whatever else runs.

    Use it as a context; ``verdict`` waits until all are done.

    Parameters
    ----------
    log
        File for what it says; a pipe that nobody reads would stop it.
    """

    def __init__(self, paths: Iterable[Path], log: Path) -> None:
        find_program("DicomSRValidator")
        find_program("javac")  # a Java without a compiler cannot start a program from its source
        command = [find_program("java"), *_JAVA_OPTIONS, "-cp", _PIXELMED, str(_VALIDATE_REPORTS)]
        self._log = log
        with log.open("wb") as output:
            self._running = subprocess.Popen(
                [*command, *map(str, paths)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
        self._verdicts: dict[str, str] = {}

    def __enter__(self) -> SrValidation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.kill()
        self._running.wait()

    def verdict(self, path: Path) -> str:
        """Return what the program says of one of the documents."""
        if not self._verdicts:
            status = self._running.wait(timeout=_LIMIT_SECONDS)
            said = self._log.read_text("utf-8", "replace")
            assert status == 0, said
            for section in said.split(_SECTION)[1:]:
                name, _, verdict = section.partition("\n")
                self._verdicts[name] = verdict
        return self._verdicts[str(path)]
