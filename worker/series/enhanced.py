"""Frames of Enhanced MR: the shared and per-frame functional groups.

References
----------
DICOM PS3.3 A.36 (Enhanced MR), C.7.6.16 (functional groups), C.7.6.16.2.7 (Cardiac
Synchronization), C.8.13 (MR functional groups), A.70 (Legacy Converted).
"""

from pydicom.dataset import Dataset

from worker.series import attributes as read
from worker.series.frames import (
    Frame,
    Instance,
    acquisition_seconds,
    checked_orientation,
    checked_spacing,
    n_frames_of,
)

_CONVERTED = (
    "UnassignedPerFrameConvertedAttributesSequence",
    "UnassignedSharedConvertedAttributesSequence",
)


class _Groups:
    """The functional groups of one frame: its own before the shared ones."""

    def __init__(self, own: Dataset, shared: Dataset) -> None:
        self._sources = (own, shared)

    def group(self, keyword: str) -> Dataset:
        """Return the first item of a functional group; an empty dataset when it is missing."""
        for source in self._sources:
            found = read.items(source, keyword)
            if found:
                return found[0]
        return Dataset()

    def converted(self) -> Dataset:
        """Return what a legacy conversion kept of the classic header."""
        for keyword in _CONVERTED:
            found = self.group(keyword)
            if len(found):
                return found
        return Dataset()


def enhanced_frames(instance: Instance) -> tuple[Frame, ...]:
    """Describe the frames of an Enhanced or Legacy Converted MR instance."""
    header = instance.header
    shared = (read.items(header, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    own = read.items(header, "PerFrameFunctionalGroupsSequence")
    own += [Dataset()] * (n_frames_of(header) - len(own))
    acquired_s = acquisition_seconds(header)
    return tuple(
        _frame(instance, index, _Groups(groups, shared), acquired_s)
        for index, groups in enumerate(own[: n_frames_of(header)])
    )


def _frame(instance: Instance, index: int, groups: _Groups, acquired_s: float | None) -> Frame:
    header = instance.header
    content = groups.group("FrameContentSequence")
    modifier = groups.group("MRModifierSequence")
    rescale = groups.group("PixelValueTransformationSequence")
    inversion_times = read.tokens(modifier, "InversionTimes")
    frame_acquired_s = read.seconds(content, "FrameAcquisitionDateTime", "FrameReferenceDateTime")
    return Frame(
        instance=instance,
        index=index,
        is_multi_frame=True,
        rows=read.integer(header, "Rows") or 0,
        columns=read.integer(header, "Columns") or 0,
        position_mm=read.numbers(groups.group("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=checked_orientation(
            read.numbers(groups.group("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
        ),
        spacing_mm=checked_spacing(
            read.numbers(groups.group("PixelMeasuresSequence"), "PixelSpacing", 2)
        ),
        trigger_time_ms=_trigger_time_ms(groups),
        temporal_index=read.integer(content, "TemporalPositionIndex"),
        acquired_s=acquired_s if frame_acquired_s is None else frame_acquired_s,
        rr_interval_ms=_rr_interval_ms(groups, header),
        inversion_time_ms=float(inversion_times[0]) if inversion_times else None,
        image_type=_frame_type(groups, header),
        slope=read.number(rescale, "RescaleSlope") or 1.0,
        intercept=read.number(rescale, "RescaleIntercept") or 0.0,
    )


def _trigger_time_ms(groups: _Groups) -> float | None:
    synchronization = groups.group("CardiacSynchronizationSequence")
    for keyword in ("NominalCardiacTriggerDelayTime", "ActualCardiacTriggerDelayTime"):
        time_ms = read.number(synchronization, keyword)
        if time_ms is not None:
            return time_ms
    return read.number(groups.converted(), "TriggerTime")


def _rr_interval_ms(groups: _Groups, header: Dataset) -> float | None:
    synchronization = groups.group("CardiacSynchronizationSequence")
    for source, keyword in (
        (synchronization, "RRIntervalTimeNominal"),
        (groups.converted(), "NominalInterval"),
        (header, "NominalInterval"),
    ):
        interval_ms = read.number(source, keyword)
        if interval_ms is not None and interval_ms > 0:
            return interval_ms
    return None


def _frame_type(groups: _Groups, header: Dataset) -> tuple[str, ...]:
    frame_type = groups.group("MRImageFrameTypeSequence")
    found = read.tokens(frame_type, "FrameType") or read.tokens(header, "ImageType")
    component = read.tokens(frame_type, "ComplexImageComponent") or read.tokens(
        header, "ComplexImageComponent"
    )
    return found + tuple(c for c in component if c in {"PHASE", "REAL", "IMAGINARY"})
