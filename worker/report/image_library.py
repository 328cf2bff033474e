"""The images that a report rests on: which ones, and what they have in common.

References
----------
DICOM PS3.16 TID 1600 to 1604 (Image Library).
"""

from collections.abc import Iterable, Sequence

from highdicom.sr import (
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    NumContentItem,
    UIDRefContentItem,
)

from plugin.domain.findings import Code
from worker.report import codes
from worker.report.codes import concept
from worker.report.items import CONTAINS, coded, print_plainly
from worker.volume.types import CineStack, FrameReference

_ACQUISITION = "HAS ACQ CONTEXT"


def image_library(stack: CineStack, phases: Sequence[int]) -> ContainerContentItem:
    """Return TID 1600 with the images of ``phases``: those that the reported values rest on."""
    group = ContainerContentItem(concept(codes.IMAGE_LIBRARY_GROUP), relationship_type=CONTAINS)
    items: list[ContentItem] = _descriptors(stack)
    items += [_image(frames) for frames in by_instance(stack, phases)]
    group.ContentSequence = ContentSequence(items)
    library = ContainerContentItem(concept(codes.IMAGE_LIBRARY), relationship_type=CONTAINS)
    library.ContentSequence = ContentSequence([group])
    return library


def by_instance(stack: CineStack, phases: Iterable[int]) -> list[list[FrameReference]]:
    """Group the frames of ``phases`` by the instance that holds them, in order of appearance."""
    found: dict[str, list[FrameReference]] = {}
    for phase in phases:
        for frame in stack.frames[phase]:
            found.setdefault(frame.sop_instance_uid, []).append(frame)
    return list(found.values())


def frame_numbers(frames: Sequence[FrameReference]) -> list[int] | None:
    """Return which frames of a multi-frame instance these are, None of any other instance."""
    return sorted({f.frame_number for f in frames if f.frame_number is not None}) or None


def _image(frames: Sequence[FrameReference]) -> ImageContentItem:
    return ImageContentItem(
        name=concept(Code("260753009", "SCT", "Source")),
        referenced_sop_class_uid=frames[0].sop_class_uid,
        referenced_sop_instance_uid=frames[0].sop_instance_uid,
        referenced_frame_numbers=frame_numbers(frames),
        relationship_type=CONTAINS,
    )


def _descriptors(stack: CineStack) -> list[ContentItem]:
    """Return TID 1602 and 1604, common to all images of the stack."""
    row, column = stack.affine[:3, 0], stack.affine[:3, 1]
    cosines = [
        *(float(v) / stack.column_spacing_mm for v in row),
        *(float(v) / stack.row_spacing_mm for v in column),
    ]
    names = [f"{axis} {c}" for axis in ("Row", "Column") for c in "XYZ"]
    n_rows, n_columns = stack.pixels.shape[2:]
    modality = Code("121139", "DCM", "Modality")
    items: list[ContentItem] = [
        coded(modality, Code("MR", "DCM", "Magnetic Resonance"), _ACQUISITION)
    ]
    if stack.frame_of_reference_uid:
        items.append(
            UIDRefContentItem(
                concept(Code("112227", "DCM", "Frame of Reference UID")),
                stack.frame_of_reference_uid,
                relationship_type=_ACQUISITION,
            )
        )
    return [
        *items,
        _acquired("110910", "Pixel Data Rows", n_rows, "{pixels}"),
        _acquired("110911", "Pixel Data Columns", n_columns, "{pixels}"),
        _acquired("111026", "Horizontal Pixel Spacing", stack.column_spacing_mm, "mm"),
        _acquired("111066", "Vertical Pixel Spacing", stack.row_spacing_mm, "mm"),
        _acquired("112226", "Spacing between slices", stack.slice_spacing_mm, "mm"),
        *(
            _acquired(str(110904 + i), f"Image Orientation (Patient) {name}", cosine, "{-1:1}")
            for i, (name, cosine) in enumerate(zip(names, cosines, strict=True))
        ),
    ]


def _acquired(code: str, meaning: str, value: float, ucum: str) -> NumContentItem:
    written = int(value) if float(value).is_integer() else round(float(value), 6)
    item = NumContentItem(
        concept(Code(code, "DCM", meaning)),
        written,
        codes.unit(ucum),
        relationship_type=_ACQUISITION,
    )
    print_plainly(item, written)
    return item
