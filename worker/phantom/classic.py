"""Write a series as classic MR images, one instance per slice and phase.

References
----------
DICOM PS3.3 A.4 (MR Image IOD), C.8.3.1 (MR Image module), C.7.6.2 (Image Plane).
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from worker.phantom.header import StudyIdentity, clock, common_header, file_meta
from worker.phantom.pictures import Picture, SeriesKind, SlicePose
from worker.phantom.vendors import MAKERS, Sequence, Vendor, sequence_of


def _decimal(value: float) -> str:
    """Format a Decimal String of at most 16 characters."""
    return f"{value:.8g}"


def _sequence_attributes(header: Dataset, sequence: Sequence) -> None:
    """Acquisition attributes of the MR Image module."""
    header.SeriesDescription = header.ProtocolName = sequence.description
    header.ImageType = list(sequence.image_type)
    header.ScanningSequence = list(sequence.scanning_sequence)
    header.SequenceVariant = list(sequence.sequence_variant)
    header.ScanOptions = list(sequence.scan_options)
    header.MRAcquisitionType = "2D"
    if sequence.sequence_name:
        header.SequenceName = sequence.sequence_name
    header.RepetitionTime = _decimal(sequence.repetition_time_ms)
    header.EchoTime = _decimal(sequence.echo_time_ms)
    header.FlipAngle = _decimal(sequence.flip_angle_deg)
    header.EchoTrainLength = 1
    if sequence.inversion_time_ms is not None:
        header.InversionTime = _decimal(sequence.inversion_time_ms)


def _timing(header: Dataset, picture: Picture, phase: int, vendor: Vendor) -> None:
    """Cardiac timing attributes, those that the vendor writes."""
    if picture.trigger_times_ms is None:
        return
    header.TriggerTime = _decimal(round(float(picture.trigger_times_ms[phase]), 2))
    values: dict[str, int] = {
        "NominalInterval": round(picture.rr_interval_ms),
        "HeartRate": round(60000.0 / picture.rr_interval_ms),
        "CardiacNumberOfImages": picture.n_phases,
        "TemporalPositionIdentifier": phase + 1,
    }
    for keyword in MAKERS[vendor].timing:
        setattr(header, keyword, values[keyword])
    if "TemporalPositionIdentifier" in MAKERS[vendor].timing:
        header.NumberOfTemporalPositions = picture.n_phases


def _plane(header: Dataset, picture: Picture, pose: SlicePose) -> None:
    """Image Plane module."""
    header.SliceThickness = _decimal(picture.slice_thickness_mm)
    if picture.n_slices > 1:
        header.SpacingBetweenSlices = _decimal(picture.slice_distance_mm)
    header.PixelSpacing = [_decimal(value) for value in picture.pixel_spacing_mm]
    header.ImagePositionPatient = [_decimal(value) for value in pose.position_mm]
    cosines = np.concatenate([pose.row_cosines, pose.column_cosines])
    header.ImageOrientationPatient = [f"{value:.9f}" for value in cosines]
    normal = np.cross(pose.row_cosines, pose.column_cosines)
    header.SliceLocation = _decimal(round(float(normal @ pose.position_mm), 4))


def _pixels(instance: Dataset, picture: Picture, phase: int, slice_index: int) -> None:
    """Image Pixel module; a rescaling vendor stores its own units."""
    image = picture.pixels[phase, slice_index]
    instance.Rows, instance.Columns = image.shape
    instance.WindowCenter, instance.WindowWidth = "500", "1000"
    if picture.kind is SeriesKind.FLOW:
        instance.WindowCenter, instance.WindowWidth = "2048", "4096"
    instance.PixelData = image.astype("<u2").tobytes()


def _rescale(header: Dataset, picture: Picture, vendor: Vendor) -> None:
    """Rescale attributes of the vendors that write them."""
    slope = MAKERS[vendor].rescale_slope
    if slope is not None and picture.kind is not SeriesKind.T1_MAP:
        header.RescaleIntercept, header.RescaleSlope = "0", _decimal(slope)
        header.RescaleType = "normalized"


def classic_series(
    picture: Picture, study: StudyIdentity, series_number: int, *, one_series_per_slice: bool
) -> list[Dataset]:
    """Write one picture as classic MR instances.

    Returns
    -------
    list of Dataset
        Slice by slice, phase by phase; complete with file meta information.
    """
    sequence = sequence_of(study.vendor, picture.kind)
    instances: list[Dataset] = []
    for s, pose in enumerate(picture.poses):
        key = f"{picture.kind}|{s}" if one_series_per_slice else str(picture.kind)
        number = series_number + (s if one_series_per_slice else 0)
        header = common_header(study, number, key)
        _sequence_attributes(header, sequence)
        _plane(header, picture, pose)
        _rescale(header, picture, study.vendor)
        header.SeriesTime = clock(study, 60.0 * series_number)
        header.AcquisitionTime = clock(study, 60.0 * series_number + 15.0 * s)
        header.AcquisitionNumber = s + 1 if one_series_per_slice else 1
        for p in range(picture.n_phases):
            instance = Dataset()
            instance.update(header)
            in_series = p if one_series_per_slice else s * picture.n_phases + p
            instance.InstanceNumber = in_series + 1
            instance.ContentTime = clock(study, 60.0 * series_number + 15.0 * s + 0.01 * p)
            instance.SOPClassUID = MRImageStorage
            instance.SOPInstanceUID = study.uid("instance", picture.kind, s, p)
            _timing(instance, picture, p, study.vendor)
            _pixels(instance, picture, p, s)
            instance.file_meta = file_meta(MRImageStorage, instance.SOPInstanceUID)
            instances.append(instance)
    return instances
