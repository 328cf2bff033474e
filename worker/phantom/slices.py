"""Training slices: generated short-axis pictures with their labels, and pictures that are none.

Knows how to draw heart, moment, height, contrast, orientation and artefacts widely enough that a
network trained on them is not surprised by a real scanner. Knows no DICOM and no study.
"""

# Odds and widths of the randomisation; naming each would hide the recipe.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from worker.phantom.heart import HeartKind, sample_heart
from worker.phantom.noise import Float32Array, NoisePool
from worker.phantom.physics import Scanner, coil_profile, expose, sample_scanner
from worker.phantom.scene import Scene, sample_scene
from worker.phantom.tissue import Contrast

LabelMap = npt.NDArray[np.uint8]

N_NEIGHBOURS = 3
N_SUBSLICES = 3
SAMPLES_PER_SCENE = 4
NEGATIVE_SHARE = 0.08


@dataclass(frozen=True)
class View:
    """How one sample looks at a scene."""

    heart_at_mm: tuple[float, float]
    turn_rad: float
    mirrored: bool
    spacing_mm: float
    slice_distance_mm: float
    slice_thickness_mm: float
    tilt: tuple[float, float]
    shift_mm: float


def _scene(rng: np.random.Generator, pool: NoisePool) -> Scene:
    """Draw a heart of any kind with surroundings."""
    kinds = list(HeartKind)
    heart = sample_heart(kinds[rng.integers(len(kinds))], rng)
    contrast = Contrast.BSSFP if rng.random() < 0.7 else Contrast.FREE
    random_share = float(rng.choice([0.0, 0.0, 0.0, 0.3, 0.8]))
    return sample_scene(heart, rng, pool, contrast, random_share)


def _view(rng: np.random.Generator, size: int, spacing_mm: float) -> View:
    """Draw position, orientation and slice geometry."""
    reach = max(0.5 * size * spacing_mm - 45.0, 0.0)
    thickness = float(rng.uniform(5.0, 10.0))
    return View(
        heart_at_mm=(float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach))),
        turn_rad=float(rng.normal(0.0, 0.6) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)),
        mirrored=bool(rng.random() < 0.1),
        spacing_mm=spacing_mm * float(np.exp(rng.normal(0.0, 0.08))),
        slice_distance_mm=thickness + float(rng.choice([0.0, 0.0, 1.0, 2.0])),
        slice_thickness_mm=thickness,
        tilt=(float(rng.normal(0.0, 0.1)), float(rng.normal(0.0, 0.1))),
        shift_mm=float(rng.choice([0.0, 0.8, 2.5])),
    )


def _grid(view: View, size: int) -> tuple[Float32Array, Float32Array]:
    """In-plane heart coordinates of the pixels, before tilt and breathing."""
    steps = (np.arange(size, dtype=np.float32) - np.float32(size / 2)) * np.float32(view.spacing_mm)
    column, row = steps[None, :] - view.heart_at_mm[0], steps[:, None] - view.heart_at_mm[1]
    cos, sin = np.float32(np.cos(view.turn_rad)), np.float32(np.sin(view.turn_rad))
    x, y = cos * column + sin * row, cos * row - sin * column
    return (-x if view.mirrored else x), y


def _height(scene: Scene, rng: np.random.Generator) -> float:
    """Height of the middle slice: mostly through the ventricles, sometimes outside."""
    length = scene.heart.shape.length_mm
    chosen = rng.random()
    if chosen < 0.6:
        return float(rng.uniform(0.0, length))
    return float(
        rng.uniform(-18.0, 22.0) if chosen < 0.85 else rng.uniform(length - 25, length + 15)
    )


