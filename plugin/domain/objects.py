"""The kinds of objects that an analysis writes: one table for builders, destinations and pages.

Knows names and classes; what is in an object is made by ``worker.report``, one builder for each.

References
----------
DICOM PS3.4 B.5 (Storage SOP classes).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of result object.

    Attributes
    ----------
    name
        How people choose it, and the name of its file.
    meaning
        What it is, in a few words for people.
    by_default
        Whether a new destination gets it when nobody chooses.
    transfer_syntax_uid
        In which it is written.
    """

    name: str
    sop_class_uid: str
    meaning: str
    by_default: bool = True
    transfer_syntax_uid: str = "1.2.840.10008.1.2.1"  # Explicit VR Little Endian


_ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
_COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_MULTI_FRAME_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"
_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"

KINDS = (
    ObjectKind("sr", _COMPREHENSIVE_3D_SR, "structured report with all measurements"),
    ObjectKind(
        "sr_enhanced",
        _ENHANCED_SR,
        "the structured report for archives that refuse sr",
        by_default=False,
    ),
    ObjectKind("summary", _SECONDARY_CAPTURE, "summary page"),
    ObjectKind("wall", _SECONDARY_CAPTURE, "wall thickness, motion and volumes over the beat"),
    ObjectKind("contours", _SECONDARY_CAPTURE, "contours of every slice at ED and ES"),
    ObjectKind(
        "cine",
        _MULTI_FRAME_CAPTURE,
        "contours over the beat, to be played",
        by_default=False,
        transfer_syntax_uid=_JPEG_BASELINE,
    ),
    ObjectKind("seg", _SEGMENTATION, "labels of both ventricles and the myocardium at ED and ES"),
    ObjectKind("key_objects", _KEY_OBJECT_SELECTION, "selection of the images to open first"),
    ObjectKind("gsps", _PRESENTATION_STATE, "contours as graphics on the original images"),
    ObjectKind("pdf", _ENCAPSULATED_PDF, "pictures and text as a PDF", by_default=False),
    ObjectKind("saliency", _SECONDARY_CAPTURE, "what the first finding rests on", by_default=False),
)
"""In the order in which they are made and sent."""

OBJECT_KINDS = tuple(kind.name for kind in KINDS)
DEFAULT_OBJECTS = tuple(kind.name for kind in KINDS if kind.by_default)
SOP_CLASSES_OF_KIND = {kind.name: kind.sop_class_uid for kind in KINDS}
SYNTAXES_OF_KIND = {kind.name: kind.transfer_syntax_uid for kind in KINDS}

REJECTION = "rejection"
"""A note that takes objects back (Key Object Selection); nobody chooses it, so it is no kind above:
it goes to whoever has the objects."""

FALLBACKS: dict[str, tuple[str, ...]] = {
    "sr": ("sr_enhanced", "pdf", "summary"),
    "sr_enhanced": ("pdf", "summary"),
    "pdf": ("summary",),
    "seg": ("contours",),
    "gsps": ("contours",),
    "cine": ("contours",),
    "key_objects": ("summary",),
    "saliency": ("summary",),
}
"""What a destination gets instead of a kind whose SOP class it does not take, best first; of these
the first that the analysis made. A secondary capture has no substitute: every archive takes it."""


def with_class(kind: str) -> str:
    """Return a kind with the class that a PACS's own settings call it by, where that helps."""
    classes = {"sr": "Comprehensive 3D SR", "sr_enhanced": "Enhanced SR", "pdf": "Encapsulated PDF"}
    return f"{kind} ({classes[kind]})" if kind in classes else kind
