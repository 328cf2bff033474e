"""Validators that nobody here wrote."""

from __future__ import annotations

import os
import subprocess

from tests.programs import find_program

JAVA_OPTIONS = " ".join(
    f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")
)


def run_program(name: str, *arguments: str) -> str:
    """Return what the program prints on both streams."""
    done = subprocess.run(
        [find_program(name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=850,
        check=False,
        env={**os.environ, "JAVA_TOOL_OPTIONS": JAVA_OPTIONS},
    )
    return done.stdout.decode("utf-8", "replace")
