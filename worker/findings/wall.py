"""Thickness of the LV wall around one short-axis slice.

Works in the slice's plane in millimetres, angles counted right-handed about the axis from base to
apex. Does not know which angle is septal or which slice is basal (``segments``).

Endocardium and epicardium are taken as distances from the centre of the cavity at every degree.
The thickness is measured across the middle line of the wall: the radial distance between the two
times the cosine of the angle between the radius and the middle line's normal. For a ring of even
thickness this gives that thickness also when the centre is off or the ring is an ellipse.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from worker.findings.contours import Polyline, outlines
from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, Float64Array, LabelArray

N_ANGLES = 360
_SLOPE_SIGMA_DEG = 6.0
_OPEN_THICKNESS_MM = 1.0
_OPEN_SHARE = 0.05
_MINIMUM_CAVITY_PIXELS = 12


@dataclass(frozen=True, slots=True, eq=False)
class PlaneAxes:
    """Millimetres of a slice's plane along axes (x, y) that turn right-handed from base to apex.

    ``matrix`` (``[2, 2]``) maps (column, row) steps to millimetres along x and y.
    """

    matrix: Float64Array

    def to_mm(self, points: Polyline) -> Float64Array:
        """``[point, 2]`` pixel coordinates to millimetres from pixel (0, 0)."""
        return np.asarray(points @ self.matrix.T, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SliceWall:
    """The wall of one slice.

    Attributes
    ----------
    centre_mm
        ``[2]`` centre of the cavity, plane coordinates.
    endo_mm, epi_mm
        ``[360]`` distance from the centre at 0..359 degrees.
    thickness_mm
        ``[360]`` thickness across the middle line.
    closed
        Whether myocardium surrounds the cavity all the way.
    floating_mm
        ``[360]`` distance of the endocardium from the middle of the epicardial outline, which
        moves along with the heart.
    """

    centre_mm: Float64Array
    endo_mm: Float64Array
    epi_mm: Float64Array
    thickness_mm: Float64Array
    closed: bool
    floating_mm: Float64Array


def _radius_at_degrees(outline_mm: Float64Array, centre_mm: Float64Array) -> Float64Array:
    """Outermost distance of an outline from the centre at each whole degree, ``[360]``."""
    step = np.linspace(0.0, 1.0, 8, endpoint=False)[None, :, None]
    dense = (outline_mm[:-1, None] + step * (outline_mm[1:, None] - outline_mm[:-1, None])).reshape(
        -1, 2
    ) - centre_mm
    radius = np.hypot(dense[:, 0], dense[:, 1])
    degree = np.rint(np.degrees(np.arctan2(dense[:, 1], dense[:, 0]))).astype(int) % N_ANGLES
    total = np.bincount(degree, weights=radius, minlength=N_ANGLES)
    count = np.bincount(degree, minlength=N_ANGLES)
    known = np.flatnonzero(count)
    mean = total[known] / count[known]
    return np.asarray(np.interp(np.arange(N_ANGLES), known, mean, period=N_ANGLES), np.float64)


def _across_middle_line(endo_mm: Float64Array, epi_mm: Float64Array) -> Float64Array:
    middle = ndimage.gaussian_filter1d((endo_mm + epi_mm) / 2.0, _SLOPE_SIGMA_DEG, mode="wrap")
    slope = (np.roll(middle, -1) - np.roll(middle, 1)) / (2.0 * np.radians(1.0))
    return np.asarray((epi_mm - endo_mm) / np.sqrt(1.0 + (slope / middle) ** 2), np.float64)


def slice_wall(labels: LabelArray, axes: PlaneAxes) -> SliceWall | None:
    """Measure the wall of one slice, or return None where there is no cavity with a wall.

    Parameters
    ----------
    labels
        ``[row, column]`` labels of one slice.
    axes
        Plane axes of the stack.
    """
    cavity = labels == LV_CAVITY
    if np.count_nonzero(cavity) < _MINIMUM_CAVITY_PIXELS:
        return None
    endo = outlines(cavity)
    epi = outlines(cavity | (labels == LV_MYOCARDIUM))
    if not endo or not epi:
        return None
    row, column = np.nonzero(cavity)
    centre = axes.to_mm(np.array([[column.mean(), row.mean()]]))[0]
    endo_outline, epi_outline = axes.to_mm(endo[0]), axes.to_mm(epi[0])
    endo_mm = _radius_at_degrees(endo_outline, centre)
    epi_mm = _radius_at_degrees(epi_outline, centre)
    gap = np.maximum(epi_mm - endo_mm, 0.0)
    thickness = _across_middle_line(endo_mm, endo_mm + gap)
    closed = bool(np.mean(gap < _OPEN_THICKNESS_MM) <= _OPEN_SHARE)
    floating_mm = _radius_at_degrees(endo_outline, _middle_mm(epi_outline))
    return SliceWall(centre, endo_mm, epi_mm, thickness, closed, floating_mm)


def _middle_mm(outline_mm: Float64Array) -> Float64Array:
    """Centre of the area inside a closed outline."""
    x, y = (outline_mm - outline_mm[0]).T
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    moment = [np.sum((axis[:-1] + axis[1:]) * cross) for axis in (x, y)]
    return np.asarray(outline_mm[0] + np.array(moment) / (3.0 * np.sum(cross)), np.float64)


def smoothed_deg(thickness_mm: Float64Array, window_deg: int) -> Float64Array:
    """Average around each degree over ``window_deg`` degrees, ``[360]``."""
    return np.asarray(
        ndimage.uniform_filter1d(thickness_mm, window_deg, mode="wrap"), dtype=np.float64
    )
