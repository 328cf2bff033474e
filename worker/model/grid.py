"""The network's pixel grid: from a stack's pixels to it, and from a window of it back.

Both ways resample by matrices; nothing is cut off except what a window leaves out.
"""

from dataclasses import dataclass

import numpy as np

from worker.model.resample import Float32Array, resample, resampled_size, resampling_matrix
from worker.volume.types import CineStack


@dataclass(frozen=True, slots=True)
class Window:
    """Rows and columns of the network grid, end excluded."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The way from a stack's pixels to the network's and back."""

    n_rows: int
    n_columns: int
    row_ratio: float
    column_ratio: float

    @classmethod
    def of(cls, stack: CineStack, spacing_mm: float) -> "Grid":
        """Return the grid of a stack for a network with this pixel size."""
        _, _, n_rows, n_columns = stack.pixels.shape
        return cls(
            n_rows,
            n_columns,
            spacing_mm / stack.row_spacing_mm,
            spacing_mm / stack.column_spacing_mm,
        )

    def to_network(self, pixels: Float32Array) -> Float32Array:
        """Resample images ``[..., row, column]`` to the network's pixel size."""
        rows = resampled_size(self.n_rows, 1.0, self.row_ratio)
        columns = resampled_size(self.n_columns, 1.0, self.column_ratio)
        return resample(
            pixels,
            resampling_matrix(self.n_rows, rows, self.row_ratio),
            resampling_matrix(self.n_columns, columns, self.column_ratio),
        )

    def way_back(self, window: Window) -> "WayBack":
        """Return how values inside a window get to the stack's pixels under it."""
        row_matrix, rows = _back(self.n_rows, self.row_ratio, window.top, window.bottom)
        column_matrix, columns = _back(self.n_columns, self.column_ratio, window.left, window.right)
        return WayBack(row_matrix, column_matrix, rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class WayBack:
    """Matrices from a window of the network grid to the rows and columns of the stack."""

    row_matrix: Float32Array
    column_matrix: Float32Array
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the stack under the window."""
        return len(self.row_matrix), len(self.column_matrix)


def _back(n: int, ratio: float, start: int, stop: int) -> tuple[Float32Array, slice]:
    matrix = resampling_matrix(resampled_size(n, 1.0, ratio), n, 1 / ratio)[:, start:stop]
    # pixels whose neighbours are mostly inside the window
    (hit,) = np.nonzero(matrix.sum(axis=1) > 0.5)  # noqa: PLR2004 - a majority
    covered = slice(int(hit[0]), int(hit[-1]) + 1)
    return matrix[covered], covered
