"""Every control in the hazard log is held by a test that exists."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
LINES = [
    line
    for line in (TOP / "docs" / "hazards.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| H\d+ ", line)
]
NAMED = [found for line in LINES for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[1].strip())
def test_hazard_names_a_test(line):
    assert "::test_" in line


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: value.rpartition("/")[2])
def test_named_test_exists(file, name):
    tree = ast.parse((TOP / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_hazards_are_numbered_without_a_gap():
    numbers = [int(re.match(r"\| H(\d+) ", line)[1]) for line in LINES]
    assert numbers == list(range(1, len(LINES) + 1))
