"""What a scanner adds to a picture: blur, coil profile, ghosts, bands, wrap-around, noise.

Knows nothing of hearts. Every function takes and returns float32 images ``[..., row, column]``.
"""

# ruff: noqa: PLR2004 - odds and strengths of artefacts
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from worker.phantom.noise import Float32Array


@dataclass(frozen=True)
class Scanner:
    """Strength of each effect; drawn once per study or training sample."""

    blur_px: tuple[float, float]
    noise: float
    coil_slope: tuple[float, float]
    coil_bend: tuple[float, float]
    ghost: float
    ghost_shift: float
    ghost_along_rows: bool
    band_depth: float
    band_phase: float
    band_turns: float
    wrap: float
    gamma: float


def sample_scanner(rng: np.random.Generator, *, harsh: bool) -> Scanner:
    """Draw the strengths; ``harsh`` for the wide spread of training, else a good examination."""
    u = rng.uniform
    rare, uneven = (0.25, 1.0) if harsh else (0.0, 0.5)
    return Scanner(
        blur_px=(float(u(0.35, 0.9 if harsh else 0.55)), float(u(0.35, 0.9 if harsh else 0.55))),
        noise=float(u(0.004, 0.06)) if harsh else float(u(0.006, 0.014)),
        coil_slope=(float(uneven * rng.normal(0, 0.45)), float(uneven * rng.normal(0, 0.45))),
        coil_bend=(float(uneven * rng.normal(0, 0.25)), float(uneven * rng.normal(0, 0.25))),
        ghost=float(u(0.02, 0.12)) if u() < rare else 0.0,
        ghost_shift=float(u(0.12, 0.5)),
        ghost_along_rows=bool(u() < 0.5),
        band_depth=float(u(0.2, 0.7)) if u() < rare else 0.0,
        band_phase=float(u(0, 6.3)),
        band_turns=float(u(0.5, 2.0)),
        wrap=float(u(0.1, 0.5)) if u() < rare else 0.0,
        gamma=float(np.exp(rng.normal(0, 0.15))) if harsh else 1.0,
    )


def _unit_grid(rows: int, columns: int) -> tuple[Float32Array, Float32Array]:
    """Row and column coordinates in [-1, 1]."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    return y, x


def coil_profile(scanner: Scanner, rows: int, columns: int) -> Float32Array:
    """Sensitivity of the coil and dark bands of off-resonance, a smooth positive image."""
    y, x = _unit_grid(rows, columns)
    (sy, sx), (by, bx) = scanner.coil_slope, scanner.coil_bend
    profile = np.exp(np.clip(sy * y + sx * x + by * y * y + bx * x * x, -1.6, 1.2))
    if scanner.band_depth:
        wave = np.cos(np.pi * scanner.band_turns * (x + 0.6 * y) + scanner.band_phase)
        profile = profile * (1.0 - scanner.band_depth * np.clip(wave, 0, 1) ** 8)
    return np.asarray(profile, dtype=np.float32)


def expose(
    images: Float32Array, scanner: Scanner, coil: Float32Array, rng: np.random.Generator
) -> Float32Array:
    """Turn brightness into what the scanner would show.

    Parameters
    ----------
    images
        Brightness, blood about 1; ``[..., row, column]``.
    coil
        From `coil_profile`, ``[row, column]``.

    Returns
    -------
    Float32Array
        Magnitude images with Rician noise, same shape.
    """
    seen = np.maximum(images, 0.0)
    if scanner.gamma != 1.0:
        seen = seen**scanner.gamma
    seen = seen * coil
    for axis, sigma in ((-2, scanner.blur_px[0]), (-1, scanner.blur_px[1])):
        seen = gaussian_filter1d(seen, sigma, axis=axis, truncate=2.5)
    axis = -2 if scanner.ghost_along_rows else -1
    if scanner.ghost:
        shift = int(scanner.ghost_shift * seen.shape[axis])
        seen = seen + scanner.ghost * (np.roll(seen, shift, axis) + np.roll(seen, -shift, axis))
    if scanner.wrap:
        edge = int(0.12 * seen.shape[axis])
        folded = np.roll(seen, seen.shape[axis] - edge, axis)
        ramp = np.zeros(seen.shape[axis], np.float32)
        ramp[-edge:] = scanner.wrap
        seen = seen + folded * (ramp[:, None] if axis == -2 else ramp[None, :])
    real = seen + scanner.noise * rng.standard_normal(seen.shape, dtype=np.float32)
    other = scanner.noise * rng.standard_normal(seen.shape, dtype=np.float32)
    shown: Float32Array = np.hypot(real, other)
    return shown
