"""Programs that nobody here wrote; without them a test is skipped, and fails when CI=true."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

JAVA_OPTIONS = " ".join(
    f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")
)


def find_program(name: str) -> str:
    """Return where the program is."""
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return program


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
