"""``train``, ``evaluate`` and ``phantom``: commands that live with the worker, loaded when called.

Each one's options belong to the worker's own modules (``_WHERE``); here the
arguments are passed on unread.
"""

import importlib
from collections.abc import Callable
from typing import Any

import typer

from plugin.commands.terminal import HELP_OPTIONS
from plugin.domain.errors import ConfigurationError, Reason

_TRAINING_LIBRARIES = frozenset(
    {"torch", "nibabel", "onnx", "onnxscript", "sklearn", "transformers", "tqdm"}
)


_WHERE = {
    "train": ("worker.training.commands", "train"),
    "evaluate": ("worker.training.page.commands", "evaluate"),
    "phantom": ("worker.phantom.commands", "phantom_app"),
}
_COMPLETION = frozenset({"install_completion", "show_completion"})


def train(context: typer.Context) -> None:
    """Train a vision tower (extra "train"); see train --help."""
    _forward("train", context)


def evaluate(context: typer.Context) -> None:
    """Measure a bundle on a cohort (extra "train"); see evaluate --help."""
    _forward("evaluate", context)


def phantom(context: typer.Context) -> None:
    """Write generated hearts with known truth as DICOM studies; see phantom --help."""
    _forward("phantom", context)


FORWARDED: dict[str, Callable[[typer.Context], None]] = {
    "train": train,
    "evaluate": evaluate,
    "phantom": phantom,
}


def load_command(name: str) -> Any:
    """Import one of the forwarded commands; it looks like all others (``-h``, no completion).

    Raises
    ------
    ConfigurationError
        ``EXTRA_MISSING`` when a library of the extra "train" is not installed.
    """
    module_name, attribute = _WHERE[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _TRAINING_LIBRARIES:
            raise
        raise ConfigurationError(Reason.EXTRA_MISSING, library) from error
    command: Any = typer.main.get_command(getattr(module, attribute))
    command.params = [option for option in command.params if option.name not in _COMPLETION]
    command.context_settings = {**command.context_settings, **HELP_OPTIONS}
    return command


def _forward(name: str, context: typer.Context) -> None:
    code = load_command(name).main(
        args=list(context.args), prog_name=context.command_path, standalone_mode=False
    )
    if isinstance(code, int) and code:
        raise typer.Exit(code)
