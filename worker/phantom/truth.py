"""What is true of a generated heart: volumes, mass, wall thickness and motion.

Integrates the surfaces of `shape` on a fine grid of heights and angles. Knows nothing of images, so
its numbers owe nothing to pixels, slices or a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import pi

import numpy as np
import numpy.typing as npt

from worker.phantom.segments import N_SEGMENTS, segment_of
from worker.phantom.shape import (
    HeartShape,
    motion_field,
    rv_depth_mm,
    stretch,
    ventricle,
    wall_start_zeta,
)

MYOCARDIAL_DENSITY_G_PER_ML = 1.05

FloatArray = npt.NDArray[np.float64]


class WallMotion(StrEnum):
    """Motion of a segment as a reader grades it."""

    NORMAL = "normal"
    HYPOKINETIC = "hypokinetic"
    AKINETIC = "akinetic"
    DYSKINETIC = "dyskinetic"


@dataclass(frozen=True)
class Volumes:
    """Volumes at one moment, in ml."""

    lv_cavity_ml: float
    lv_myocardium_ml: float
    rv_cavity_ml: float


@dataclass(frozen=True)
class SegmentTruth:
    """One AHA segment.

    Thickness is measured in the short-axis plane along the radius from the long axis and averaged
    over the segment (the apical cap, segment 17: along the long axis). ``excursion_mm`` is how far
    the endocardium moves inwards from end-diastole to end-systole.
    """

    number: int
    thickness_ed_mm: float
    thickness_es_mm: float
    excursion_mm: float
    motion: WallMotion


@dataclass(frozen=True)
class HeartTruth:
    """The numbers a perfect measurement would find; papillary muscles belong to the cavity."""

    lv_edv_ml: float
    lv_esv_ml: float
    lv_mass_g: float
    rv_edv_ml: float
    rv_esv_ml: float
    heart_rate_bpm: float
    es_phase_fraction: float
    bsa_m2: float
    max_wall_thickness_ed_mm: float
    segments: tuple[SegmentTruth, ...]

    @property
    def lv_sv_ml(self) -> float:
        """Left-ventricular stroke volume."""
        return self.lv_edv_ml - self.lv_esv_ml

    @property
    def rv_sv_ml(self) -> float:
        """Right-ventricular stroke volume."""
        return self.rv_edv_ml - self.rv_esv_ml

    @property
    def lv_ef_percent(self) -> float:
        """Left-ventricular ejection fraction."""
        return 100.0 * self.lv_sv_ml / self.lv_edv_ml

    @property
    def rv_ef_percent(self) -> float:
        """Right-ventricular ejection fraction."""
        return 100.0 * self.rv_sv_ml / self.rv_edv_ml

    @property
    def cardiac_output_l_per_min(self) -> float:
        """Left-ventricular stroke volume times heart rate."""
        return self.lv_sv_ml * self.heart_rate_bpm / 1000.0


def _grid(n_heights: int, n_angles: int) -> tuple[FloatArray, FloatArray]:
    """Cell centres: zeta as a column, phi as a row."""
    zeta = (np.arange(n_heights) + 0.5)[:, None] / n_heights
    phi = np.asarray((np.arange(n_angles) + 0.5)[None, :] * (2.0 * pi / n_angles), np.float64)
    return zeta, phi


def lv_cavity_ml(
    shape: HeartShape, contraction: float, *, n_heights: int = 256, n_angles: int = 180
) -> float:
    """Volume inside the endocardium below the valve plane."""
    zeta, phi = _grid(n_heights, n_angles)
    cell = 2.0 * pi / n_angles * shape.length_mm * stretch(shape, contraction) / n_heights
    return float(0.5 * np.sum(ventricle(shape, zeta, phi, contraction).endo_mm ** 2) * cell / 1e3)


def lv_myocardium_ml(
    shape: HeartShape, contraction: float, *, n_heights: int = 256, n_angles: int = 180
) -> float:
    """Volume of the left-ventricular wall, without the opening at the outflow."""
    zeta, phi = _grid(n_heights, n_angles)
    radii = ventricle(shape, zeta, phi, contraction)
    wall = (radii.epi_mm**2 - radii.endo_mm**2) * (zeta >= wall_start_zeta(shape, phi))
    cell = 2.0 * pi / n_angles * shape.length_mm * stretch(shape, contraction) / n_heights
    return float(0.5 * np.sum(wall) * cell / 1e3)


def rv_cavity_ml(
    shape: HeartShape, contraction: float, *, n_heights: int = 256, n_angles: int = 180
) -> float:
    """Volume between the septal epicardium and the right-ventricular free wall."""
    top = -shape.rv_outflow_mm
    span = shape.rv_apex_zeta * shape.length_mm - top
    share, phi = _grid(n_heights, n_angles)
    height = top + span * share
    depth = rv_depth_mm(shape, height, phi, contraction)
    base = shape.descent_mm * contraction
    zeta = (height - base) / (shape.length_mm - base)
    inner = ventricle(shape, zeta, phi, contraction).epi_mm
    cell = 2.0 * pi / n_angles * span / n_heights
    return float(0.5 * np.sum(depth * (depth + 2.0 * inner)) * cell / 1e3)


def volumes(shape: HeartShape, contraction: float) -> Volumes:
    """All three volumes at one state of contraction (0 end-diastole, 1 end-systole)."""
    return Volumes(
        lv_cavity_ml(shape, contraction),
        lv_myocardium_ml(shape, contraction),
        rv_cavity_ml(shape, contraction),
    )


AKINETIC_BELOW = 0.2
HYPOKINETIC_BELOW = 0.65
DYSKINETIC_BELOW = -0.05
MEASURED_DEPTH = (0.15, 0.8)


def _grade(share_of_motion: float) -> WallMotion:
    """Grade of a segment from its share of the heart's shortening."""
    if share_of_motion < DYSKINETIC_BELOW:
        return WallMotion.DYSKINETIC
    if share_of_motion < AKINETIC_BELOW:
        return WallMotion.AKINETIC
    return WallMotion.HYPOKINETIC if share_of_motion < HYPOKINETIC_BELOW else WallMotion.NORMAL


