"""The table of what is usual: a limit for every number of the gate, from `limits.toml`.

Where the limits come from stands in the table itself; nothing is computed here.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from worker.gate.verdict import Layer, Limit


@cache
def load_limits() -> Mapping[Layer, Mapping[str, Limit]]:
    """Return the limits of every layer that has a table, by quantity."""
    table = read_table()
    return {
        layer: {quantity: _limit(row) for quantity, row in table[layer.value].items()}
        for layer in Layer
        if layer.value in table
    }


def read_table() -> dict[str, Any]:
    """Return the whole table with what was measured."""
    text = resources.files(__package__).joinpath("limits.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _limit(row: Mapping[str, Any]) -> Limit:
    return Limit(**{key: value for key, value in row.items() if key not in ("usual", "why")})
