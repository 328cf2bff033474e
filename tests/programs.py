"""System programs that tests run; without one a test is skipped, and fails when CI=true.

pynetdicom installs scripts named like dcmtk's (``storescu``, ``echoscu``) beside the interpreter;
what is meant here is always the system's program.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

SYSTEM_PATH = os.pathsep.join(
    folder
    for folder in ("/usr/bin", "/usr/sbin", *os.environ["PATH"].split(os.pathsep))
    if Path(folder) != Path(sys.executable).parent
)


def find_program(name: str) -> str:
    """Return where the program is."""
    path = shutil.which(name, path=SYSTEM_PATH)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path
