"""Features of the shape and work of both ventricles, from the contours at ED and ES.

Numbers only: what they resemble is asked by ``pattern``. The same function serves training
(experts' masks, a tower's masks) and the runtime, so a table fitted there holds here. Sectors are
counted from the insertions of the right ventricle in the contours. Patient coordinates are not
needed, because only the spread over the sectors counts and not which sector is which.

References
----------
Cerqueira MD et al., Circulation 2002;105:539-542 (sectors). Wolterink JM et al., STACOM 2017, LNCS
10663:101-110 and Isensee F et al., ibid. 120-129 (groups of heart disease from such features).
"""

from collections.abc import Mapping

import numpy as np

from worker.findings.orientation import plane_axes, septum_middle_deg
from worker.findings.segments import Level, PhaseWalls, maximal_thickness_mm, phase_walls
from worker.findings.volumes import (
    LV_CAVITY,
    Float64Array,
    LabelArray,
    areas_mm2,
    disc_volumes_ml,
    ejection_fraction_percent,
    mass_g,
)
from worker.findings.wall import N_ANGLES
from worker.volume.types import CineStack

FEATURES: Mapping[str, str] = {
    "lv_end_diastolic_volume_index": "LV end-diastolic volume by body surface area, ml/m2",
    "lv_end_systolic_volume_index": "LV end-systolic volume by body surface area, ml/m2",
    "rv_end_diastolic_volume_index": "RV end-diastolic volume by body surface area, ml/m2",
    "rv_end_systolic_volume_index": "RV end-systolic volume by body surface area, ml/m2",
    "lv_ejection_fraction": "LV ejection fraction, %",
    "rv_ejection_fraction": "RV ejection fraction, %",
    "mass_index_ed": "LV mass at end-diastole by body surface area, g/m2",
    "mass_index_es": "LV mass at end-systole by body surface area, g/m2",
    "mass_to_volume_ed": "LV mass by LV volume at end-diastole, g/ml",
    "mass_to_volume_es": "LV mass by LV volume at end-systole, g/ml",
    "right_to_left_ed": "RV by LV volume at end-diastole",
    "right_to_left_es": "RV by LV volume at end-systole",
    "wall_maximum_ed": "Maximal wall thickness at end-diastole, mm",
    "wall_maximum_es": "Maximal wall thickness at end-systole, mm",
    "wall_mean_ed": "Mean wall thickness at end-diastole, all directions of slices with a ring, mm",
    "wall_mean_es": "Mean wall thickness at end-systole, mm",
    "wall_spread_ed": "Standard deviation of the wall thickness at end-diastole, mm",
    "wall_spread_es": "Standard deviation of the wall thickness at end-systole, mm",
    "area_change_spread": "Standard deviation over slices of the cavity's fractional area change",
    "motion_spread": "Standard deviation over AHA sectors of the cavity's fractional shortening",
}
"""What each feature is, in the order in which they are given."""

SIGNED = frozenset(
    {"lv_ejection_fraction", "rv_ejection_fraction", "area_change_spread", "motion_spread"}
)
"""Features that are used as they are; the others are ratios and sizes, used as logarithms."""

_SECTORS = {Level.BASAL: 6, Level.MID: 6, Level.APICAL: 4}
_MINIMUM_SECTORS = 8
_MINIMUM_SLICES = 3
_SMALLEST_AREA_MM2 = 80.0
_SMALLEST_VOLUME_ML = 1.0


