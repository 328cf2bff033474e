"""Frames: one two-dimensional image each, alike for classic and Enhanced MR.

Knows where position, timing, rescale and sequence attributes of one image are found in a classic
instance (PS3.3 C.7.6.2, C.8.3.1); ``enhanced`` knows the functional groups. Does not know series
or roles.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import (
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from worker.series import attributes as read

MR_IMAGE_CLASSES = frozenset(
    {MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage}
)
ENHANCED_CLASSES = frozenset(
    {
        EnhancedMRImageStorage,
        EnhancedMRColorImageStorage,
        LegacyConvertedEnhancedMRImageStorage,
    }
)
_PHASE_COMPONENTS = frozenset(
    {"P", "PHASE", "PHASE MAP", "VELOCITY", "VELOCITY MAP", "R", "REAL", "I", "IMAGINARY"}
)
_SPACING_RANGE_MM = (0.1, 20.0)
_MINIMUM_AXIS = 0.9
_MATRIX_RANGE = (8, 4096)
_MAXIMUM_FRAMES = 20000


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One SOP Instance: its identity, its header without pixels, and where the file is."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int
    frame_of_reference_uid: str
    header: Dataset
    path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image with all that is needed to place it in space and in the beat.

    Attributes
    ----------
    index
        Index (from 0) of the frame in its instance.
    position_mm, orientation
        Image Position and Image Orientation (Patient), LPS; None when missing or impossible.
    spacing_mm
        Between rows, between columns (the order of Pixel Spacing); None when missing or not
        positive.
    trigger_time_ms
        Time after the R wave.
    temporal_index
        Number of the phase where the header counts phases.
    acquired_s
        Acquisition time (else content or series time) in seconds; only order and differences
        mean anything.
    image_type
        Image Type or Frame Type, upper case.
    """

    instance: Instance
    index: int
    is_multi_frame: bool
    rows: int
    columns: int
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, float] | None
    trigger_time_ms: float | None
    temporal_index: int | None
    acquired_s: float | None
    rr_interval_ms: float | None
    inversion_time_ms: float | None
    image_type: tuple[str, ...]
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def has_geometry(self) -> bool:
        """Whether position and orientation are both known."""
        return self.position_mm is not None and self.orientation is not None

    @property
    def has_matrix(self) -> bool:
        """Whether rows and columns are counts that an MR image has."""
        return all(_MATRIX_RANGE[0] <= n <= _MATRIX_RANGE[1] for n in (self.rows, self.columns))

    @property
    def is_magnitude(self) -> bool:
        """Whether this is a magnitude image (no phase, velocity, real or imaginary part)."""
        return not _PHASE_COMPONENTS & set(self.image_type[2:])


def is_enhanced(dataset: Dataset) -> bool:
    """Tell whether the frames of this dataset are described by functional groups."""
    return read.text(dataset, "SOPClassUID") in ENHANCED_CLASSES


def make_instance(dataset: Dataset, path: Path | None = None) -> Instance:
    """Name the instance of a header."""
    return Instance(
        sop_class_uid=read.text(dataset, "SOPClassUID"),
        sop_instance_uid=read.text(dataset, "SOPInstanceUID"),
        series_instance_uid=read.text(dataset, "SeriesInstanceUID"),
        series_number=read.integer(dataset, "SeriesNumber") or 0,
        instance_number=read.integer(dataset, "InstanceNumber") or 0,
        frame_of_reference_uid=read.text(dataset, "FrameOfReferenceUID"),
        header=dataset,
        path=path,
    )


def n_frames_of(header: Dataset) -> int:
    """Return Number of Frames within what an MR object can hold, 1 when it is missing."""
    return min(max(read.integer(header, "NumberOfFrames") or 1, 1), _MAXIMUM_FRAMES)


def classic_frames(instance: Instance) -> tuple[Frame, ...]:
    """Describe the frames of a classic MR instance.

    A classic instance holds one frame; old ones hold a cine whose frames differ by Frame Time
    only (PS3.3 C.7.6.5), which is taken as the time after the R wave.
    """
    header = instance.header
    n_frames = n_frames_of(header)
    frame_time_ms = read.number(header, "FrameTime")
    trigger_time_ms = read.number(header, "TriggerTime")
    frame = Frame(
        instance=instance,
        index=0,
        is_multi_frame=n_frames > 1,
        rows=read.integer(header, "Rows") or 0,
        columns=read.integer(header, "Columns") or 0,
        position_mm=read.numbers(header, "ImagePositionPatient", 3),
        orientation=checked_orientation(read.numbers(header, "ImageOrientationPatient", 6)),
        spacing_mm=checked_spacing(read.numbers(header, "PixelSpacing", 2)),
        trigger_time_ms=trigger_time_ms,
        temporal_index=read.integer(header, "TemporalPositionIdentifier"),
        acquired_s=acquisition_seconds(header),
        rr_interval_ms=_rr_interval_ms(header),
        inversion_time_ms=read.number(header, "InversionTime"),
        image_type=read.tokens(header, "ImageType"),
        slope=read.number(header, "RescaleSlope") or 1.0,
        intercept=read.number(header, "RescaleIntercept") or 0.0,
    )
    if n_frames == 1:
        return (frame,)
    return tuple(_moving_frame(frame, index, frame_time_ms) for index in range(n_frames))


def _moving_frame(first: Frame, index: int, frame_time_ms: float | None) -> Frame:
    time_ms = None if frame_time_ms is None else index * frame_time_ms
    return Frame(
        instance=first.instance,
        index=index,
        is_multi_frame=True,
        rows=first.rows,
        columns=first.columns,
        position_mm=first.position_mm,
        orientation=first.orientation,
        spacing_mm=first.spacing_mm,
        trigger_time_ms=time_ms,
        temporal_index=index + 1,
        acquired_s=first.acquired_s,
        rr_interval_ms=first.rr_interval_ms,
        inversion_time_ms=first.inversion_time_ms,
        image_type=first.image_type,
        slope=first.slope,
        intercept=first.intercept,
    )


def acquisition_seconds(header: Dataset) -> float | None:
    """Return when the image was acquired, else when its content or series was made."""
    return read.seconds(
        header,
        ("AcquisitionDate", "AcquisitionTime"),
        "AcquisitionDateTime",
        ("ContentDate", "ContentTime"),
        ("SeriesDate", "SeriesTime"),
    )


def _rr_interval_ms(header: Dataset) -> float | None:
    nominal = read.number(header, "NominalInterval")
    if nominal is not None and nominal > 0:
        return nominal
    low, high = read.number(header, "LowRRValue"), read.number(header, "HighRRValue")
    rate = read.number(header, "HeartRate")
    if rate is not None and rate > 0:
        return 60000.0 / rate
    if low and high and 0 < low <= high:
        return (low + high) / 2.0
    return None


def checked_orientation(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Return direction cosines made unit length, or None unless two axes are perpendicular."""
    if values is None:
        return None
    row, column = values[:3], values[3:]
    row_length, column_length = math.hypot(*row), math.hypot(*column)
    if min(row_length, column_length) < _MINIMUM_AXIS:
        return None
    cosine = sum(a * b for a, b in zip(row, column, strict=True)) / (row_length * column_length)
    if abs(cosine) > 1.0 - _MINIMUM_AXIS:
        return None
    return (*(v / row_length for v in row), *(v / column_length for v in column))


def checked_spacing(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    """Return a spacing that an image of a heart can have, or None."""
    if values is None or not all(_SPACING_RANGE_MM[0] <= v <= _SPACING_RANGE_MM[1] for v in values):
        return None
    return values[0], values[1]
