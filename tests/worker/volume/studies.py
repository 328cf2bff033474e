"""Tiny DICOM studies of a world whose value at any patient coordinate is known.

A test double: every image samples ``world_value`` at the patient coordinates of its pixels, so
that any orientation, slice order or layout of the same place must load to the same physics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

from plugin.domain.identifiers import derive_uid

APEX = np.array([0.62, -0.55, -0.55]) / np.linalg.norm([0.62, -0.55, -0.55])
LATERAL = np.cross([0.0, 0.0, 1.0], APEX) * -1.0
LATERAL = LATERAL / np.linalg.norm(LATERAL)
CENTRE_MM = np.array([20.0, -30.0, 40.0])


def world_value(points_mm: np.ndarray, fraction: float) -> np.ndarray:
    """Return the stored value at patient coordinates ``[..., 3]`` at a fraction of the cycle."""
    linear = 1500.0 + points_mm @ np.array([3.0, -2.0, 4.0])
    return np.round(linear + 200.0 * np.cos(2.0 * np.pi * fraction))


@dataclass(frozen=True)
class CineSpec:
    """One short-axis cine; defaults are a Siemens stack in one series."""

    n_slices: int = 7
    n_phases: int = 8
    rows: int = 14
    columns: int = 10
    row_spacing_mm: float = 2.0
    column_spacing_mm: float = 1.5
    step_mm: float = 9.0
    rr_ms: float = 900.0
    apex: tuple[float, ...] = tuple(APEX)
    quarter_turns: int = 0
    mirrored: bool = False
    from_apex: bool = False
    series_per_slice: bool = False
    series: str = "cine"
    series_number: int = 7
    description: str = "cine"
    vendor: str = "SIEMENS"
    patient_id: str = "P1"
    acquired: str = "101500"
    patient_name: str = "Test^One"


@dataclass(frozen=True)
class Plane:
    """Sampling grid of one image in patient coordinates."""

    origin_mm: np.ndarray
    row_direction: np.ndarray
    column_direction: np.ndarray
    rows: int
    columns: int
    row_spacing_mm: float
    column_spacing_mm: float

    def points_mm(self) -> np.ndarray:
        """``[row, column, 3]``."""
        i, j = np.mgrid[: self.rows, : self.columns]
        return (
            self.origin_mm
            + i[..., None] * self.row_spacing_mm * self.column_direction
            + j[..., None] * self.column_spacing_mm * self.row_direction
        )

    def turned(self) -> "Plane":
        """Return the same pixels after a quarter turn of the image."""
        last = self.origin_mm + self.row_direction * self.column_spacing_mm * (self.columns - 1)
        return Plane(
            last,
            self.column_direction,
            -self.row_direction,
            self.columns,
            self.rows,
            self.column_spacing_mm,
            self.row_spacing_mm,
        )

    def mirrored(self) -> "Plane":
        """Return the same pixels with the columns in reverse."""
        last = self.origin_mm + self.row_direction * self.column_spacing_mm * (self.columns - 1)
        return replace(self, origin_mm=last, row_direction=-self.row_direction)


def plane(spec: CineSpec, slice_index: int) -> Plane:
    """Plane of slice ``slice_index`` counted from the base."""
    apex = np.asarray(spec.apex) / np.linalg.norm(spec.apex)
    across = LATERAL - (LATERAL @ apex) * apex
    across /= np.linalg.norm(across)
    down = np.cross(apex, across) * -1.0
    centre = CENTRE_MM + apex * spec.step_mm * slice_index
    origin = (
        centre
        - across * spec.column_spacing_mm * (spec.columns - 1) / 2
        - down * spec.row_spacing_mm * (spec.rows - 1) / 2
    )
    made = Plane(
        origin,
        across,
        down,
        spec.rows,
        spec.columns,
        spec.row_spacing_mm,
        spec.column_spacing_mm,
    )
    for _ in range(spec.quarter_turns):
        made = made.turned()
    return made.mirrored() if spec.mirrored else made


def cine(spec: CineSpec | None = None, **changes: object) -> list[FileDataset]:
    """Classic MR instances, slice by slice in acquisition order."""
    spec = replace(spec or CineSpec(), **changes)  # type: ignore[arg-type]
    order = range(spec.n_slices)
    made, number = [], 0
    for slice_index in reversed(order) if spec.from_apex else order:
        for phase in range(spec.n_phases):
            number += 1
            made.append(_classic(spec, slice_index, phase, number))
    return made


def header(spec: CineSpec, sop_class_uid: str, *identity: object) -> FileDataset:
    """Patient, study, series and equipment attributes of one instance."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = derive_uid("instance", spec.series, *map(str, identity))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class_uid, meta.MediaStorageSOPInstanceUID
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260105"
    ds.StudyTime = ds.SeriesTime = "100000"
    ds.AcquisitionTime = ds.ContentTime = spec.acquired
    ds.Modality, ds.Manufacturer = "MR", spec.vendor
    ds.SeriesDescription = ds.ProtocolName = spec.description
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = spec.patient_name, spec.patient_id, ""
    ds.PatientSex = "F"
    ds.BodyPartExamined, ds.MagneticFieldStrength = "HEART", 1.5
    ds.StudyInstanceUID = derive_uid("study")
    ds.SeriesInstanceUID = derive_uid("series", spec.series)
    ds.SeriesNumber = spec.series_number
    ds.FrameOfReferenceUID = derive_uid("frame of reference")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    return ds


