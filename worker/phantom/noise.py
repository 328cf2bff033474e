"""Smooth random fields with a length scale, cheap to look up at any point.

A `NoisePool` holds periodic tiles; a `Noise` reads one of them at positions in mm. Fields vary
along z by sliding the tile, so neighbouring slices look alike but not the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

TILE = 256
"""Cells along each side of a tile; a power of two, so that wrapping is one bit operation."""

SCALES_MM = (3.0, 8.0, 20.0, 45.0)


@dataclass(frozen=True)
class Noise:
    """A field of zero mean and unit variance, one tile cell per mm."""

    tile: Float32Array
    offset_x_mm: float
    offset_y_mm: float
    slide_x: float
    slide_y: float

    def at(
        self, x_mm: Float32Array, y_mm: Float32Array, z_mm: Float32Array | float
    ) -> Float32Array:
        """Value at points, nearest cell."""
        column = (x_mm + (self.offset_x_mm + self.slide_x * z_mm)).astype(np.int32) & (TILE - 1)
        row = (y_mm + (self.offset_y_mm + self.slide_y * z_mm)).astype(np.int32) & (TILE - 1)
        return self.tile.ravel()[row * TILE + column]


@dataclass(frozen=True)
class NoisePool:
    """Tiles of each length scale, shared by many scenes."""

    tiles: dict[float, tuple[Float32Array, ...]]

    @classmethod
    def make(cls, rng: np.random.Generator, n_tiles: int = 4) -> NoisePool:
        """Filter white noise to the length scales `SCALES_MM`."""
        frequency = np.fft.fftfreq(TILE)
        squared = frequency[:, None] ** 2 + np.fft.rfftfreq(TILE)[None, :] ** 2
        tiles = {}
        for scale in SCALES_MM:
            keep = np.exp(-0.5 * squared * (2.0 * np.pi * scale / 2.0) ** 2)
            keep[0, 0] = 0.0
            made = []
            for _ in range(n_tiles):
                white = rng.standard_normal((TILE, TILE))
                smooth = np.fft.irfft2(np.fft.rfft2(white) * keep, s=(TILE, TILE))
                made.append((smooth / smooth.std()).astype(np.float32))
            tiles[scale] = tuple(made)
        return cls(tiles)

    def draw(self, rng: np.random.Generator, scale_mm: float) -> Noise:
        """Pick a field of about the given length scale."""
        scale = min(self.tiles, key=lambda s: abs(s - scale_mm))
        tiles = self.tiles[scale]
        tile = tiles[rng.integers(len(tiles))]
        if rng.random() < 0.5:  # noqa: PLR2004 - a coin
            tile = np.ascontiguousarray(tile.T)
        offset = rng.uniform(1e4, 1e4 + TILE, 2)
        slide = rng.uniform(-1.0, 1.0, 2)
        return Noise(tile, float(offset[0]), float(offset[1]), float(slide[0]), float(slide[1]))
