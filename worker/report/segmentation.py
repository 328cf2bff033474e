"""DICOM Segmentation: LV cavity, LV myocardium and RV cavity, at the ends of the cycle or always.

Three binary segments for each phase, because the phases lie in the same place of the patient:
whoever counts the pixels of one segment gets the volume of one phase. Each frame names the image
that it was drawn on, so single-frame and multi-frame sources, one series or many, are all the same
here. Frames without a pixel are left out.

References
----------
DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2 (Segmentation Image), C.7.6.16.2 (functional groups),
PS3.16 CID 7150 (property categories).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentDescription
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import SegmentationStorage
from pydicom.valuerep import DSfloat

from plugin.domain.findings import Code
from plugin.domain.identifiers import MODEL_NAME, derive_uid
from worker.report import codes
from worker.report.codes import concept
from worker.report.header import result_dataset
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity
from worker.report.material import Material
from worker.report.references import derived_from, referenced_series
from worker.report.structures import STRUCTURES, Structure, ends_of_cycle
from worker.volume.types import CineStack, FrameReference

SERIES_NUMBER = 9920
SERIES_DESCRIPTIONS = {
    "ends": "AI CMR segmentation ED/ES (not verified)",
    "all": "AI CMR segmentation, all phases (not verified)",
}
_LABELS = {"ends": "CMR_ED_ES", "all": "CMR_ALL_PHASES"}
_ANATOMICAL = Code("123037004", "SCT", "Anatomical Structure")
_EVEN_MM = 0.1
_DECIMALS = 9
_PHASE_NAMES = {"ED": "end-diastole", "ES": "end-systole"}


@dataclass(frozen=True, slots=True)
class _Segment:
    number: int
    structure: Structure
    phase_name: str
    phase: int


def segmentation(material: Material) -> Dataset | None:
    """Return the object, or None where the images name no frame of reference to place it in."""
    stack = material.stack
    if not stack.frame_of_reference_uid:
        return None
    segments = _segments(material)
    drawn = list(_drawn(material, segments))
    if not drawn:
        return None
    dataset = result_dataset(
        material.reference,
        material.identity,
        sop_class_uid=SegmentationStorage,
        sop_instance_uid=material.uids.instance("seg"),
        series_instance_uid=material.uids.series("seg"),
        modality="SEG",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTIONS[material.identity.segmentation_phases],
    )
    dataset.FrameOfReferenceUID = stack.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel = _LABELS[material.identity.segmentation_phases]
    dataset.ContentDescription = NOT_VERIFIED
    dataset.ContentCreatorName = ""
    dataset.ImageComments = f"{NOT_VERIFIED} ({material.identity.bundle})"
    dataset.BodyPartExamined = "HEART"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.SegmentationType = "BINARY"
    dataset.SegmentsOverlap = "YES"  # the phases, in space
    dataset.SegmentSequence = [_description(segment, material) for segment in segments]
    sources = [stack.frames[segment.phase][z] for segment, z, _ in drawn]
    dataset.ReferencedSeriesSequence = referenced_series(sources)
    _set_dimensions(dataset, stack.frame_of_reference_uid)
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(stack)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(stack, segment, z, source)
        for (segment, z, _), source in zip(drawn, sources, strict=True)
    ]
    _set_pixels(dataset, np.stack([mask for _, _, mask in drawn]))
    return dataset


def _segments(material: Material) -> list[_Segment]:
    phases = _phases(material)
    pairs = [(structure, *phase) for phase in phases for structure in STRUCTURES]
    return [_Segment(number, *pair) for number, pair in enumerate(pairs, start=1)]


def _phases(material: Material) -> list[tuple[str, int]]:
    """Return name and index of each phase that is written."""
    ends = [(_PHASE_NAMES[name], phase) for name, phase in ends_of_cycle(material.assessment)]
    if material.identity.segmentation_phases == "ends":
        return ends
    names = {phase: name for name, phase in ends}
    return [
        (names.get(phase, f"phase {phase + 1}"), phase) for phase in range(material.stack.n_phases)
    ]


def _drawn(
    material: Material, segments: list[_Segment]
) -> Iterator[tuple[_Segment, int, npt.NDArray[np.bool_]]]:
    """Yield segment, slice and mask ``[row, column]`` where the segment has a pixel."""
    for segment in segments:
        for z, labels in enumerate(material.labels[segment.phase]):
            mask = labels == segment.structure.label
            if mask.any():
                yield segment, z, mask


def _description(segment: _Segment, material: Material) -> Dataset:
    structure = segment.structure
    subject = f"{structure.name} at {segment.phase_name}"
    return SegmentDescription(
        segment_number=segment.number,
        segment_label=f"{structure.name}, {segment.phase_name}",
        segmented_property_category=concept(_ANATOMICAL),
        segmented_property_type=concept(structure.code),
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(material.identity),
        tracking_uid=material.uids.tracking(subject),
        tracking_id=f"{MODEL_NAME}: {subject}",
        display_color=CIELabColor.from_string(structure.colour),
    )


def _algorithm(identity: AnalysisIdentity) -> AlgorithmIdentificationSequence:
    return AlgorithmIdentificationSequence(
        name=identity.bundle_name,
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
        version=identity.bundle_version,
        parameters={"sha256": identity.bundle_digest, MODEL_NAME: identity.software_version},
    )


def _set_dimensions(dataset: Dataset, frame_of_reference_uid: str) -> None:
    """Order the frames by segment, then by place."""
    organization_uid = derive_uid("dimensions", frame_of_reference_uid, dataset.SOPInstanceUID)
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionIndexSequence = []
    for label, pointer, group in (
        ("Segment", 0x0062000B, 0x0062000A),
        ("Position", 0x00200032, 0x00209113),
    ):
        index = Dataset()
        index.DimensionOrganizationUID = organization_uid
        index.DimensionIndexPointer = pointer
        index.FunctionalGroupPointer = group
        index.DimensionDescriptionLabel = label
        dataset.DimensionIndexSequence.append(index)


def _shared_groups(stack: CineStack) -> Dataset:
    """Return pixel measures and orientation.

    Slice Thickness is the distance between slices: the height that one contour stands for in the
    volumes of the report.
    """
    measures = Dataset()
    measures.PixelSpacing = _decimals(stack.row_spacing_mm, stack.column_spacing_mm)
    (measures.SliceThickness,) = _decimals(stack.slice_spacing_mm)
    steps = np.diff(stack.slice_positions_mm)
    if np.allclose(steps, stack.slice_spacing_mm, atol=_EVEN_MM):
        measures.SpacingBetweenSlices = measures.SliceThickness
    orientation = Dataset()
    row, column = stack.affine[:3, 0], stack.affine[:3, 1]
    orientation.ImageOrientationPatient = _decimals(
        *(row / stack.column_spacing_mm), *(column / stack.row_spacing_mm)
    )
    groups = Dataset()
    groups.PixelMeasuresSequence = [measures]
    groups.PlaneOrientationSequence = [orientation]
    return groups


def _frame_groups(stack: CineStack, segment: _Segment, z: int, source: FrameReference) -> Dataset:
    content = Dataset()
    content.DimensionIndexValues = [segment.number, z + 1]
    position = Dataset()
    position.ImagePositionPatient = _decimals(*stack.slice_origins_mm[z])
    identification = Dataset()
    identification.ReferencedSegmentNumber = segment.number
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.PlanePositionSequence = [position]
    groups.DerivationImageSequence = [derived_from(source)]
    groups.SegmentIdentificationSequence = [identification]
    return groups


def _set_pixels(dataset: Dataset, masks: npt.NDArray[np.bool_]) -> None:
    """Set the Image Pixel module: one bit per pixel, frames without a gap between them."""
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = (int(n) for n in masks.shape)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 1
    dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OB", pack_bits(masks.astype(np.uint8).reshape(-1)))


def _decimals(*values: float) -> list[DSfloat]:
    """Return values as they fit into the 16 characters of a decimal string."""
    return [DSfloat(round(float(value), _DECIMALS)) for value in values]
