"""What the node reads of one stored instance: identifiers, and a few facts for assembling.

Reads headers up to the pixel data and survives anything that claims to be DICOM. Decides nothing:
a study is judged in ``completion``, roles of series and pixels are the worker's.

References
----------
DICOM PS3.3 C.7.1 to C.7.5 (patient, study, series, equipment), C.8.3 (MR), C.7.6.18 (cardiac),
C.4.11 and C.7.2.2 (order and visit).
"""

import hashlib
import math
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from dicom_node.anatomy import is_elsewhere, speaks_of_heart
from dicom_node.extent import (
    EXPLICIT_BIG_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    EndsEarlyError,
    Extent,
    measure_extent,
    open_dataset,
)
from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME, is_valid_uid
from plugin.domain.triage import URGENCY_OF_ORDER, IncomingPriority, OrderFacts

MR_IMAGE_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.4",
        "1.2.840.10008.5.1.4.1.1.4.1",
        "1.2.840.10008.5.1.4.1.1.4.3",
        "1.2.840.10008.5.1.4.1.1.4.4",
    }
)

_IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_COUNTS = (
    "CardiacNumberOfImages",
    "ImagesInAcquisition",
    "NumberOfTemporalPositions",
    "NumberOfFrames",
)
_GATING = (
    "TriggerTime",
    "NominalInterval",
    "HeartRate",
    "LowRRValue",
    "NominalCardiacTriggerDelayTime",
)
_WORDS = ("SeriesDescription", "StudyDescription", "ProtocolName", "RequestedProcedureDescription")
_ORDER = (
    "RequestedProcedurePriority",
    "StudyPriorityID",
    "RequestingService",
    "CurrentPatientLocation",
    "PatientInstitutionResidence",
    "AdmissionID",
)
_PRIORITIES = {
    "STAT": IncomingPriority.STAT,
    "HIGH": IncomingPriority.HIGH,
    "ROUTINE": IncomingPriority.ROUTINE,
    "MEDIUM": IncomingPriority.ROUTINE,
    "MED": IncomingPriority.ROUTINE,
    "LOW": IncomingPriority.LOW,
}
"""Defined terms of (0040,1003); MED is that of the retired Study Priority ID (0032,000C)."""
_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "InstitutionName")
_MAXIMUM_PLACE_CHARACTERS = 64
_PIXEL_MODULE = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
_KEYWORDS = (
    *_IDENTIFIERS,
    *_COUNTS,
    *_GATING,
    *_WORDS,
    *_PIXEL_MODULE,
    "SpecificCharacterSet",
    "Modality",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "BodyPartExamined",
    "CardiacSynchronizationTechnique",
    "ImagePositionPatient",
    "SliceLocation",
    "Manufacturer",
    "ManufacturerModelName",
    "InstitutionName",
    "MagneticFieldStrength",
    "RequestAttributesSequence",
    "IssuerOfAccessionNumberSequence",
    "RequestedProcedureID",
    *_ORDER,
)
_MAXIMUM_COUNT = 100_000
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