def pattern_features(labels: LabelArray, stack: CineStack, bsa_m2: float) -> dict[str, float]:
    """Return every feature of one heart; empty where the contours do not give all of them.

    Parameters
    ----------
    labels
        uint8 ``[2, slice, row, column]``: end-diastole and end-systole, slice 0 at the base.
    stack
        Geometry of the slices.
    bsa_m2
        Body surface area.
    """
    volumes = disc_volumes_ml(labels, stack)
    if min(*volumes.lv_ml, *volumes.rv_ml, *volumes.myocardium_ml) < _SMALLEST_VOLUME_ML:
        return {}
    walls = (phase_walls(labels[0], stack), phase_walls(labels[1], stack))
    thickness = {**_thickness(walls[0], "ed"), **_thickness(walls[1], "es")}
    area_changes = _area_changes(labels, stack)
    motion = _motion(walls, _septum_deg(labels[0], stack))
    wanting = area_changes.size < _MINIMUM_SLICES or motion.size < _MINIMUM_SECTORS
    if wanting or len(thickness) < 6:  # noqa: PLR2004 - three of each phase
        return {}
    (lv_ed, lv_es), (rv_ed, rv_es) = volumes.lv_ml.tolist(), volumes.rv_ml.tolist()
    mass_ed, mass_es = (mass_g(ml) for ml in volumes.myocardium_ml.tolist())
    return {
        "lv_end_diastolic_volume_index": lv_ed / bsa_m2,
        "lv_end_systolic_volume_index": lv_es / bsa_m2,
        "rv_end_diastolic_volume_index": rv_ed / bsa_m2,
        "rv_end_systolic_volume_index": rv_es / bsa_m2,
        "lv_ejection_fraction": ejection_fraction_percent(lv_ed, lv_es),
        "rv_ejection_fraction": ejection_fraction_percent(rv_ed, rv_es),
        "mass_index_ed": mass_ed / bsa_m2,
        "mass_index_es": mass_es / bsa_m2,
        "mass_to_volume_ed": mass_ed / lv_ed,
        "mass_to_volume_es": mass_es / lv_es,
        "right_to_left_ed": rv_ed / lv_ed,
        "right_to_left_es": rv_es / lv_es,
        **{key: thickness[key] for key in FEATURES if key in thickness},
        "area_change_spread": float(area_changes.std()),
        "motion_spread": float(motion.std()),
    }


def _thickness(walls: PhaseWalls, phase: str) -> dict[str, float]:
    closed = [wall.thickness_mm for wall in walls.walls if wall is not None and wall.closed]
    greatest = maximal_thickness_mm(walls)
    if greatest is None:
        return {}
    every = np.concatenate(closed)
    return {
        f"wall_maximum_{phase}": greatest,
        f"wall_mean_{phase}": float(every.mean()),
        f"wall_spread_{phase}": float(every.std()),
    }


def _area_changes(labels: LabelArray, stack: CineStack) -> Float64Array:
    """Share of the cavity's area that each slice with a cavity at end-diastole loses."""
    relaxed, contracted = areas_mm2(labels, LV_CAVITY, stack.pixel_area_mm2)
    seen = relaxed > _SMALLEST_AREA_MM2
    return np.asarray(1.0 - contracted[seen] / relaxed[seen], np.float64)


def _septum_deg(labels: LabelArray, stack: CineStack) -> float:
    """Middle of the septum; 0 where the right ventricle touches no slice."""
    axes = plane_axes(stack)
    middles = [deg for one in labels if (deg := septum_middle_deg(one, axes)) is not None]
    if not middles:
        return 0.0
    return float(np.degrees(np.angle(np.exp(1j * np.radians(middles)).mean())))


def _motion(walls: tuple[PhaseWalls, PhaseWalls], septum_deg: float) -> Float64Array:
    """Fractional shortening of the cavity's radius in each sector that both phases show."""
    relaxed_mm, contracted_mm = (_radius_mm(one, septum_deg) for one in walls)
    seen = ~np.isnan(relaxed_mm) & ~np.isnan(contracted_mm) & (relaxed_mm > 0.0)
    return np.asarray(1.0 - contracted_mm[seen] / relaxed_mm[seen], np.float64)


def _radius_mm(walls: PhaseWalls, septum_deg: float) -> Float64Array:
    """Mean radius of the cavity by sector, ``[16]``, NaN where no slice shows it."""
    turn = -round(septum_deg) % N_ANGLES
    by_level = []
    for level, n_sectors in _SECTORS.items():
        radii = [
            wall.endo_mm
            for index, wall in enumerate(walls.walls)
            if wall is not None and walls.level(index) is level
        ]
        mean = np.roll(np.mean(radii, axis=0), turn) if radii else np.full(N_ANGLES, np.nan)
        by_level.append(mean.reshape(n_sectors, -1).mean(axis=1))
    return np.concatenate(by_level)
