"""Write a cine as Enhanced MR: one multi-frame instance for the stack, or one for each slice.

References
----------
DICOM PS3.3 A.36.2 (Enhanced MR Image IOD), C.7.6.16 (multi-frame functional groups), C.7.6.17
(dimensions), C.7.6.18.1 (cardiac synchronization), C.8.13 (enhanced MR modules).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage

from worker.phantom.header import StudyIdentity, clock, common_header, file_meta
from worker.phantom.pictures import Picture
from worker.phantom.vendors import Sequence, Vendor, sequence_of

FRAME_CONTENT = 0x00209111
CARDIAC_SYNCHRONIZATION = 0x00189118
STACK_ID = 0x00209056
IN_STACK_POSITION = 0x00209057
TRIGGER_DELAY = 0x00209153


@dataclass(frozen=True)
class _FrameIndex:
    """Place of a frame: its slice, its phase and its number within the instance's stack."""

    slice_index: int
    phase: int
    stack_position: int


def _item(**attributes: object) -> Dataset:
    """Build a dataset from keywords."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _frame_type(image_type: list[str]) -> dict[str, object]:
    """Attributes that describe an image and each of its frames alike (C.8.13.3.1)."""
    return {
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "NONE",
        "ComplexImageComponent": "MAGNITUDE",
        "AcquisitionContrast": "UNKNOWN",
        "FrameType": image_type,
    }


def _timing_groups(sequence: Sequence) -> dict[str, object]:
    """Shared functional groups of the sequence's timing and echo."""
    timing = _item(
        RepetitionTime=sequence.repetition_time_ms,
        FlipAngle=sequence.flip_angle_deg,
        EchoTrainLength=1,
        RFEchoTrainLength=0,
        GradientEchoTrainLength=1,
        GradientOutputType="DB_DT",
        GradientOutput=20.0,
        SpecificAbsorptionRateSequence=Items([]),
        OperatingModeSequence=Items(
            [
                _item(OperatingModeType="STATIC FIELD", OperatingMode="IEC_NORMAL"),
                _item(OperatingModeType="RF", OperatingMode="IEC_NORMAL"),
                _item(OperatingModeType="GRADIENT", OperatingMode="IEC_NORMAL"),
            ]
        ),
    )
    timing.SpecificAbsorptionRateSequence = Items(
        [_item(SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY", SpecificAbsorptionRateValue=1.2)]
    )
    echo = _item(EffectiveEchoTime=sequence.echo_time_ms)
    return {
        "MRTimingAndRelatedParametersSequence": Items([timing]),
        "MREchoSequence": Items([echo]),
    }


def _hardware_groups(picture: Picture) -> dict[str, object]:
    """Shared functional groups of field of view, modifiers, coils and averages."""
    rows, columns = picture.pixels.shape[2:]
    fov = _item(
        InPlanePhaseEncodingDirection="COLUMN",
        MRAcquisitionFrequencyEncodingSteps=columns,
        MRAcquisitionPhaseEncodingStepsInPlane=rows,
        MRAcquisitionPhaseEncodingStepsOutOfPlane=1,
        PercentSampling=100.0,
        PercentPhaseFieldOfView=100.0,
    )
    modifier = _item(
        InversionRecovery="NO",
        FlowCompensation="NONE",
        Spoiling="NONE",
        T2Preparation="NO",
        SpectrallySelectedExcitation="NONE",
        SpatialPresaturation="NONE",
        PartialFourier="NO",
        ParallelAcquisition="NO",
    )
    imaging = _item(
        MagnetizationTransfer="NONE",
        BloodSignalNulling="NO",
        Tagging="NONE",
        TransmitterFrequency=63.87 if picture.field_strength_t < 2.0 else 127.74,  # noqa: PLR2004
        PixelBandwidth=930.0,
    )
    receive = _item(
        ReceiveCoilName="BODY_18",
        ReceiveCoilManufacturerName="",
        ReceiveCoilType="MULTICOIL",
        QuadratureReceiveCoil="NO",
        MultiCoilDefinitionSequence=Items(
            [_item(MultiCoilElementName="B1", MultiCoilElementUsed="YES")]
        ),
    )
    transmit = _item(
        TransmitCoilName="Body", TransmitCoilManufacturerName="", TransmitCoilType="BODY"
    )
    return {
        "MRFOVGeometrySequence": Items([fov]),
        "MRModifierSequence": Items([modifier]),
        "MRImagingModifierSequence": Items([imaging]),
        "MRReceiveCoilSequence": Items([receive]),
        "MRTransmitCoilSequence": Items([transmit]),
        "MRAveragesSequence": Items([_item(NumberOfAverages=1.0)]),
    }


def _shared_groups(picture: Picture, sequence: Sequence, image_type: list[str]) -> Dataset:
    """Build the functional groups that all frames share."""
    pose = picture.poses[0]
    cosines = [float(v) for v in np.concatenate([pose.row_cosines, pose.column_cosines])]
    anatomy = _item(
        AnatomicRegionSequence=Items([_code("80891009", "SCT", "Heart")]), FrameLaterality="U"
    )
    measures = _item(
        PixelSpacing=[f"{v:.8g}" for v in picture.pixel_spacing_mm],
        SliceThickness=f"{picture.slice_thickness_mm:.8g}",
        SpacingBetweenSlices=f"{picture.slice_distance_mm:.8g}",
    )
    transformation = _item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
    return _item(
        PixelMeasuresSequence=Items([measures]),
        PlaneOrientationSequence=Items(
            [_item(ImageOrientationPatient=[f"{v:.9f}" for v in cosines])]
        ),
        FrameAnatomySequence=Items([anatomy]),
        PixelValueTransformationSequence=Items([transformation]),
        FrameVOILUTSequence=Items([_item(WindowCenter="500", WindowWidth="1000")]),
        MRImageFrameTypeSequence=Items([_item(**_frame_type(image_type))]),
        **_timing_groups(sequence),
        **_hardware_groups(picture),
    )


def _frame_groups(
    picture: Picture, study: StudyIdentity, frame: _FrameIndex, late_s: float
) -> Dataset:
    """Build the functional groups of one frame."""
    if picture.trigger_times_ms is None:
        msg = "an Enhanced MR cine needs trigger times"
        raise ValueError(msg)
    trigger_ms = float(picture.trigger_times_ms[frame.phase])
    moment = f"{study.study_date}{clock(study, late_s)}"
    content = _item(
        FrameAcquisitionNumber=1,
        FrameReferenceDateTime=moment,
        FrameAcquisitionDateTime=moment,
        FrameAcquisitionDuration=float(picture.rr_interval_ms * 10.0),
        CardiacCyclePosition="UNDETERMINED",
        DimensionIndexValues=[1, frame.stack_position, frame.phase + 1],
        StackID="1",
        InStackPositionNumber=frame.stack_position,
        TemporalPositionIndex=frame.phase + 1,
    )
    pose = picture.poses[frame.slice_index]
    position = _item(ImagePositionPatient=[f"{v:.8g}" for v in pose.position_mm])
    synchronization = _item(
        NominalCardiacTriggerDelayTime=trigger_ms,
        ActualCardiacTriggerDelayTime=trigger_ms,
        NominalPercentageOfCardiacPhase=100.0 * trigger_ms / picture.rr_interval_ms,
        IntervalsAcquired=10,
        IntervalsRejected=0,
        HeartRate=round(60000.0 / picture.rr_interval_ms),
        RRIntervalTimeNominal=float(picture.rr_interval_ms),
        LowRRValue=round(picture.rr_interval_ms * 0.9),
        HighRRValue=round(picture.rr_interval_ms * 1.1),
    )
    return _item(
        FrameContentSequence=Items([content]),
        PlanePositionSequence=Items([position]),
        CardiacSynchronizationSequence=Items([synchronization]),
    )


def _pulse_sequence(instance: Dataset, picture: Picture, sequence: Sequence) -> None:
    """MR Pulse Sequence and Cardiac Synchronization modules."""
    instance.PulseSequenceName = sequence.sequence_name or sequence.description
    instance.MRAcquisitionType = "2D"
    instance.EchoPulseSequence = "GRADIENT"
    instance.MultiPlanarExcitation = "NO"
    instance.PhaseContrast = "NO"
    instance.TimeOfFlightContrast = "NO"
    instance.SteadyStatePulseSequence = "FREE_PRECESSION"
    instance.EchoPlanarPulseSequence = "NO"
    instance.SaturationRecovery = "NO"
    instance.SpectrallySelectedSuppression = "NONE"
    instance.OversamplingPhase = "NONE"
    instance.GeometryOfKSpaceTraversal = "RECTILINEAR"
    instance.SegmentedKSpaceTraversal = "PARTIAL"
    instance.RectilinearPhaseEncodeReordering = "LINEAR"
    instance.NumberOfKSpaceTrajectories = 1
    instance.CardiacSynchronizationTechnique = "RETROSPECTIVE"
    instance.CardiacSignalSource = "ECG"
    instance.CardiacRRIntervalSpecified = float(picture.rr_interval_ms)
    instance.CardiacBeatRejectionTechnique = "NONE"
    instance.LowRRValue = round(picture.rr_interval_ms * 0.9)
    instance.HighRRValue = round(picture.rr_interval_ms * 1.1)
    instance.IntervalsAcquired, instance.IntervalsRejected = 10, 0


def _image_module(instance: Dataset, image_type: list[str], moment: str) -> None:
    """Enhanced MR Image module."""
    frame_type = _frame_type(image_type)
    del frame_type["FrameType"]
    for keyword, value in frame_type.items():
        setattr(instance, keyword, value)
    instance.ImageType = image_type
    instance.ContentQualification = "RESEARCH"
    instance.AcquisitionNumber = 1
    instance.AcquisitionDateTime = moment
    instance.AcquisitionDuration = 10.0
    instance.ResonantNucleus = "1H"
    instance.KSpaceFiltering = "NONE"
    instance.ApplicableSafetyStandardAgency = "IEC"
    instance.BurnedInAnnotation = "NO"
    instance.LossyImageCompression = "00"
    instance.PresentationLUTShape = "IDENTITY"
    instance.AcquisitionContextSequence = Items([])


def _dimensions(instance: Dataset, study: StudyIdentity) -> None:
    """Dimension organisation: stack, position in the stack, trigger delay."""
    organization = study.uid("dimension organization")
    instance.DimensionOrganizationSequence = Items([_item(DimensionOrganizationUID=organization)])
    instance.DimensionIndexSequence = Items(
        [
            _item(
                DimensionOrganizationUID=organization,
                DimensionIndexPointer=pointer,
                FunctionalGroupPointer=group,
            )
            for pointer, group in (
                (STACK_ID, FRAME_CONTENT),
                (IN_STACK_POSITION, FRAME_CONTENT),
                (TRIGGER_DELAY, CARDIAC_SYNCHRONIZATION),
            )
        ]
    )


def _instance(
    picture: Picture,
    study: StudyIdentity,
    series_number: int,
    frames: list[_FrameIndex],
    number: int,
) -> Dataset:
    """Build one multi-frame instance."""
    sequence = sequence_of(study.vendor, picture.kind)
    image_type = ["ORIGINAL", "PRIMARY", "CINE", "NONE"]
    late_s = 60.0 * series_number + 15.0 * number
    instance = common_header(study, series_number, f"{picture.kind}|enhanced")
    instance.SeriesDescription = instance.ProtocolName = sequence.description
    instance.SeriesTime = clock(study, 60.0 * series_number)
    instance.ContentTime = clock(study, late_s)
    del instance.AcquisitionDate
    instance.SOPClassUID = EnhancedMRImageStorage
    instance.SOPInstanceUID = study.uid("enhanced", picture.kind, number)
    instance.InstanceNumber = number
    _image_module(instance, image_type, f"{study.study_date}{clock(study, late_s)}")
    _pulse_sequence(instance, picture, sequence)
    _dimensions(instance, study)
    instance.NumberOfFrames = len(frames)
    instance.Rows, instance.Columns = picture.pixels.shape[2:]
    instance.SharedFunctionalGroupsSequence = Items([_shared_groups(picture, sequence, image_type)])
    instance.PerFrameFunctionalGroupsSequence = Items(
        [_frame_groups(picture, study, frame, late_s) for frame in frames]
    )
    images = np.stack([picture.pixels[f.phase, f.slice_index] for f in frames])
    instance.PixelData = images.astype("<u2").tobytes()
    instance.file_meta = file_meta(EnhancedMRImageStorage, instance.SOPInstanceUID)
    return instance


def enhanced_series(picture: Picture, study: StudyIdentity, series_number: int) -> list[Dataset]:
    """Write one cine as Enhanced MR.

    Siemens makes one instance of each slice, the others one of the whole stack.

    Raises
    ------
    ValueError
        For a picture without trigger times.
    """
    phases, slices = range(picture.n_phases), range(picture.n_slices)
    if study.vendor is Vendor.SIEMENS:
        return [
            _instance(picture, study, series_number, [_FrameIndex(s, p, 1) for p in phases], s + 1)
            for s in slices
        ]
    frames = [_FrameIndex(s, p, s + 1) for s in slices for p in phases]
    return [_instance(picture, study, series_number, frames, 1)]