@dataclass(frozen=True, slots=True)
class InstanceHeaders:
    """The header facts of one instance; ``facts`` is small and can be JSON."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    modality: str
    patient_name: str
    patient_id: str
    accession_number: str
    study_date: str
    description: str
    slice_position: str
    looks_like_own_result: bool
    facts: dict[str, Any]
    order: OrderFacts
    study_time: str
    issuer_of_patient_id: str
    patient_birth_date: str
    patient_sex: str
    accession_issuer: str
    requested_procedure_id: str


def read_headers(path: Path) -> InstanceHeaders:
    """Read one Part 10 file that the node stored.

    Raises
    ------
    StudyRejectedError
        ``NOT_DICOM``, ``DAMAGED_DATASET``, ``TRUNCATED_FILE``, ``MISSING_IDENTIFIERS`` or
        ``INVALID_IDENTIFIER``; the file belongs into quarantine.
    OSError
        The disk does not give the file back; nothing is known of the file.
    """
    try:
        # pydicom's warnings print values, which are patient data.
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(stream)
    except StudyRejectedError:
        raise
    except InvalidDicomError:
        raise StudyRejectedError(Reason.NOT_DICOM) from None
    except EndsEarlyError:
        raise StudyRejectedError(Reason.TRUNCATED_FILE) from None
    except Exception as error:  # broken bytes or values can make pydicom raise nearly anything
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; those of pydicom about the file have no number
        raise StudyRejectedError(Reason.DAMAGED_DATASET) from None


def _read(stream: BinaryIO) -> InstanceHeaders:
    meta = pydicom.filereader.read_file_meta_info(stream.name)
    transfer_syntax_uid = str(meta.get("TransferSyntaxUID", ""))
    _seek_dataset(stream)
    # What is cut or inflates too far is found before pydicom parses it.
    content = open_dataset(stream, transfer_syntax_uid)
    start = content.tell()
    extent = measure_extent(content, transfer_syntax_uid)
    if extent.ends_early:
        raise EndsEarlyError
    content.seek(start)
    dataset = pydicom.filereader.read_dataset(
        content,
        transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN,
        transfer_syntax_uid != EXPLICIT_BIG_ENDIAN,
        stop_when=lambda tag, _vr, _length: tag in _PIXELS,
        specific_tags=[Tag(keyword) for keyword in _KEYWORDS],
    )
    dataset.file_meta = meta
    _check_pixels(dataset, extent)
    _check_identifiers(dataset)
    # Values are decoded here, so a value that pydicom cannot decode shows here.
    return _headers(dataset, transfer_syntax_uid)


def _seek_dataset(stream: BinaryIO) -> None:
    """Go behind group 0002, whose length the node wrote itself (PS3.10 7.1)."""
    stream.seek(140)
    (length,) = struct.unpack("<I", stream.read(4))
    stream.seek(length, 1)


def _check_identifiers(dataset: Dataset) -> None:
    values = []
    for keyword in _IDENTIFIERS:
        try:
            values.append(str(dataset.get(keyword, "") or ""))
        except Exception:  # noqa: BLE001  see read_headers
            raise StudyRejectedError(Reason.INVALID_IDENTIFIER, keyword) from None
    missing = [keyword for keyword, value in zip(_IDENTIFIERS, values, strict=True) if not value]
    if missing:
        raise StudyRejectedError(Reason.MISSING_IDENTIFIERS, ", ".join(missing))
    values.append(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    for keyword, value in zip((*_IDENTIFIERS, "TransferSyntaxUID"), values, strict=True):
        if not is_valid_uid(value):
            raise StudyRejectedError(Reason.INVALID_IDENTIFIER, keyword)


def _check_pixels(dataset: Dataset, extent: Extent) -> None:
    if extent.native_pixel_bytes is None:
        return
    announced = [_count(dataset, keyword) for keyword in _PIXEL_MODULE]
    if None in announced:
        return
    n_bits = math.prod(n for n in announced if n is not None)
    n_bits *= _count(dataset, "NumberOfFrames") or 1
    if extent.native_pixel_bytes < n_bits // 8:
        raise StudyRejectedError(Reason.TRUNCATED_FILE)


def _headers(dataset: Dataset, transfer_syntax_uid: str) -> InstanceHeaders:
    manufacturer = (_text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName"))
    sop_class_uid = _text(dataset, "SOPClassUID")
    accession_issuer, requested_procedure_id = _names_in_order(dataset)
    return InstanceHeaders(
        study_instance_uid=_text(dataset, "StudyInstanceUID"),
        series_instance_uid=_text(dataset, "SeriesInstanceUID"),
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        calling_ae_title=str(dataset.file_meta.get("SourceApplicationEntityTitle", "")).strip(),
        modality=_text(dataset, "Modality")[:16],
        patient_name=_text(dataset, "PatientName"),
        patient_id=_text(dataset, "PatientID"),
        accession_number=_text(dataset, "AccessionNumber"),
        study_date=_text(dataset, "StudyDate"),
        description=_text(dataset, "StudyDescription"),
        slice_position=_slice_position(dataset),
        looks_like_own_result=(
            manufacturer == (MANUFACTURER, MODEL_NAME) and sop_class_uid not in MR_IMAGE_CLASSES
        ),
        facts=_facts(dataset, sop_class_uid),
        order=_order(dataset),
        study_time=_text(dataset, "StudyTime"),
        issuer_of_patient_id=_text(dataset, "IssuerOfPatientID"),
        patient_birth_date=_text(dataset, "PatientBirthDate"),
        patient_sex=_text(dataset, "PatientSex"),
        accession_issuer=accession_issuer,
        requested_procedure_id=requested_procedure_id,
    )


def _order(dataset: Dataset) -> OrderFacts:
    """Return what the header tells of the order; few archives copy all of it into images.

    The priority may stand at the top or in Request Attributes Sequence (0040,0275); of several the
    most urgent one counts.
    """
    try:
        return _stated_order(dataset)
    except Exception:  # noqa: BLE001  see read_headers; the order must not cost the image
        return OrderFacts()


def _stated_order(dataset: Dataset) -> OrderFacts:
    holders = [dataset, *_items(dataset, "RequestAttributesSequence")]
    stated = [
        _PRIORITIES[written]
        for holder in holders
        for keyword in ("RequestedProcedurePriority", "StudyPriorityID")
        if (written := _text(holder, keyword).upper()) in _PRIORITIES
    ]
    location = _text(dataset, "CurrentPatientLocation") or _text(
        dataset, "PatientInstitutionResidence"
    )
    return OrderFacts(
        max(stated, key=lambda one: URGENCY_OF_ORDER[one], default=None),
        _text(dataset, "RequestingService")[:_MAXIMUM_PLACE_CHARACTERS],
        location[:_MAXIMUM_PLACE_CHARACTERS],
        bool(_text(dataset, "AdmissionID")),
    )


def _names_in_order(dataset: Dataset) -> tuple[str, str]:
    """Return what names the study in an order besides its UID and accession number.

    Returns
    -------
    accession_issuer
        ``namespace^universal ID``.
    requested_procedure_id
        The first one, in Request Attributes Sequence or at the top.
    """
    try:
        issuers = _items(dataset, "IssuerOfAccessionNumberSequence")[:1]
        keywords = ("LocalNamespaceEntityID", "UniversalEntityID")
        issuer = "^".join(_text(one, keyword) for one in issuers for keyword in keywords)
        holders = [*_items(dataset, "RequestAttributesSequence"), dataset]
        named = (_text(one, "RequestedProcedureID") for one in holders)
        return issuer.rstrip("^"), next((one for one in named if one), "")
    except Exception:  # noqa: BLE001  see read_headers; the order must not cost the image
        return "", ""


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = dataset.get(keyword)
    return list(value) if isinstance(value, pydicom.sequence.Sequence) else []


def _facts(dataset: Dataset, sop_class_uid: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        keyword: count
        for keyword in _COUNTS
        if (count := _count(dataset, keyword)) is not None and count > 0
    }
    facts["BodyPartExamined"] = _text(dataset, "BodyPartExamined")[:16]
    facts["is_mr_image"] = sop_class_uid in MR_IMAGE_CLASSES or (
        _text(dataset, "Modality") == "MR" and "Rows" in dataset
    )
    facts["patient"] = _patient(dataset)
    for keyword in _EQUIPMENT:
        facts[keyword] = _text(dataset, keyword)[:_MAXIMUM_PLACE_CHARACTERS]
    facts["MagneticFieldStrength"] = _number(dataset, "MagneticFieldStrength")
    facts["cardiac_hint"] = _cardiac_hint(dataset)
    facts["elsewhere"] = is_elsewhere(facts["BodyPartExamined"])
    return facts


def _cardiac_hint(dataset: Dataset) -> str:
    """Name the attribute that speaks for the heart, or return an empty string."""
    if (_count(dataset, "CardiacNumberOfImages") or 0) > 1:
        return "CardiacNumberOfImages"
    for keyword in _GATING:
        if _number(dataset, keyword) > 0:
            return keyword
    if _text(dataset, "CardiacSynchronizationTechnique") not in {"", "NONE"}:
        return "CardiacSynchronizationTechnique"
    for keyword in ("BodyPartExamined", *_WORDS):
        if speaks_of_heart(_text(dataset, keyword)):
            return keyword
    return ""


def _patient(dataset: Dataset) -> str:
    """Return a hash that is equal for images of one patient: by ID, else by name and birth date."""
    patient_id = _text(dataset, "PatientID")
    parts = (
        ("id", patient_id)
        if patient_id
        else ("name", _text(dataset, "PatientName").rstrip("^"), _text(dataset, "PatientBirthDate"))
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _slice_position(dataset: Dataset) -> str:
    position = dataset.get("ImagePositionPatient")
    if position:
        return "\\".join(f"{float(coordinate):.1f}" for coordinate in position)
    return _text(dataset, "SliceLocation")


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    if isinstance(value, pydicom.multival.MultiValue):
        value = "\\".join(str(part) for part in value)
    return str(value).replace("\0", "").strip()


def _number(dataset: Dataset, keyword: str) -> float:
    """Return the value as a number; 0 when it is missing or none."""
    try:
        value = float(_text(dataset, keyword) or 0)
    except Exception:  # noqa: BLE001  see read_headers; one bad value must not cost the image
        return 0.0
    return value if math.isfinite(value) else 0.0


def _count(dataset: Dataset, keyword: str) -> int | None:
    value = int(_number(dataset, keyword))
    return value if 0 < value <= _MAXIMUM_COUNT else None
