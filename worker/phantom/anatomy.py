"""A generated beating heart in a patient: where it lies, how it is labelled, what is true of it.

Knows the placement in patient coordinates and the labels of any points at any time of the cycle.
Does not know images or DICOM. How hearts are drawn lives in `heart`.

Labels follow ACDC: 0 background, 1 right-ventricular cavity, 2 left-ventricular myocardium,
3 left-ventricular cavity with papillary muscles and trabeculae. Nothing is labelled above the valve
planes or below the apex, and the ring of myocardium is open at the outflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import sqrt

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from worker.phantom import truth as measured
from worker.phantom.shape import (
    Array,
    HeartShape,
    base_mm,
    contraction_at,
    rv_depth_mm,
    ventricle,
    wall_start_zeta,
)

FloatArray = npt.NDArray[np.float64]


class Label(IntEnum):
    """Values of a label map."""

    BACKGROUND = 0
    RV_CAVITY = 1
    LV_MYOCARDIUM = 2
    LV_CAVITY = 3


class HeartKind(StrEnum):
    """What is wrong with a generated heart."""

    HEALTHY = "healthy"
    DILATED = "dilated"
    HYPERTROPHIC_SEPTAL = "hypertrophic_septal"
    HYPERTROPHIC_CONCENTRIC = "hypertrophic_concentric"
    HYPERTROPHIC_APICAL = "hypertrophic_apical"
    INFARCT = "infarct"
    RIGHT_VENTRICULAR = "right_ventricular"


class Sex(StrEnum):
    """Patient's sex as DICOM writes it (PS3.3 C.7.1.1)."""

    FEMALE = "F"
    MALE = "M"


@dataclass(frozen=True)
class Person:
    """The generated patient around the heart."""

    sex: Sex
    age_years: int
    height_m: float
    weight_kg: float

    @property
    def bsa_m2(self) -> float:
        """Body surface area (Mosteller, NEJM 1987;317:1098)."""
        return sqrt(self.height_m * 100.0 * self.weight_kg / 3600.0)


@dataclass(frozen=True)
class Placement:
    """Position of the heart in the patient.

    ``origin_mm`` is the centre of the mitral valve plane at end-diastole; the rows of ``axes`` are
    the heart's x, y and z as unit vectors in patient coordinates (LPS, mm). They
    are left-handed: a short-axis picture (right, down) is looked at from the apex, so its normal
    points to -z.
    """

    origin_mm: FloatArray
    axes: FloatArray


@dataclass(frozen=True)
class Cylinder:
    """Points in heart coordinates relative to the curved long axis."""

    height_mm: Array
    phi_rad: Array
    radius_mm: Array


@dataclass(frozen=True)
class Heart:
    """One beating heart; immutable, all of its randomness was spent when it was drawn.

    ``kind`` is None for a heart whose traits were drawn one by one.
    """

    kind: HeartKind | None
    person: Person
    shape: HeartShape
    placement: Placement
    heart_rate_bpm: float
    es_phase_fraction: float

    @property
    def rr_interval_ms(self) -> float:
        """Time from R wave to R wave."""
        return 60000.0 / self.heart_rate_bpm

    def contraction(self, phase_fraction: float) -> float:
        """State of contraction, 0 at end-diastole (R wave) and 1 at end-systole."""
        return contraction_at(phase_fraction, self.es_phase_fraction)

    def to_heart(self, points_mm: Array) -> Array:
        """Patient coordinates (LPS, mm; last axis 3) to heart coordinates."""
        xp = array_namespace(points_mm)
        axes = xp.asarray(self.placement.axes, dtype=points_mm.dtype)
        origin = xp.asarray(self.placement.origin_mm, dtype=points_mm.dtype)
        return xp.matmul(points_mm - origin, xp.permute_dims(axes, (1, 0)))

    def to_patient(self, points_mm: Array) -> Array:
        """Heart coordinates (mm; last axis 3) to patient coordinates (LPS, mm)."""
        xp = array_namespace(points_mm)
        axes = xp.asarray(self.placement.axes, dtype=points_mm.dtype)
        return xp.matmul(points_mm, axes) + xp.asarray(
            self.placement.origin_mm, dtype=points_mm.dtype
        )

    def cylinder(self, heart_points_mm: Array) -> Cylinder:
        """Height, angle and distance from the curved long axis of points in heart coordinates."""
        xp = array_namespace(heart_points_mm)
        height = heart_points_mm[..., 2]
        along = xp.clip(height / self.shape.length_mm, -0.3, 1.2) ** 2
        x = heart_points_mm[..., 0] - self.shape.curve_x_mm * along
        y = heart_points_mm[..., 1] - self.shape.curve_y_mm * along
        return Cylinder(height, xp.atan2(-y, x), xp.hypot(x, y))

    def labels(self, points_mm: Array, phase_fraction: float) -> Array:
        """Label of points at one time of the cycle.

        Parameters
        ----------
        points_mm
            Patient coordinates (LPS, mm), any shape with a last axis of 3.
        phase_fraction
            Time after the R wave as a fraction of the RR interval.

        Returns
        -------
        Array
            uint8, the shape of ``points_mm`` without its last axis.
        """
        at = self.cylinder(self.to_heart(points_mm))
        return self.label_cylinder(at, self.contraction(phase_fraction))

    def label_cylinder(self, at: Cylinder, contraction: float) -> Array:
        """Label of points in cylinder coordinates at one state of contraction."""
        xp = array_namespace(at.radius_mm)
        base = base_mm(self.shape, contraction)
        zeta = (at.height_mm - base) / (self.shape.length_mm - base)
        radii = ventricle(self.shape, zeta, at.phi_rad, contraction)
        inside = (zeta >= 0.0) & (zeta <= 1.0)
        cavity = inside & (at.radius_mm < radii.endo_mm)
        wall = inside & ~cavity & (at.radius_mm < radii.epi_mm)
        wall = wall & (zeta >= wall_start_zeta(self.shape, at.phi_rad))
        depth = rv_depth_mm(self.shape, at.height_mm, at.phi_rad, contraction)
        beyond = at.radius_mm - radii.epi_mm
        right = (beyond >= 0.0) & (beyond < depth)
        number = (
            xp.astype(right, xp.uint8) * int(Label.RV_CAVITY)
            + xp.astype(wall, xp.uint8) * int(Label.LV_MYOCARDIUM)
            + xp.astype(cavity, xp.uint8) * int(Label.LV_CAVITY)
        )
        return xp.astype(number, xp.uint8)

    def volumes(self, phase_fraction: float) -> measured.Volumes:
        """Cavity and wall volumes at one time of the cycle, by integration."""
        return measured.volumes(self.shape, self.contraction(phase_fraction))

    def truth(self) -> measured.HeartTruth:
        """Every number that is true of this heart."""
        rest, end = measured.volumes(self.shape, 0.0), measured.volumes(self.shape, 1.0)
        return measured.HeartTruth(
            lv_edv_ml=rest.lv_cavity_ml,
            lv_esv_ml=end.lv_cavity_ml,
            lv_mass_g=rest.lv_myocardium_ml * measured.MYOCARDIAL_DENSITY_G_PER_ML,
            rv_edv_ml=rest.rv_cavity_ml,
            rv_esv_ml=end.rv_cavity_ml,
            heart_rate_bpm=self.heart_rate_bpm,
            es_phase_fraction=self.es_phase_fraction,
            bsa_m2=self.person.bsa_m2,
            max_wall_thickness_ed_mm=measured.max_wall_thickness_mm(self.shape),
            segments=measured.segment_truths(self.shape),
        )
