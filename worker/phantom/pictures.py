"""One imaged series before it becomes DICOM: pixels, geometry and timing of any kind of series.

Knows what the short-axis cine and its companions have in common. Does not know vendors or headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from worker.phantom.cine import PhantomCine

Float64Array = npt.NDArray[np.float64]


class SeriesKind(StrEnum):
    """What a series of a cardiac examination is."""

    LOCALISER = "localiser"
    TWO_CHAMBER = "two_chamber"
    THREE_CHAMBER = "three_chamber"
    FOUR_CHAMBER = "four_chamber"
    SHORT_AXIS = "short_axis"
    LGE = "lge"
    T1_MAP = "t1_map"
    FLOW = "flow"


@dataclass(frozen=True)
class SlicePose:
    """Position of one slice, LPS mm: centre of its first pixel, directions of columns and rows."""

    position_mm: Float64Array
    row_cosines: Float64Array
    column_cosines: Float64Array


@dataclass(frozen=True)
class Picture:
    """A series: ``pixels`` uint16 ``[phase, slice, row, column]`` and what belongs to them.

    ``trigger_times_ms`` has one value per phase; None for a series without cardiac timing.
    """

    kind: SeriesKind
    pixels: npt.NDArray[np.uint16]
    poses: tuple[SlicePose, ...]
    pixel_spacing_mm: tuple[float, float]
    slice_thickness_mm: float
    slice_distance_mm: float
    rr_interval_ms: float
    trigger_times_ms: Float64Array | None
    field_strength_t: float = 1.5

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return int(self.pixels.shape[0])

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return int(self.pixels.shape[1])


def short_axis_picture(cine: PhantomCine) -> Picture:
    """Return the short-axis cine as a series."""
    rows, columns = cine.row_cosines, cine.column_cosines
    spacing = cine.protocol.pixel_mm
    return Picture(
        kind=SeriesKind.SHORT_AXIS,
        pixels=cine.pixels,
        poses=tuple(
            SlicePose(cine.position_mm(s), rows, columns) for s in range(cine.pixels.shape[1])
        ),
        pixel_spacing_mm=(spacing, spacing),
        slice_thickness_mm=cine.protocol.slice_thickness_mm,
        slice_distance_mm=cine.protocol.slice_distance_mm,
        rr_interval_ms=cine.rr_interval_ms,
        trigger_times_ms=cine.trigger_times_ms,
    )
