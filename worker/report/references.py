"""References from one object to others: by series, by image, by frame.

References
----------
DICOM PS3.3 C.17.2.1 (Hierarchical SOP Instance Reference), C.12.4 (Common Instance Reference),
C.7.6.16.2.6 (Derivation Image).
"""

from collections.abc import Iterable, Mapping, Sequence

from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from worker.report.codes import concept
from worker.volume.types import FrameReference

_SEGMENTATION = Code("113076", "DCM", "Segmentation")  # CID 7203
_SOURCE = Code("121322", "DCM", "Source image for image processing operation")  # CID 7202

_IMAGES = "ReferencedImageSequence"


def instance_item(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """Return a SOP Instance Reference."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def frame_item(frame: FrameReference) -> Dataset:
    """Return an Image SOP Instance Reference, with the frame of a multi-frame image."""
    return frames_item([frame])


def frames_item(frames: Sequence[FrameReference]) -> Dataset:
    """Return a reference to one image with those of its frames that are named."""
    item = instance_item(frames[0].sop_class_uid, frames[0].sop_instance_uid)
    numbers = sorted({f.frame_number for f in frames if f.frame_number is not None})
    if numbers:
        item.ReferencedFrameNumber = numbers
    return item


def derived_from(source: FrameReference) -> Dataset:
    """Return the item of Derivation Image Sequence of a segmentation frame."""
    image = frame_item(source)
    image.PurposeOfReferenceCodeSequence = [concept(_SOURCE)]
    image.SpatialLocationsPreserved = "YES"  # pixel for pixel; highdicom looks up frames only then
    item = Dataset()
    item.SourceImageSequence = [image]
    item.DerivationCodeSequence = [concept(_SEGMENTATION)]
    return item


def referenced_series(frames: Iterable[FrameReference]) -> list[Dataset]:
    """Return Referenced Series Sequence (C.12.4): the instances of ``frames``, by series."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for frame in frames:
        items = by_series.setdefault(frame.series_instance_uid, {})
        items.setdefault(
            frame.sop_instance_uid, instance_item(frame.sop_class_uid, frame.sop_instance_uid)
        )
    return [
        _series(uid, items.values(), "ReferencedInstanceSequence")
        for uid, items in by_series.items()
    ]


def presented_series(frames: Iterable[FrameReference]) -> list[Dataset]:
    """Return Referenced Series Sequence of a presentation state (C.11.11): images, with frames."""
    by_series: dict[str, dict[str, list[FrameReference]]] = {}
    for frame in frames:
        images = by_series.setdefault(frame.series_instance_uid, {})
        images.setdefault(frame.sop_instance_uid, []).append(frame)
    return [
        _series(uid, [frames_item(members) for members in images.values()], _IMAGES)
        for uid, images in by_series.items()
    ]


def hierarchical(study_instance_uid: str, by_series: Mapping[str, Iterable[Dataset]]) -> Dataset:
    """Return a Hierarchical SOP Instance Reference (C.17.2.1) of instance items by series."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = [
        _series(uid, items, "ReferencedSOPSequence") for uid, items in by_series.items()
    ]
    return study


def _series(series_instance_uid: str, items: Iterable[Dataset], keyword: str) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    setattr(series, keyword, list(items))
    return series
