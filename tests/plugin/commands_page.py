"""``docs/commands.md``: every command with its arguments and options, made from the code.

``python -m tests.plugin.commands_page`` writes it; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from plugin.cli import app
from plugin.commands.training import FORWARDED, load_command
from plugin.domain.errors import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD = """\
# Commands

Made by `python -m tests.plugin.commands_page` from the code; `--help` says the same. Exit codes:
0 done, 1 a fault of ours, 2 wrong use or set-up, 3 the study cannot be analysed or the order not be
used, 4 the model or its answer is unusable, 5 it may work later (a destination, Redis or the
database does not answer). Every failure is one sentence on standard error. All results are AI, not
verified by a physician.
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(_section(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Yield name and command, as a user types it."""
    for name, command in typer.main.get_command(app).commands.items():
        shown = _forwarded(name, command) if name in FORWARDED else command
        below = getattr(shown, "commands", None)
        if below:
            yield from ((f"{name} {child}", below[child]) for child in below)
        else:
            yield name, shown


def _forwarded(name: str, stub: Any) -> Any:
    """Return the real command; the stub where the extra "train" is not installed."""
    try:
        return load_command(name)
    except ConfigurationError:
        return stub


def _section(name: str, command: Any) -> str:
    words = " ".join((command.help or "").split())
    lines = [f"\n## cmr-triage {name}\n", words, ""]
    shown = [option for option in command.params if option.name != "help"]
    if shown:
        lines += ["| argument | meaning |", "| --- | --- |"]
        lines += [f"| `{_spelling(option)}` | {_meaning(option)} |" for option in shown]
    return "\n".join(lines).rstrip() + "\n"


def _spelling(option: Any) -> str:
    if option.param_type_name == "argument":
        return option.metavar or option.name.upper()
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.metavar or 'VALUE'}"


def _meaning(option: Any) -> str:
    words = (option.help or "").replace("|", r"\|")
    return f"{words} (needed)" if option.required else words


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