def place(ds: Dataset, where: Plane) -> None:
    """Write the geometry of an image."""
    ds.ImagePositionPatient = [f"{v:.6f}" for v in where.origin_mm]
    ds.ImageOrientationPatient = [
        f"{v:.8f}" for v in (*where.row_direction, *where.column_direction)
    ]


def fill(ds: Dataset, where: Plane, fractions: Sequence[float]) -> None:
    """Write matrix and pixels; one frame per fraction of the cycle."""
    points = where.points_mm()
    ds.Rows, ds.Columns = where.rows, where.columns
    stored = np.stack([world_value(points, f) for f in fractions]).astype(np.uint16)
    ds.PixelData = stored.tobytes()


def _classic(spec: CineSpec, slice_index: int, phase: int, number: int) -> FileDataset:
    ds = header(spec, MRImageStorage, slice_index, phase)
    where = plane(spec, slice_index)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "GR", "SS", "CG"
    ds.SequenceName = "*tfi2d1_15" if spec.vendor == "SIEMENS" else ""
    ds.TriggerTime = f"{phase * spec.rr_ms / spec.n_phases:.2f}"
    ds.NominalInterval, ds.CardiacNumberOfImages = int(spec.rr_ms), spec.n_phases
    ds.InstanceNumber = number
    if spec.series_per_slice:
        ds.SeriesInstanceUID = derive_uid("series", spec.series, str(slice_index))
        ds.SeriesNumber = spec.series_number + slice_index
    place(ds, where)
    ds.PixelSpacing = [where.row_spacing_mm, where.column_spacing_mm]
    fill(ds, where, [phase / spec.n_phases])
    return ds


def enhanced_cine(spec: CineSpec | None = None, **changes: object) -> list[FileDataset]:
    """Enhanced MR instances: all slices in one, or one per slice (``series_per_slice``)."""
    spec = replace(spec or CineSpec(), **changes)  # type: ignore[arg-type]
    slices = range(spec.n_slices)
    groups = [[s] for s in slices] if spec.series_per_slice else [list(slices)]
    return [_enhanced(spec, group, n + 1) for n, group in enumerate(groups)]


def _enhanced(spec: CineSpec, slices: Sequence[int], number: int) -> FileDataset:
    ds = header(spec, EnhancedMRImageStorage, "enhanced", number)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    ds.InstanceNumber = number
    ds.SteadyStatePulseSequence, ds.CardiacSynchronizationTechnique = (
        "FREE_PRECESSION",
        "RETROSPECTIVE",
    )
    shared, own, pixels = Dataset(), [], []
    measures = Dataset()
    first = plane(spec, slices[0])
    measures.PixelSpacing = [first.row_spacing_mm, first.column_spacing_mm]
    shared.PixelMeasuresSequence = Items([measures])
    for slice_index in slices:
        where = plane(spec, slice_index)
        for phase in range(spec.n_phases):
            own.append(_frame_groups(spec, where, phase))
            fill(ds, where, [phase / spec.n_phases])
            pixels.append(ds.PixelData)
    ds.NumberOfFrames = len(own)
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.PerFrameFunctionalGroupsSequence = Items(own)
    ds.PixelData = b"".join(pixels)
    return ds


def _frame_groups(spec: CineSpec, where: Plane, phase: int) -> Dataset:
    groups, position, orientation, beat = Dataset(), Dataset(), Dataset(), Dataset()
    placed = Dataset()
    place(placed, where)
    position.ImagePositionPatient = placed.ImagePositionPatient
    orientation.ImageOrientationPatient = placed.ImageOrientationPatient
    beat.NominalCardiacTriggerDelayTime = phase * spec.rr_ms / spec.n_phases
    beat.RRIntervalTimeNominal = spec.rr_ms
    groups.PlanePositionSequence = Items([position])
    groups.PlaneOrientationSequence = Items([orientation])
    groups.CardiacSynchronizationSequence = Items([beat])
    return groups


def write(datasets: Iterable[Dataset], folder: Path, first_number: int = 0) -> list[Path]:
    """Write each dataset to its own file and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, ds in enumerate(datasets):
        path = folder / f"{first_number + number:05d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
