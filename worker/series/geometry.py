"""Orientation of images to the heart, from patient coordinates alone.

Knows where the long axis of a left ventricle usually points and which plane through it is called
two-, three- or four-chamber view. Does not know sequences or names. All vectors are LPS.

The usual axis from base to apex points left, anterior and inferior. Its direction differs between
people by some 30 degrees (horizontal to vertical hearts), so nothing here is decided by less.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

USUAL_APEX_DIRECTION: Vector = np.array([0.62, -0.55, -0.55]) / np.linalg.norm([0.62, -0.55, -0.55])
_SUPERIOR: Vector = np.array([0.0, 0.0, 1.0])

SHORT_AXIS_COSINE = 0.70
"""Images whose normal lies within 45 degrees of the usual long axis are short-axis images."""

LONG_AXIS_COSINE = 0.55
"""Above this the normal is too close to the long axis for a view along it."""

APEX_CERTAIN_COSINE = 0.5
"""A normal within 60 degrees of the usual axis cannot point to the base in a heart that lies
within 30 degrees of the usual axis."""

POSITION_TOLERANCE_MM = 1.0
"""Images closer than this along the normal show the same slice."""


class View(StrEnum):
    """How a plane lies to the left ventricle."""

    SHORT_AXIS = "short axis"
    TWO_CHAMBER = "two-chamber"
    THREE_CHAMBER = "three-chamber"
    FOUR_CHAMBER = "four-chamber"
    OBLIQUE = "oblique"


def normal_of(orientation: Sequence[float]) -> Vector:
    """Return the unit normal, row direction x column direction."""
    normal = np.cross(np.asarray(orientation[:3]), np.asarray(orientation[3:]))
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def apex_cosine(orientation: Sequence[float]) -> float:
    """Return the cosine between the normal and the usual direction to the apex (signed)."""
    return float(normal_of(orientation) @ USUAL_APEX_DIRECTION)


def view_of(orientation: Sequence[float], apex_direction: Vector | None = None) -> View:
    """Name the view of a plane.

    A long-axis plane is named by the angle of its trace in the short-axis plane: the four-chamber
    view runs through the anterolateral and inferoseptal wall (30 degrees above lateral), the
    two-chamber view through the anterior and inferior wall (90), the three-chamber view through
    the inferolateral and anteroseptal wall (150); each name gets the 60 degrees around it.

    Parameters
    ----------
    orientation
        Image Orientation (Patient).
    apex_direction
        The patient's own long axis, where a short-axis stack tells it.

    References
    ----------
    Cerqueira et al., Circulation 2002;105:539 (AHA segments, 60 degrees each).
    """
    axis = USUAL_APEX_DIRECTION if apex_direction is None else apex_direction
    normal = normal_of(orientation)
    cosine = abs(float(normal @ axis))
    if cosine >= SHORT_AXIS_COSINE:
        return View.SHORT_AXIS
    if cosine > LONG_AXIS_COSINE:
        return View.OBLIQUE
    up = _SUPERIOR - (_SUPERIOR @ axis) * axis
    up /= np.linalg.norm(up)
    lateral = np.cross(up, axis)
    trace = np.cross(normal, axis)
    angle = float(np.degrees(np.arctan2(trace @ up, trace @ lateral))) % 180.0
    names = (View.FOUR_CHAMBER, View.TWO_CHAMBER, View.THREE_CHAMBER)
    return names[min(int(angle // 60.0), 2)]


def group_positions(positions_mm: Sequence[float]) -> list[int]:
    """Return the slice index (by rising position) of each position along one normal.

    Positions that follow each other within the tolerance are one slice.
    """
    order = np.argsort(positions_mm, kind="stable")
    index, groups, previous = 0, [0] * len(positions_mm), None
    for place in order:
        here = positions_mm[int(place)]
        if previous is not None and here - previous > POSITION_TOLERANCE_MM:
            index += 1
        groups[int(place)] = index
        previous = here
    return groups


def is_same_orientation(one: Sequence[float], other: Sequence[float], degrees: float) -> bool:
    """Tell whether rows and columns of two images point the same way within ``degrees``."""
    limit = float(np.cos(np.radians(degrees)))
    return all(
        sum(a * b for a, b in zip(one[part], other[part], strict=True)) >= limit
        for part in (slice(0, 3), slice(3, 6))
    )
