"""AHA segments: which level a slice belongs to, which sector an angle, and their wall thickness.

Levels are thirds of the cavity's length, from the upper face of the first slice with a closed ring
of myocardium to the lower face of the last slice with cavity. Sectors are counted from the middle
of the septum (halfway between the RV insertions): six of 60 degrees at base and mid level, four of
90 degrees at the apex. Segment 17, the cap, is not in any short-axis slice and gets no value.

References
----------
Cerqueira MD et al., Circulation 2002;105:539-542.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from worker.findings.orientation import plane_axes
from worker.findings.volumes import LV_MYOCARDIUM, Float64Array, LabelArray
from worker.findings.volumes import slice_heights_mm as disc_heights_mm
from worker.findings.wall import N_ANGLES, SliceWall, slice_wall, smoothed_deg
from worker.volume.types import CineStack

_SIX_FROM_SEPTUM = (3, 4, 5, 6, 1, 2)
_FOUR_FROM_SEPTUM = (14, 15, 16, 13)
_MAXIMAL_DEPTH_RANGE = (0.1, 0.8)
_MAXIMAL_WINDOW_DEG = 20


class Level(IntEnum):
    """Third of the ventricle."""

    BASAL = 0
    MID = 1
    APICAL = 2


@dataclass(frozen=True, slots=True, eq=False)
class PhaseWalls:
    """The walls of one phase.

    Attributes
    ----------
    walls
        One entry per slice; None without a cavity.
    depths
        ``[slice]`` share of the cavity's length from the base, NaN where there is no cavity.
    """

    walls: tuple[SliceWall | None, ...]
    depths: Float64Array

    def level(self, slice_index: int) -> Level | None:
        """Level of a slice, or None outside the ventricle or where its ring is open."""
        wall, depth = self.walls[slice_index], float(self.depths[slice_index])
        if wall is None or not wall.closed or not 0.0 <= depth <= 1.0:
            return None
        return Level(min(int(depth * 3.0), 2))


def phase_walls(labels: LabelArray, stack: CineStack) -> PhaseWalls:
    """Measure the walls of all slices of one phase (``[slice, row, column]`` labels)."""
    axes = plane_axes(stack)
    walls = tuple(slice_wall(one, axes) for one in labels)
    positions, heights = stack.slice_positions_mm, disc_heights_mm(stack.slice_positions_mm)
    with_wall = [index for index, wall in enumerate(walls) if wall is not None]
    closed = [index for index in with_wall if (wall := walls[index]) is not None and wall.closed]
    depths = np.full(len(walls), np.nan)
    if closed:
        top = positions[closed[0]] - heights[closed[0]] / 2.0
        bottom = positions[with_wall[-1]] + heights[with_wall[-1]] / 2.0
        depths[with_wall] = ((positions - top) / (bottom - top))[with_wall]
    return PhaseWalls(walls, depths)


def _sector_numbers(
    level: Level, angles_deg: Float64Array, septum_deg: float
) -> npt.NDArray[np.int64]:
    """AHA segment of each angle at a level."""
    from_septum = (angles_deg - septum_deg) % 360.0
    if level is Level.APICAL:
        sector = (((from_septum + 45.0) % 360.0) // 90.0).astype(np.int64)
        return np.asarray(np.take(_FOUR_FROM_SEPTUM, sector), dtype=np.int64)
    sector = (from_septum // 60.0).astype(np.int64)
    return np.asarray(np.take(_SIX_FROM_SEPTUM, sector) + 6 * int(level), dtype=np.int64)


def segment_thickness_mm(walls: PhaseWalls, septum_deg: float) -> dict[int, float]:
    """Mean wall thickness of each AHA segment that was seen (1..16)."""
    return _segment_means(walls, septum_deg, lambda wall: wall.thickness_mm)


def segment_floating_mm(walls: PhaseWalls, septum_deg: float) -> dict[int, float]:
    """Mean distance of the endocardium from the floating centre by AHA segment (1..16)."""
    return _segment_means(walls, septum_deg, lambda wall: wall.floating_mm)


def _segment_means(
    walls: PhaseWalls, septum_deg: float, of: Callable[[SliceWall], Float64Array]
) -> dict[int, float]:
    """Mean over slices and degrees of a value that a wall has at each degree (``[360]``)."""
    angles = np.arange(N_ANGLES, dtype=np.float64)
    total, count = np.zeros(18), np.zeros(18)
    for index, wall in enumerate(walls.walls):
        level = walls.level(index)
        if wall is None or level is None:
            continue
        number = _sector_numbers(level, angles, septum_deg)
        total += np.bincount(number, weights=of(wall), minlength=18)
        count += np.bincount(number, minlength=18)
    return {n: float(total[n] / count[n]) for n in range(1, 17) if count[n] > 0}


def maximal_profiles_mm(walls: PhaseWalls) -> dict[int, Float64Array]:
    """Thickness at every degree (``[360]``) of the slices between outflow and apical cap.

    At every angle the thickness is averaged over 20 degrees and then over neighbouring slices: the
    median of three, the mean of two at either end. A contour that fails in one slice does not make
    a thick wall; muscle that is thick in one slice only is underestimated.
    """
    profiles = {
        index: smoothed_deg(wall.thickness_mm, _MAXIMAL_WINDOW_DEG)
        for index, (wall, depth) in enumerate(zip(walls.walls, walls.depths, strict=True))
        if wall is not None
        and wall.closed
        and _MAXIMAL_DEPTH_RANGE[0] <= depth <= _MAXIMAL_DEPTH_RANGE[1]
    }
    in_order = list(profiles.values())
    return {
        index: np.asarray(np.median(np.stack(in_order[max(i - 1, 0) : i + 2]), axis=0))
        for i, index in enumerate(profiles)
    }


def maximal_thickness_mm(walls: PhaseWalls) -> float | None:
    """Greatest thickness between outflow and apical cap; see ``maximal_profiles_mm``."""
    return max((float(one.max()) for one in maximal_profiles_mm(walls).values()), default=None)


def segments_by_degree(
    walls: PhaseWalls, slice_index: int, septum_deg: float
) -> npt.NDArray[np.int64]:
    """AHA segment at 0..359 degrees of a slice, ``[360]``; zeros where it has no level."""
    level = walls.level(slice_index)
    if level is None:
        return np.zeros(N_ANGLES, dtype=np.int64)
    return _sector_numbers(level, np.arange(N_ANGLES, dtype=np.float64), septum_deg)


def segment_map(
    labels: LabelArray,
    stack: CineStack,
    septum_deg: float,
    structures: tuple[int, ...] = (LV_MYOCARDIUM,),
    seen_from: PhaseWalls | None = None,
) -> LabelArray:
    """AHA segment of every pixel of LV myocardium, uint8 ``[slice, row, column]``, 0 elsewhere.

    With ``structures`` (label values) the pixels of others, such as the cavity beside a segment;
    with ``seen_from`` levels and centres are those of another phase's walls.
    """
    axes = plane_axes(stack)
    walls = seen_from or phase_walls(labels, stack)
    numbers = np.zeros(labels.shape, np.uint8)
    for index, wall in enumerate(walls.walls):
        level = walls.level(index)
        if wall is None or level is None:
            continue
        row, column = np.nonzero(np.isin(labels[index], structures))
        offset = axes.to_mm(np.stack([column, row], axis=1)) - wall.centre_mm
        degrees = np.degrees(np.arctan2(offset[:, 1], offset[:, 0])) % 360.0
        numbers[index, row, column] = _sector_numbers(level, degrees, septum_deg)
    return numbers
