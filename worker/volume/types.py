"""The stack that every later step works on, and what is known about the patient.

Axes are always ``[phase, slice, row, column]``; slice 0 is the base. Millimetres are patient
coordinates, LPS (DICOM PS3.3 C.7.6.2.1.1).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrameReference:
    """Where one image of the stack came from.

    Attributes
    ----------
    frame_number
        From 1; only for multi-frame.
    slope, intercept
        The stack's pixels are ``slope`` times the stored ones plus ``intercept``.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    frame_number: int | None = None
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True, slots=True)
class StackNote:
    """Something that was repaired or is unusual (key, sentence); becomes a ``QualityNote``."""

    key: str
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class CineStack:
    """A short-axis cine.

    Attributes
    ----------
    pixels
        float32 ``[phase, slice, row, column]``, modality values (after rescale).
    affine
        ``[4, 4]``; ``affine @ (column, row, slice, 1)`` is the voxel centre, LPS in mm. For stacks
        whose slices are not evenly spaced the third column is the median step; exact positions
        are in ``slice_origins_mm``.
    slice_origins_mm
        ``[slice, 3]``: Image Position (Patient) of each slice.
    trigger_times_ms
        ``[phase]`` time after the R wave.
    frames
        ``[phase][slice]`` sources.
    rr_interval_ms
        RR interval, or None when the headers do not tell.
    apex_direction_certain
        Whether patient coordinates tell base from apex beyond doubt.
    """

    pixels: Float32Array
    affine: Float64Array
    slice_origins_mm: Float64Array
    trigger_times_ms: Float64Array
    frames: tuple[tuple[FrameReference, ...], ...]
    frame_of_reference_uid: str
    rr_interval_ms: float | None = None
    apex_direction_certain: bool = True
    notes: tuple[StackNote, ...] = ()

    @property
    def n_phases(self) -> int:
        """Number of cardiac phases."""
        return int(self.pixels.shape[0])

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return int(self.pixels.shape[1])

    @property
    def column_spacing_mm(self) -> float:
        """Distance between the centres of neighbouring columns (second value of Pixel Spacing)."""
        return float(np.linalg.norm(self.affine[:3, 0]))

    @property
    def row_spacing_mm(self) -> float:
        """Distance between the centres of neighbouring rows (first value of Pixel Spacing)."""
        return float(np.linalg.norm(self.affine[:3, 1]))

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one pixel."""
        return self.row_spacing_mm * self.column_spacing_mm

    @property
    def normal(self) -> Float64Array:
        """Unit vector from base to apex, perpendicular to the slices, LPS."""
        normal = np.cross(self.affine[:3, 0], self.affine[:3, 1])
        normal /= np.linalg.norm(normal)
        return np.asarray(normal if normal @ self.affine[:3, 2] >= 0 else -normal, dtype=np.float64)

    @property
    def slice_positions_mm(self) -> Float64Array:
        """``[slice]`` position along the normal, slice 0 at 0, rising towards the apex."""
        return np.asarray((self.slice_origins_mm - self.slice_origins_mm[0]) @ self.normal)

    @property
    def slice_spacing_mm(self) -> float:
        """Median distance between slice centres (never Slice Thickness)."""
        return float(np.median(np.diff(self.slice_positions_mm)))


@dataclass(frozen=True, slots=True)
class PatientContext:
    """What measurements need to know about the patient; None where the headers do not tell.

    ``sex`` is ``"M"``, ``"F"`` or None (``O`` and empty are None).
    """

    sex: str | None = None
    age_years: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    field_strength_t: float | None = None
