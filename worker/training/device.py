"""Where a network is trained: on the CPU in float32, or on CUDA with bfloat16 where that is safe.

Weights, optimisers and losses stay in float32 either way; bfloat16 is what matrices are multiplied
in (autocast). A GPU that was asked for and is not there is an error, never a silent step down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeVar

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from plugin.domain.errors import ConfigurationError, Reason

Drawn = TypeVar("Drawn")
Drawer = Callable[[], Drawn]
_AHEAD = 4
"""Batches that each feeding process keeps ready."""


class Choice(StrEnum):
    """Where a person wants to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class Compute:
    """Device of a run; ``bfloat16``: whether matrices are multiplied in it."""

    device: Literal["cpu", "cuda"] = "cpu"
    bfloat16: bool = False

    @property
    def on_gpu(self) -> bool:
        """Whether the network is not on the processor."""
        return self.device == "cuda"

    def autocast(self) -> torch.autocast:
        """Return the context in which a network computes."""
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.bfloat16)


def compute_of(choice: Choice) -> Compute:
    """Return where to train; ``auto`` takes CUDA where it is there.

    Raises
    ------
    ConfigurationError
        ``DEVICE_UNAVAILABLE``: CUDA was asked for and is not there.
    """
    there = torch.cuda.is_available()
    if choice is Choice.CUDA and not there:
        raise ConfigurationError(Reason.DEVICE_UNAVAILABLE, "--device cuda")
    if choice is Choice.CPU or not there:
        return Compute()
    return Compute("cuda", torch.cuda.is_bf16_supported())


def feed(drawer: Callable[[int], Drawer[Drawn]], processes: int) -> Iterator[Drawn]:
    """Draw without end; in processes of their own where a GPU would wait for this one.

    Parameters
    ----------
    drawer
        Gives what draws, by the number of the process, so that no two draw the same.
    processes
        0: draw here, when asked.
    """
    if not processes:
        draw = drawer(0)
        while True:
            yield draw()
    loader: DataLoader[Drawn] = DataLoader(
        _Endless(drawer), batch_size=None, num_workers=processes, prefetch_factor=_AHEAD
    )
    yield from loader


class _Endless(IterableDataset[Any]):
    """What one process draws."""

    def __init__(self, drawer: Callable[[int], Drawer[Any]]) -> None:
        self._drawer = drawer

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        draw = self._drawer(worker.id if worker else 0)
        while True:
            yield draw()
