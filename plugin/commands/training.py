"""``train``, ``evaluate`` and ``phantom``: commands that live with the worker, loaded when called.

Each one's options belong to ``worker.training.commands`` and ``worker.phantom.commands``; here the
arguments are passed on unread.
"""

import importlib
from collections.abc import Callable

import typer

from plugin.domain.errors import ConfigurationError, Reason

_TRAINING_LIBRARIES = frozenset(
    {"torch", "nibabel", "onnx", "onnxscript", "sklearn", "transformers", "tqdm"}
)


def train(context: typer.Context) -> None:
    """Train a vision tower (extra "train"); see train --help."""
    _forward("worker.training.commands", "train", context)


def evaluate(context: typer.Context) -> None:
    """Measure a bundle on a cohort (extra "train"); see evaluate --help."""
    _forward("worker.training.commands", "evaluate", context)


def phantom(context: typer.Context) -> None:
    """Write generated hearts with known truth as DICOM studies; see phantom --help."""
    _forward("worker.phantom.commands", "phantom_app", context)


FORWARDED: dict[str, Callable[[typer.Context], None]] = {
    "train": train,
    "evaluate": evaluate,
    "phantom": phantom,
}


def _forward(module_name: str, attribute: str, context: typer.Context) -> None:
    try:
        module = importlib.import_module(module_name)
        target = getattr(module, attribute)
        command = typer.main.get_command(target) if isinstance(target, typer.Typer) else target
        code = command.main(
            args=list(context.args),
            prog_name=context.command_path,
            standalone_mode=False,
        )
        if isinstance(code, int) and code:
            raise typer.Exit(code)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _TRAINING_LIBRARIES:
            raise
        raise ConfigurationError(Reason.EXTRA_MISSING, library) from error
