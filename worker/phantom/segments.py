"""The AHA 17-segment model in heart coordinates.

Knows which segment a material height and an angle belong to. The septal segments lie between the
insertions of the right ventricle, whose middle is at 180 degrees by construction of the shape.

References
----------
Cerqueira MD et al., Circulation 2002;105:539-542.
"""

from __future__ import annotations

from enum import StrEnum
from math import pi

from array_api_compat import array_namespace

from worker.phantom.shape import Array

N_SEGMENTS = 17
APEX = 17

CENTRES_DEG: dict[int, tuple[float, float]] = {
    **{n + 1: (90.0 + 60.0 * n, 1.0 / 6.0) for n in range(6)},
    **{n + 7: (90.0 + 60.0 * n, 0.5) for n in range(6)},
    **{n + 13: (90.0 + 90.0 * n, 5.0 / 6.0) for n in range(4)},
}
"""Middle of segments 1-16: angle in degrees and share of the cavity length from the base."""


class Territory(StrEnum):
    """Coronary artery whose occlusion hurts a group of segments."""

    LAD = "lad"
    RCA = "rca"
    LCX = "lcx"


TERRITORIES: dict[Territory, tuple[int, ...]] = {
    Territory.LAD: (7, 8, 13, 14, 17),
    Territory.RCA: (3, 4, 9, 10, 15),
    Territory.LCX: (5, 6, 11, 12, 16),
}


def segment_of(depth: Array, phi: Array) -> Array:
    """AHA segment number of points of the left ventricle.

    Parameters
    ----------
    depth
        Material height over the height of the cavity's end: 0 at the base, above 1 in the apical
        cap.
    phi
        Angle in radians, heart coordinates.

    Returns
    -------
    Array
        Integers 1 to 17.
    """
    xp = array_namespace(depth, phi)
    degrees = xp.remainder(phi * (180.0 / pi), 360.0)
    six = xp.floor(xp.remainder(degrees - 60.0, 360.0) / 60.0)
    four = xp.floor(xp.remainder(degrees - 45.0, 360.0) / 90.0)
    number = xp.where(depth < 1.0 / 3.0, six + 1.0, xp.where(depth < 2.0 / 3.0, six + 7.0, 0.0))
    number = xp.where(depth >= 2.0 / 3.0, four + 13.0, number)
    number = xp.where(depth > 1.0, APEX + 0.0 * number, number)
    return xp.astype(number, xp.int64)
