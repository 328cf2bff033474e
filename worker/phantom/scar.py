"""Scar in the wall of a generated heart: what late enhancement shows and a cine does not.

Knows where in the wall a scar lies, how deep it reaches and how bright it is; the blood of a late
enhancement image has about 0.6. Does not know images.

References
----------
Kim et al., N Engl J Med 2000;343:1445 (ischaemic scar begins at the endocardium). Mahrholdt et al.,
Eur Heart J 2005;26:1461 (other scar lies in the middle of the wall).
"""

# Shares of the wall are drawn here.
# ruff: noqa: PLR2004
from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import numpy as np

from worker.phantom.anatomy import Heart
from worker.phantom.segments import CENTRES_DEG
from worker.phantom.shape import (
    SEPTUM_RAD,
    Array,
    Bump,
    HeartShape,
    base_mm,
    bump_field,
    ventricle,
)

_STANDS_STILL = -0.5
_EDGE = (0.35, 0.6)


@dataclass(frozen=True)
class Scar:
    """One scar.

    Attributes
    ----------
    area
        Where it lies on the wall; a `Bump` of amplitude 1.
    inner, outer
        Where it begins and ends in the wall at its deepest: 0 endocardium, 1 epicardium.
    level
        Its brightness.
    """

    area: Bump
    inner: float
    outer: float
    level: float = 0.9

    def radii_mm(
        self, shape: HeartShape, heights_mm: Array, n_angles: int, contraction: float
    ) -> tuple[Array, Array]:
        """Return where the scar begins and ends, mm from the axis; equal where there is none.

        Parameters
        ----------
        heights_mm
            Heart coordinate z, ``[height]``.
        n_angles
            Angles around the axis, evenly spaced from 0.
        contraction
            0 at end-diastole, 1 at end-systole.

        Returns
        -------
        tuple
            Two arrays ``[height, angle]``.
        """
        phi = (np.arange(n_angles) * (2 * pi / n_angles))[None, :]
        base = base_mm(shape, contraction)
        zeta = (np.asarray(heights_mm, dtype=np.float64)[:, None] - base) / (shape.length_mm - base)
        radii = ventricle(shape, zeta, phi, contraction)
        low, high = _EDGE
        depth = np.clip((bump_field((self.area,), zeta, phi) - low) / (high - low), 0.0, 1.0)
        depth = depth * ((zeta >= 0.0) & (zeta <= 1.0))
        wall = radii.epi_mm - radii.endo_mm
        begins = radii.endo_mm + self.inner * wall
        return begins, begins + depth * (self.outer - self.inner) * wall


def infarct_scar(heart: Heart, depth: float = 0.75) -> Scar | None:
    """Return the scar in the thinned part of an infarcted wall; None for any other heart.

    Parameters
    ----------
    depth
        How much of the wall is scar, from the endocardium: 1 is transmural.
    """
    shape = heart.shape
    if min((bump.amplitude for bump in shape.motion_bumps), default=0.0) > _STANDS_STILL:
        return None
    thinned = min(shape.wall_bumps, key=lambda bump: bump.amplitude)
    return Scar(replace(thinned, amplitude=1.0), 0.0, depth)


def sample_scar(heart: Heart, rng: np.random.Generator) -> Scar | None:
    """Draw whether a heart has a scar, and which; motion and thickness tell little of it.

    Seven in ten infarcted walls are scarred (the others are stunned), and four in ten other hearts
    have a scar that moves: below the endocardium, or in the middle of the septum.
    """
    lottery, depth = rng.random(), float(rng.uniform(0.3, 1.0))
    width, along = float(rng.uniform(0.45, 0.8)), float(rng.uniform(0.2, 0.32))
    segment = list(CENTRES_DEG)[rng.integers(12)]
    is_mid_wall = rng.random() < 0.5
    silent = infarct_scar(heart, depth)
    if silent is not None:
        return silent if lottery < 0.7 else None
    if lottery >= 0.4:
        return None
    if is_mid_wall:
        middle = float(rng.uniform(0.4, 0.6))
        return Scar(_area(SEPTUM_RAD, 0.35, width, along), middle - 0.2, middle + 0.2)
    degrees, zeta = CENTRES_DEG[segment]
    return Scar(_area(degrees * pi / 180.0, zeta, width, along), 0.0, depth)


def _area(phi_rad: float, zeta: float, width_rad: float, width_zeta: float) -> Bump:
    return Bump(1.0, phi_rad, zeta, width_rad, width_zeta)