def _short_axis(
    scene: Scene, view: View, size: int, rng: np.random.Generator
) -> tuple[Float32Array, LabelMap]:
    """Three neighbouring slices of brightness and the label of the middle one."""
    contraction = scene.heart.contraction(float(rng.random()))
    if rng.random() < 0.5:
        contraction = float(rng.integers(2))
    middle = _height(scene, rng)
    x0, y0 = _grid(view, size)
    out = np.empty((N_NEIGHBOURS, size, size), np.float32)
    labels: LabelMap = np.zeros((size, size), np.uint8)
    offsets = (np.arange(N_SUBSLICES) - 1.0) / N_SUBSLICES * view.slice_thickness_mm
    centres = middle + (np.arange(N_NEIGHBOURS) - 1.0) * view.slice_distance_mm
    heights = (centres[:, None] + offsets).ravel().astype(np.float32)
    tables = scene.tables(heights, contraction)
    for k in range(N_NEIGHBOURS):
        z = middle + (k - 1) * view.slice_distance_mm
        shift = rng.normal(0.0, view.shift_mm, 2).astype(np.float32)
        x = x0 + np.float32(view.tilt[0] * (z - middle)) + shift[0]
        y = y0 + np.float32(view.tilt[1] * (z - middle)) + shift[1]
        plane = scene.plane(x, y, z, view.spacing_mm)
        for j in range(N_SUBSLICES):
            row = k * N_SUBSLICES + j
            moved = replace(plane, heights_mm=heights, height_index=row)
            part = scene.brightness(moved, tables, contraction) / np.float32(N_SUBSLICES)
            out[k] = part if j == 0 else out[k] + part
            if row == len(heights) // 2:
                labels = scene.labels(moved, tables)
    return out, labels


def _negative(scene: Scene, view: View, size: int, rng: np.random.Generator) -> Float32Array:
    """Draw pictures that are no short axis: long axis, other organs, noise alone."""
    kind = rng.random()
    if kind < 0.15:
        return np.zeros((N_NEIGHBOURS, size, size), np.float32)
    x0, y0 = _grid(view, size)
    out = np.empty((N_NEIGHBOURS, size, size), np.float32)
    angle = np.float32(rng.uniform(0, np.pi))
    for k in range(N_NEIGHBOURS):
        across = np.float32((k - 1) * view.slice_distance_mm + rng.normal(0, 4))
        if kind < 0.75:
            x = x0 * np.cos(angle) - across * np.sin(angle)
            y = x0 * np.sin(angle) + across * np.cos(angle)
            plane = scene.plane(x, y, y0 + 45.0, view.spacing_mm)
            contraction = 0.0
            tables = scene.tables(plane.heights_mm, contraction)
            out[k] = scene.brightness(plane, tables, contraction)
        else:
            plane = scene.plane(x0, y0 + 90.0, float(60.0 + across), view.spacing_mm)
            out[k] = plane.surroundings
    return out


def _exposed(images: Float32Array, scanner: Scanner, rng: np.random.Generator) -> Float32Array:
    """Add the scanner and scale so that the brightest percent is at 1."""
    coil = coil_profile(scanner, images.shape[-2], images.shape[-1])
    seen = expose(images, scanner, coil, rng)
    top = float(
        np.partition(seen.ravel()[::7], -max(seen.size // 700, 1))[-max(seen.size // 700, 1)]
    )
    scaled: Float32Array = seen / np.float32(max(top, 1e-3))
    return scaled


def slice_batch(
    rng: np.random.Generator, n: int, size: int = 160, spacing_mm: float = 1.5
) -> tuple[Float32Array, LabelMap]:
    """Draw training samples.

    Parameters
    ----------
    rng
        Source of all randomness: the same state gives the same batch.
    n
        Number of samples; hearts are shared by up to `SAMPLES_PER_SCENE` neighbours, so shuffle.
    size, spacing_mm
        Edge of the square picture in pixels and the pixel size (which varies a little around it).

    Returns
    -------
    images
        float32 ``[n, 3, size, size]``: the slices before (towards the base), at and after the
        labelled one; not negative, the brightest percent at 1.
    labels
        uint8 ``[n, size, size]``: ACDC labels of the middle slice; all 0 in hard negatives.
    """
    pool = NoisePool.make(rng)
    images = np.empty((n, N_NEIGHBOURS, size, size), np.float32)
    labels = np.zeros((n, size, size), np.uint8)
    scene = _scene(rng, pool)
    for i in range(n):
        if i % SAMPLES_PER_SCENE == 0 and i:
            scene = _scene(rng, pool)
        view = _view(rng, size, spacing_mm)
        if rng.random() < NEGATIVE_SHARE:
            bright = _negative(scene, view, size, rng)
        else:
            bright, labels[i] = _short_axis(scene, view, size, rng)
        images[i] = _exposed(bright, sample_scanner(rng, harsh=True), rng)
    return images, labels
