"""Volumes from contours: disc summation, stroke volume, ejection fraction, mass, body size.

Knows label values and the geometry of the stack. Does not know which phase is end-diastole
(``cycle``), what is normal (``normal_ranges``) or how sure a number is (``uncertainty``).

Every slice stands for a disc of its own contour area. Its height is its share of the spacing
between slice centres: half of the distance to each neighbour; an outermost slice counts the
distance to its only neighbour whole (half inside, half outside). For an even stack this is the
usual ``sum(area) x spacing``; Slice Thickness is never used, because gaps and overlaps make it
wrong.

References
----------
Schulz-Menger J et al., J Cardiovasc Magn Reson 2020;22:19 (SCMR post-processing: disc summation,
papillary muscles named). Mosteller RD, N Engl J Med 1987;317:1098 (body surface area).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np
import numpy.typing as npt

BACKGROUND = 0
RV_CAVITY = 1
LV_MYOCARDIUM = 2
LV_CAVITY = 3

MYOCARDIAL_DENSITY_G_PER_ML = 1.05
BSA_FORMULA = "Mosteller"

_MM3_PER_ML = 1000.0
_CM_KG_PER_M4 = 3600.0
_HEIGHT_RANGE_CM = (40.0, 250.0)
_WEIGHT_RANGE_KG = (2.0, 350.0)

Float64Array = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.uint8]


class StackGeometry(Protocol):
    """What disc summation needs to know of a stack; ``CineStack`` has it."""

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one pixel."""

    @property
    def slice_positions_mm(self) -> Float64Array:
        """``[slice]`` position of each slice centre along the normal."""


@dataclass(frozen=True, slots=True, eq=False)
class DiscVolumes:
    """Volumes in ml, one value per phase (``[phase]``)."""

    lv_ml: Float64Array
    rv_ml: Float64Array
    myocardium_ml: Float64Array


def slice_heights_mm(slice_positions_mm: Float64Array) -> Float64Array:
    """Height of the disc that each slice stands for, ``[slice]``.

    Parameters
    ----------
    slice_positions_mm
        ``[slice]`` positions of the slice centres along the normal, in order.

    Raises
    ------
    ValueError
        If there are fewer than two slices, or two lie at the same place.
    """
    gaps = np.abs(np.diff(np.asarray(slice_positions_mm, dtype=np.float64)))
    if gaps.size == 0 or float(gaps.min()) <= 0.0:
        msg = "volumes need at least two slices at different positions"
        raise ValueError(msg)
    before = np.concatenate([gaps[:1], gaps])
    after = np.concatenate([gaps, gaps[-1:]])
    return np.asarray((before + after) / 2.0, dtype=np.float64)


def areas_mm2(labels: LabelArray, label: int, pixel_area_mm2: float) -> Float64Array:
    """Area of ``label`` in each phase and slice, ``[phase, slice]``."""
    return np.asarray(np.count_nonzero(labels == label, axis=(-2, -1)) * pixel_area_mm2, np.float64)


def disc_volumes_ml(labels: LabelArray, stack: StackGeometry) -> DiscVolumes:
    """Sum the discs of both cavities and of the myocardium for every phase.

    Parameters
    ----------
    labels
        uint8 ``[phase, slice, row, column]``: 0 background, 1 RV cavity, 2 LV myocardium,
        3 LV cavity (papillary muscles in the cavity).
    stack
        Pixel area and slice positions.
    """
    heights_mm = slice_heights_mm(stack.slice_positions_mm)

    def volume_ml(label: int) -> Float64Array:
        areas = areas_mm2(labels, label, stack.pixel_area_mm2)
        return np.asarray(areas @ heights_mm / _MM3_PER_ML, dtype=np.float64)

    return DiscVolumes(volume_ml(LV_CAVITY), volume_ml(RV_CAVITY), volume_ml(LV_MYOCARDIUM))


def ejection_fraction_percent(end_diastolic_ml: float, end_systolic_ml: float) -> float:
    """Stroke volume as a share of the end-diastolic volume.

    Raises
    ------
    ValueError
        If the end-diastolic volume is not positive.
    """
    if end_diastolic_ml <= 0.0:
        msg = "no ejection fraction without an end-diastolic volume"
        raise ValueError(msg)
    return 100.0 * (end_diastolic_ml - end_systolic_ml) / end_diastolic_ml


def mass_g(myocardium_ml: float) -> float:
    """Mass of the myocardium at 1.05 g/ml."""
    return myocardium_ml * MYOCARDIAL_DENSITY_G_PER_ML


def heart_rate_per_min(rr_interval_ms: float | None) -> float | None:
    """Heart rate, or None where the RR interval is not known."""
    if rr_interval_ms is None or rr_interval_ms <= 0.0:
        return None
    return 60_000.0 / rr_interval_ms


def body_surface_area_m2(height_cm: float | None, weight_kg: float | None) -> float | None:
    """Body surface area after Mosteller, or None where height or weight is absent or impossible.

    Headers often carry 0, a height in metres or a weight in grams; such a value is no value.
    """
    if height_cm is None or weight_kg is None:
        return None
    tall = _HEIGHT_RANGE_CM[0] <= height_cm <= _HEIGHT_RANGE_CM[1]
    heavy = _WEIGHT_RANGE_KG[0] <= weight_kg <= _WEIGHT_RANGE_KG[1]
    return sqrt(height_cm * weight_kg / _CM_KG_PER_M4) if tall and heavy else None
