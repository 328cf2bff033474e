"""Results that are written line by line, so that what was stopped goes on.

A folder holds the rows of one run: ``run.json`` keeps what all of them depend on (settings, SHA-256
of what was read). Rows that were made otherwise are neither taken for new ones nor mixed with them.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle.verify import sha256_of

RUN_NAME = "run.json"
Row = dict[str, Any]


def continue_rows(path: Path, run: Mapping[str, Any]) -> list[Row]:
    """Return the rows that a run left in a file, and make it ready for more.

    Parameters
    ----------
    run
        What every row depends on, as JSON has it.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the folder holds the rows of another run.
    """
    require_same_run(path, run)
    drop_a_line_cut_short(path)
    return read_rows(path)


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a file, none while there is none; a line cut short is left out."""
    if not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines]


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Write a row behind the others."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def drop_a_line_cut_short(path: Path) -> None:
    """Take away what a killed process left of its last line, before more is written."""
    if path.exists():
        end = path.read_bytes().rfind(b"\n") + 1
        os.truncate(path, end)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the files of a folder with their names."""
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file():
            digest.update(f"{one.relative_to(path).as_posix()} {sha256_of(one)}\n".encode())
    return digest.hexdigest()


def require_same_run(path: Path, run: Mapping[str, Any]) -> None:
    """Note which run's results a folder holds, or hold it to that.

    Parameters
    ----------
    path
        What the run writes there; without a note it counts as another run's.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the folder holds those of another run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    note = path.with_name(RUN_NAME)
    if not note.exists() and not path.exists():
        note.write_text(json.dumps(run) + "\n", encoding="utf-8")
        return
    noted = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    other = sorted(key for key in {**noted, **run} if noted.get(key) != run.get(key))
    if other:
        detail = (
            f"{path.parent} holds results of a run with other {', '.join(other)}; "
            "choose an empty folder"
        )
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