def segment_truths(shape: HeartShape) -> tuple[SegmentTruth, ...]:
    """Wall thickness and motion of the 17 segments, segment n at index n - 1."""
    zeta, phi = _grid(240, 360)
    rest, end = ventricle(shape, zeta, phi, 0.0), ventricle(shape, zeta, phi, 1.0)
    number = segment_of(zeta / shape.cavity_end_zeta + 0.0 * phi, phi + 0.0 * zeta)
    present = zeta >= wall_start_zeta(shape, phi)
    moving = motion_field(shape, zeta, phi)
    found = []
    for n in range(1, N_SEGMENTS):
        here = (number == n) & present
        found.append(
            SegmentTruth(
                n,
                float(np.mean((rest.epi_mm - rest.endo_mm)[here])),
                float(np.mean((end.epi_mm - end.endo_mm)[here])),
                float(np.mean((rest.endo_mm - end.endo_mm)[here])),
                _grade(float(np.mean(moving[here]))),
            )
        )
    cap = shape.apex_wall_mm
    cap_motion = _grade(float(np.mean(moving[number == N_SEGMENTS])))
    found.append(SegmentTruth(N_SEGMENTS, cap, cap * stretch(shape, 1.0), 0.0, cap_motion))
    return tuple(found)


def max_wall_thickness_mm(shape: HeartShape) -> float:
    """Greatest end-diastolic thickness between the outflow and the apical third.

    Averaged over 12 degrees; the outflow's open ring and the apical cap are left out, where the
    short-axis plane cuts the wall obliquely.
    """
    zeta, phi = _grid(240, 360)
    rest = ventricle(shape, zeta, phi, 0.0)
    depth = zeta[:, 0] / shape.cavity_end_zeta
    low, high = MEASURED_DEPTH
    thickness = (rest.epi_mm - rest.endo_mm)[(depth > low) & (depth < high)]
    smooth = np.mean([np.roll(thickness, k, axis=1) for k in range(-6, 7)], axis=0)
    return float(np.max(smooth))
