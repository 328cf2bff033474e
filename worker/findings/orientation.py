"""Where the septum lies in the short-axis plane, and whether patient coordinates agree.

Angles are counted right-handed about the axis from base to apex: in the usual short-axis picture,
seen from the apex, they grow counter-clockwise, anterior to septal to inferior to lateral.

The septum comes from the labels: the stretch of epicardium that touches the right ventricle, its
ends being the two RV insertions. Patient coordinates are the second witness: the septum looks to
the patient's right and front, the anterior wall to the head and front. Only when both agree may a
segment be named; a mirrored image, a turned image or base taken for apex make them disagree. What
they cannot see is an image mirrored top to bottom without its coordinates, because septum and
lateral wall keep their places then.

References
----------
Cerqueira MD et al., Circulation 2002;105:539-542 (AHA 17 segments, RV insertions as landmarks).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY, Float64Array, LabelArray
from worker.findings.wall import PlaneAxes
from worker.volume.types import CineStack

_TOUCH_MM = 3.5
_MINIMUM_TOUCHING_POINTS = 8
_ARC_RANGE_DEG = (25.0, 220.0)
_MAXIMUM_SPREAD_DEG = 30.0
_MAXIMUM_CENTROID_ANGLE_DEG = 50.0
_MAXIMUM_PATIENT_ANGLE_DEG = 75.0
_MINIMUM_IN_PLANE = 0.4
_MINIMUM_SLICES = 2
# Experts' end-diastolic masks of 100 ACDC patients: 99 narrow towards the apex, 98 by 1.2 or more.
_NARROWING = 1.2

_SEPTUM_LPS = np.array([-1.0, -1.0, 0.0]) / np.sqrt(2.0)
_ANTERIOR_LPS = np.array([0.0, -0.3, 1.0]) / np.linalg.norm([0.0, -0.3, 1.0])


@dataclass(frozen=True, slots=True)
class Orientation:
    """Middle of the septum over the whole stack in degrees, or why it is not trusted."""

    septum_deg: float | None
    problem: str | None


def plane_axes(stack: CineStack) -> PlaneAxes:
    """Return the plane axes: x along a row of pixels; x, y and base-to-apex are right-handed."""
    x_axis, y_axis = _axes_lps(stack)
    columns = np.stack([stack.affine[:3, 0], stack.affine[:3, 1]], axis=1)
    return PlaneAxes(np.stack([x_axis, y_axis]) @ columns)


def _axes_lps(stack: CineStack) -> tuple[Float64Array, Float64Array]:
    x_axis = stack.affine[:3, 0] / np.linalg.norm(stack.affine[:3, 0])
    y_axis = np.cross(stack.normal, x_axis)
    return np.asarray(x_axis, np.float64), np.asarray(y_axis, np.float64)


def turn_deg(to_deg: float, from_deg: float) -> float:
    """Signed smallest turn between two angles, in [-180, 180)."""
    return (to_deg - from_deg + 180.0) % 360.0 - 180.0


def _angles_deg(points_mm: Float64Array, centre_mm: Float64Array) -> Float64Array:
    offset = points_mm - centre_mm
    return np.asarray(np.degrees(np.arctan2(offset[:, 1], offset[:, 0])) % 360.0, np.float64)


def septum_middle_deg(labels: LabelArray, axes: PlaneAxes) -> float | None:
    """Find the middle of the septum of one slice (``[row, column]``), halfway between insertions.

    Returns
    -------
    float or None
        Degrees; None where the RV does not touch the septum, or along too little or too much of it.
    """
    heart = (labels == LV_CAVITY) | (labels == LV_MYOCARDIUM)
    right = labels == RV_CAVITY
    if not heart.any() or not right.any():
        return None
    pixel_mm = np.hypot(axes.matrix[:, 1], 0.0).max(), np.abs(axes.matrix[:, 0]).max()
    to_right_mm = ndimage.distance_transform_edt(~right, sampling=pixel_mm)
    rim = heart & ~ndimage.binary_erosion(heart)
    row, column = np.nonzero(rim & (to_right_mm <= _TOUCH_MM))
    if row.size < _MINIMUM_TOUCHING_POINTS:
        return None
    heart_row, heart_column = np.nonzero(heart)
    centre = axes.to_mm(np.array([[heart_column.mean(), heart_row.mean()]]))[0]
    angles = np.sort(_angles_deg(axes.to_mm(np.stack([column, row], axis=1)), centre))
    gaps = np.diff(np.concatenate([angles, angles[:1] + 360.0]))
    widest = int(np.argmax(gaps))
    start = float(angles[(widest + 1) % angles.size])
    arc = 360.0 - float(gaps[widest])
    if not _ARC_RANGE_DEG[0] <= arc <= _ARC_RANGE_DEG[1]:
        return None
    return (start + arc / 2.0) % 360.0


def _mean_deg(angles_deg: list[float]) -> float:
    vectors = np.exp(1j * np.radians(angles_deg))
    return float(np.degrees(np.angle(vectors.mean())) % 360.0)


def _right_side_deg(labels: LabelArray, axes: PlaneAxes) -> float:
    """Direction from the middle of the LV to the middle of the RV over all slices."""

    def centre(mask: LabelArray) -> Float64Array:
        _, row, column = np.nonzero(mask)
        return axes.to_mm(np.array([[column.mean(), row.mean()]]))

    left = centre((labels == LV_CAVITY) | (labels == LV_MYOCARDIUM))
    return float(_angles_deg(centre(labels == RV_CAVITY), left[0])[0])


def _patient_disagrees(stack: CineStack, septum_deg: float) -> bool:
    """Tell whether septum or anterior wall look to an impossible side of the patient."""
    x_axis, y_axis = _axes_lps(stack)
    for expected_lps, found_deg in ((_SEPTUM_LPS, septum_deg), (_ANTERIOR_LPS, septum_deg - 90.0)):
        x, y = float(expected_lps @ x_axis), float(expected_lps @ y_axis)
        if np.hypot(x, y) < _MINIMUM_IN_PLANE:
            continue
        if abs(turn_deg(found_deg, float(np.degrees(np.arctan2(y, x))))) > (
            _MAXIMUM_PATIENT_ANGLE_DEG
        ):
            return True
    return False


def _narrowing(labels: LabelArray) -> float:
    """Cavity area of the third next to slice 0 over that of the third at the other end."""
    areas = np.count_nonzero(labels == LV_CAVITY, axis=(1, 2)).astype(np.float64)
    found = areas[areas > 0]
    if found.size == 0:
        return 1.0
    third = max(found.size // 3, 1)
    return float(found[:third].mean() / found[-third:].mean())


def find_orientation(labels: LabelArray, stack: CineStack) -> Orientation:
    """Agree on the middle of the septum from labels and patient coordinates.

    Parameters
    ----------
    labels
        ``[slice, row, column]`` labels at end-diastole.
    stack
        Geometry, and whether base and apex are certain.
    """
    axes = plane_axes(stack)
    middles = [deg for one in labels if (deg := septum_middle_deg(one, axes)) is not None]
    if len(middles) < _MINIMUM_SLICES:
        return Orientation(None, "the insertions of the right ventricle were not found")
    middle = _mean_deg(middles)
    spread = float(np.median([abs(turn_deg(deg, middle)) for deg in middles]))
    problem = None
    if spread > _MAXIMUM_SPREAD_DEG:
        problem = "the insertions of the right ventricle differ from slice to slice"
    elif abs(turn_deg(_right_side_deg(labels, axes), middle)) > _MAXIMUM_CENTROID_ANGLE_DEG:
        problem = "the right ventricle does not lie on the side of its insertions"
    elif _narrowing(labels) < 1.0:
        problem = "the left ventricle narrows towards the slice that patient coordinates call base"
    elif not stack.apex_direction_certain and _narrowing(labels) < _NARROWING:
        problem = "neither patient coordinates nor the contours tell base from apex"
    elif _patient_disagrees(stack, middle):
        problem = "the right ventricle lies on a side that patient coordinates rule out"
    return Orientation(middle if problem is None else None, problem)
