"""Sub-pixel outlines of the three structures, for wall thickness and for drawing.

Works in pixel coordinates of one slice, ``(column, row)``, pixel centres at whole numbers. Knows
nothing of millimetres or patients.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import find_contours

from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY, Float64Array, LabelArray

_SMOOTHING_SIGMA_PIXELS = 0.8
_MINIMUM_POINTS = 8

BoolArray = npt.NDArray[np.bool_]
Polyline = Float64Array
"""``[point, 2]`` with (column, row) in pixels; closed outlines repeat their first point."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceContours:
    """Outlines of one image; a structure that is absent has no polyline."""

    endocardium: tuple[Polyline, ...]
    epicardium: tuple[Polyline, ...]
    right_ventricle: tuple[Polyline, ...]


def _level_lines(level: Float64Array) -> list[Polyline]:
    """Lines at half level, ``[point, 2]`` with (row, column)."""
    return list(find_contours(level, 0.5))  # type: ignore[no-untyped-call]


def outlines(mask: BoolArray) -> tuple[Polyline, ...]:
    """Outlines of ``mask`` (``[row, column]``) at half level, longest first.

    The mask is blurred by 0.8 pixels first: that takes away the pixel steps and moves a
    circle of radius r inwards by only 0.3 / r pixels.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return ()
    margin = 5
    top, left = int(rows[0]), int(columns[0])
    inside = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].astype(np.float64)
    level = ndimage.gaussian_filter(np.pad(inside, margin), _SMOOTHING_SIGMA_PIXELS)
    offset = np.array([left - margin, top - margin], dtype=np.float64)
    lines = [line[:, ::-1] + offset for line in _level_lines(level)]
    long_enough = [line for line in lines if len(line) >= _MINIMUM_POINTS]
    return tuple(sorted(long_enough, key=len, reverse=True))


def slice_contours(labels: LabelArray) -> SliceContours:
    """Outlines of one slice (``[row, column]`` labels); nobody may change them.

    The epicardium encloses myocardium and LV cavity. The last slices are remembered: pages and
    reports of one study ask for the same ones.
    """
    return _traced(labels.astype(np.uint8, copy=False).tobytes(), labels.shape)


@lru_cache(maxsize=128)
def _traced(content: bytes, shape: tuple[int, int]) -> SliceContours:
    labels = np.frombuffer(content, np.uint8).reshape(shape)
    cavity = labels == LV_CAVITY
    return SliceContours(
        outlines(cavity),
        outlines(cavity | (labels == LV_MYOCARDIUM)),
        outlines(labels == RV_CAVITY),
    )


def contours(labels: LabelArray) -> tuple[SliceContours, ...]:
    """Outlines of every slice of one phase (``[slice, row, column]`` labels)."""
    return tuple(slice_contours(one) for one in labels)
