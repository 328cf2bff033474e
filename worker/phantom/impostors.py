"""Studies whose headers claim a short-axis cine while the pictures show something else.

Each impostor keeps geometry and timing of a true cine and replaces its pixels, so that only who
looks at the pictures can tell. Knows nothing of how they are found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from worker.phantom.cine import PhantomCine
from worker.phantom.physics import coil_profile, expose, sample_scanner
from worker.phantom.scene import Plane

Vector = npt.NDArray[np.float64]

_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True)
class Cut:
    """A plane in heart coordinates: its centre, and the directions of columns and rows."""

    centre_mm: Vector
    across: Vector
    down: Vector


def _show(cine: PhantomCine, cuts: Sequence[Cut], rng: np.random.Generator) -> PhantomCine:
    """Image one cut as each slice of the cine."""
    planes = [_plane(cine, cut) for cut in cuts]
    n_phases = cine.protocol.n_phases
    bright = np.empty(cine.pixels.shape, np.float32)
    for p in range(n_phases):
        contraction = cine.heart.contraction(p / n_phases)
        tables = cine.scene.tables(planes[0].heights_mm, contraction)  # the same for all planes
        for s, plane in enumerate(planes):
            bright[p, s] = cine.scene.brightness(plane, tables, contraction)
    scanner = sample_scanner(rng, harsh=False)
    coil = coil_profile(scanner, cine.protocol.n_rows, cine.protocol.n_columns)
    seen = np.stack([expose(phase, scanner, coil, rng) for phase in bright])
    pixels = np.clip(seen * cine.protocol.blood_value, 0, 4095).astype(np.uint16)
    return replace(cine, pixels=pixels)


def _plane(cine: PhantomCine, cut: Cut) -> Plane:
    protocol = cine.protocol
    columns = (np.arange(protocol.n_columns) - (protocol.n_columns - 1) / 2) * protocol.pixel_mm
    rows = (np.arange(protocol.n_rows) - (protocol.n_rows - 1) / 2) * protocol.pixel_mm
    points = cut.centre_mm + columns[None, :, None] * cut.across + rows[:, None, None] * cut.down
    x, y, z = np.moveaxis(points.astype(np.float32), -1, 0)
    return cine.scene.plane(x, y, z, protocol.pixel_mm)


def _parallel(
    cine: PhantomCine, across: Vector, down: Vector, centre_mm: Vector | None = None
) -> list[Cut]:
    """Place as many parallel planes as the true stack has, around the middle of the heart."""
    if centre_mm is None:
        centre_mm = np.array([15.0, 5.0, cine.heart.shape.length_mm / 2])
    n = cine.pixels.shape[1]
    steps = (np.arange(n) - (n - 1) / 2) * cine.protocol.slice_distance_mm
    normal = np.cross(across, down)
    return [Cut(centre_mm + step * normal, across, down) for step in steps]


def _long_axis_cuts(cine: PhantomCine, rng: np.random.Generator) -> list[Cut]:
    angle = rng.uniform(0.0, np.pi)
    return _parallel(cine, np.array([np.cos(angle), -np.sin(angle), 0.0]), -_Z)


def _axial_cuts(cine: PhantomCine) -> list[Cut]:
    left, back, _ = cine.heart.placement.axes.T
    return _parallel(cine, left, back)


def _coronal_cuts(cine: PhantomCine) -> list[Cut]:
    left, _, up = cine.heart.placement.axes.T
    return _parallel(cine, left, -up)


def long_axis(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show a stack of long axes at any angle around the axis."""
    return _show(cine, _long_axis_cuts(cine, rng), rng)


def axial(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show a stack of transverse planes of the body."""
    return _show(cine, _axial_cuts(cine), rng)


def coronal(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show a stack of coronal planes of the body."""
    return _show(cine, _coronal_cuts(cine), rng)


def localiser(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show planes of three orientations in turn."""
    views = (_axial_cuts(cine), _coronal_cuts(cine), _long_axis_cuts(cine, rng))
    return _show(cine, [views[s % 3][s] for s in range(cine.pixels.shape[1])], rng)


def other_organ(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show the belly below the heart."""
    below = np.array([15.0, 100.0, cine.heart.shape.length_mm + 40.0])
    return _show(cine, _parallel(cine, _X, _Y, below), rng)


def blank(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show the same grey everywhere."""
    return replace(cine, pixels=np.full_like(cine.pixels, rng.integers(0, 1000)))


def noise(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show what a scanner receives without a patient."""
    real, other = rng.normal(0.0, 60.0, (2, *cine.pixels.shape))
    return replace(cine, pixels=np.hypot(real, other).astype(np.uint16))


def shuffled_slices(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show every slice at the place of another one."""
    n = cine.pixels.shape[1]
    order = rng.permutation(n)
    while np.abs(np.diff(order)).mean() < n / 3:  # an unlucky draw is nearly in order
        order = rng.permutation(n)
    return replace(cine, pixels=cine.pixels[:, order])


def static_heart(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show one moment at all times, each time with noise of its own."""
    still = np.repeat(cine.pixels[:1].astype(np.float64), len(cine.pixels), axis=0)
    noisy = still + rng.normal(0.0, 0.01 * cine.protocol.blood_value, still.shape)
    return replace(cine, pixels=np.clip(noisy, 0, 4095).astype(np.uint16))


def swapped_axes(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show the volume cut along its rows: slices became rows, stretched to the picture's size."""
    _, n_slices, n_rows, _ = cine.pixels.shape
    rows = np.rint(np.linspace(0.3, 0.7, n_slices) * (n_rows - 1)).astype(int)
    stretched = np.rint(np.linspace(0, n_slices - 1, n_rows)).astype(int)
    swapped = cine.pixels[:, stretched][:, :, rows].transpose(0, 2, 1, 3)
    return replace(cine, pixels=np.ascontiguousarray(swapped))


def negative_image(cine: PhantomCine, rng: np.random.Generator) -> PhantomCine:
    """Show black as white."""
    return replace(cine, pixels=cine.pixels.max() - cine.pixels)


Impostor = Callable[[PhantomCine, np.random.Generator], PhantomCine]

IMPOSTORS: dict[str, Impostor] = {
    function.__name__: function
    for function in (
        long_axis,
        axial,
        coronal,
        localiser,
        other_organ,
        blank,
        noise,
        shuffled_slices,
        static_heart,
        swapped_axes,
        negative_image,
    )
}
"""Every impostor by name."""
