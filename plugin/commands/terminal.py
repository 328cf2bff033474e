"""What every command shares: how errors end, how tables look, where the settings come from.

Knows rich and typer, no domain object beyond the error tree. Importing it must stay cheap: a shell
completion or ``--help`` loads it each time.
"""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from plugin.domain.errors import (
    SENTENCES,
    ConfigurationError,
    ModelError,
    OrderRejectedError,
    Reason,
    StudyRejectedError,
    TransientError,
    TriageError,
)

if TYPE_CHECKING:
    from plugin.registry import Registry
    from plugin.settings import Settings

EXIT_CODES: dict[type[TriageError], int] = {
    ConfigurationError: 2,
    StudyRejectedError: 3,
    OrderRejectedError: 3,
    ModelError: 4,
    TransientError: 5,
}
EXIT_INTERNAL = 1
HELP_OPTIONS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="CMR_TRIAGE_CONFIG",
        metavar="FILE",
        help="Settings file (TOML); without it the defaults and the environment count.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script, not a table.")]


class SentenceGroup(TyperGroup):
    """A command group in which every failure ends as one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command and translate what it raises."""
        try:
            return super().invoke(ctx)
        except TriageError as error:
            complain(error.sentence)
            raise typer.Exit(exit_code_of(error)) from error
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise typer.Exit(130) from error
        except OSError as error:
            complain(f"The operating system refused: {error.strerror} ({error.filename or '-'})")
            raise typer.Exit(EXIT_INTERNAL) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in {"click", "typer"}:
                raise  # usage errors and exits, which click itself turns into words
            # No exception text: it may hold values of a patient.
            from plugin.logs import describe_error

            place = " at ".join(str(value) for value in describe_error(error).values())
            complain(f"{SENTENCES[Reason.INTERNAL_ERROR]} ({place})")
            raise typer.Exit(EXIT_INTERNAL) from error


def new_group(help_text: str) -> typer.Typer:
    """Make a group of commands that shows its help when called alone."""
    return typer.Typer(
        cls=SentenceGroup,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=HELP_OPTIONS,
    )


def exit_code_of(error: TriageError) -> int:
    """Return the exit code that scripts rely on: 2 set-up, 3 study, order, 4 model, 5 again."""
    for kind, code in EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return EXIT_INTERNAL


def complain(sentence: str) -> None:
    """Print one sentence on standard error."""
    typer.echo(f"cmr-triage: {sentence}", err=True)


def load(config: Path | None) -> "Settings":
    """Read the settings."""
    from plugin.settings import load_settings

    return load_settings(config)


@contextmanager
def open_registry(config: Path | None) -> "Iterator[Registry]":
    """Open the registry of an installation, brought up to date, and close it again."""
    from plugin.registry import Registry
    from plugin.spool import Spool

    settings = load(config)
    Spool(settings.spool.folder)  # made readable for this user only, or refused with a sentence
    registry = Registry(settings.registry_url)
    try:
        registry.migrate()
        yield registry
    finally:
        registry.close()


def named(**options: Any) -> dict[str, Any]:
    """Return the options that an edit command was given.

    Raises
    ------
    ConfigurationError
        If there is none, which would change nothing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        raise ConfigurationError(Reason.SETTING_INVALID, "name what to change; --help lists it")
    return given


def print_json(value: Any) -> None:
    """Print dataclasses, lists and dictionaries as JSON."""
    typer.echo(json.dumps(value, indent=1, default=_plain, ensure_ascii=False))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = ""
) -> None:
    """Print a table; columns named "n ..." or ending in a bracketed unit are set to the right."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=title or None, caption=caption or None, title_justify="left", caption_justify="left"
    )
    for column in columns:
        words = column.removeprefix("n ")
        right = words != column or words.endswith(")")
        table.add_column(escape(words), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(show(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def show(value: object) -> str:
    """Return a cell's text: a dash for what is not known, local time, yes and no."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, (tuple, list)):
        return ", ".join(show(item) for item in value)
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(show, value))) or "-"
    return str(value)


def gibibytes(n_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)
