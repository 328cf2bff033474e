"""Rejection note: a Key Object Selection that takes objects of ours back.

An archive that follows IHE Imaging Object Change Management hides what the note names; any other
shows the note, with its reason, beside them. The note is made from the stored objects alone, so a
result can be withdrawn when its images and its bundle are long gone.

References
----------
DICOM PS3.16 CID 7010 (113001, Rejected for Quality Reasons); IHE RAD TF-2 4.66 (Rejection Note).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
)

from plugin.domain.findings import Code
from plugin.domain.identifiers import derive_uid
from worker.report.identity import AnalysisIdentity
from worker.report.key_objects import DocumentIdentifiers, Selected, selection

REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
KIND = "rejection"
SERIES_NUMBER = 9925
SERIES_DESCRIPTION = "AI CMR result withdrawn"
_NO_IMAGES = frozenset(
    {
        Comprehensive3DSRStorage,
        EncapsulatedPDFStorage,
        EnhancedSRStorage,
        GrayscaleSoftcopyPresentationStateStorage,
        KeyObjectSelectionDocumentStorage,
    }
)


def rejected(sop_class_uid: str, sop_instance_uid: str, series_instance_uid: str) -> Selected:
    """Return one object that a note takes back."""
    return Selected(
        sop_class_uid,
        sop_instance_uid,
        series_instance_uid,
        is_image=sop_class_uid not in _NO_IMAGES,
    )


def rejection_note(
    objects: Sequence[Selected],
    reason: str,
    stored: Path,
    software_version: str,
    created_at: datetime,
) -> Dataset:
    """Return the note.

    Parameters
    ----------
    reason
        In words, for people who find the note in their archive.
    stored
        File of one of the objects: whose study it is.

    Raises
    ------
    OSError
        The file is gone.
    """
    reference = pydicom.dcmread(stored, stop_before_pixels=True)
    parts = (*sorted(one.sop_instance_uid for one in objects), reason, created_at.isoformat())
    filed = DocumentIdentifiers(
        derive_uid("instance", KIND, *parts),
        derive_uid("series", KIND, *parts),
        SERIES_NUMBER,
        SERIES_DESCRIPTION,
    )
    identity = _identity(reference, software_version, created_at)
    words = f"These results of an AI analysis are withdrawn and must not be used. {reason}"
    return selection(REJECTED_FOR_QUALITY, words, objects, reference, identity, filed)


def _identity(reference: Dataset, software_version: str, created_at: datetime) -> AnalysisIdentity:
    """Return the bundle that made the objects, and the software that takes them back."""
    _, bundle = reference.SoftwareVersions
    name, _, version = str(bundle).rpartition(" ")
    return AnalysisIdentity(
        software_version=software_version,
        bundle_name=name,
        bundle_version=version,
        bundle_digest=str(reference.DeviceSerialNumber),
        input_digest="",
        created_at=created_at,
    )
