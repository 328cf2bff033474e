"""What the documents say is held to the code."""

from pathlib import Path

import pytest
import typer

from plugin.cli import app
from plugin.domain.errors import SENTENCES, Reason
from plugin.settings import setting_rows

TOP = Path(__file__).resolve().parents[2]


def all_documents():
    files = [*(TOP / "docs").rglob("*.md"), TOP / "README.md"]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def commands():
    """Yield every command as a user types it."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        if below:
            yield from (f"{name} {child}" for child in below)
        else:
            yield name


@pytest.mark.parametrize("command", sorted(commands()))
def test_command_is_documented(command):
    assert f"cmr-triage {command}" in all_documents()


@pytest.mark.parametrize("key", [row.key for row in setting_rows()])
def test_setting_is_documented(key):
    assert f"`{key}`" in all_documents()


@pytest.mark.parametrize("reason", list(Reason))
def test_reason_has_a_sentence_and_is_documented(reason):
    sentence = SENTENCES[reason]
    assert sentence[0].isupper()
    assert sentence.endswith((".", ")"))
    assert f"`{reason.value}`" in all_documents()


def test_every_command_has_help_that_an_administrator_can_read():
    root = typer.main.get_command(app)
    todo = list(root.commands.values())
    while todo:
        command = todo.pop()
        assert command.help, command.name
        todo += list(getattr(command, "commands", {}).values())
