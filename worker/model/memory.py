"""Whether a graph fits into the memory that is free, before a runtime tries to load it.

A process that the kernel kills for memory tells nobody why; a sentence does. What is free and
cannot be read is not judged.
"""

from pathlib import Path

from plugin.domain.errors import ConfigurationError, Reason
from plugin.machine import free_memory_bytes, graphics_cards

TIMES_THE_FILE = 3
"""What a graph takes at most: its bytes, and in float32 the weights that are stored halved."""

_MEBIBYTE = 1024**2


def require_memory(path: Path, external: tuple[str, ...], folder: Path, device: str) -> None:
    """Refuse a graph that is larger than what is free.

    Parameters
    ----------
    path
        The ONNX file.
    external, folder
        Files of tensor data outside of it, as the manifest names them, and where they lie.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_TOO_LARGE``, with how much is needed and free.
    """
    files = [path, *(folder / one for one in external)]
    needed = TIMES_THE_FILE * sum(one.stat().st_size for one in files if one.is_file())
    free = _free(device)
    if free is not None and needed > free:
        detail = f"{path.name}: {needed // _MEBIBYTE} MiB needed, {free // _MEBIBYTE} MiB free"
        raise ConfigurationError(Reason.BUNDLE_TOO_LARGE, detail)


def _free(device: str) -> int | None:
    if device == "cpu":
        return free_memory_bytes()
    cards = graphics_cards()
    return max(
        (one["memory_total_bytes"] - one["memory_used_bytes"] for one in cards), default=None
    )
