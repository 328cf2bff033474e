"""Headers as they come from disk: undecoded bytes in any character set, sequences, reports."""

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
_LONG_LENGTH = {"SQ", "UT", "UC", "UR", "OB", "UN"}


def encoded(elements: dict[str, Any]) -> bytes:
    """Encode elements (bytes, text in ASCII, numbers for US, lists of items) in Explicit VR LE."""
    coded = {tag_for_keyword(keyword): value for keyword, value in elements.items()}
    out = b""
    for tag, value in sorted(coded.items()):
        vr = dictionary_VR(tag)
        if isinstance(value, list):
            items = [encoded(item) for item in value]
            payload = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(i)) + i for i in items)
        elif isinstance(value, int):
            payload = struct.pack("<H", value)
        else:
            payload = value if isinstance(value, bytes) else str(value).encode("ascii")
            payload += b" " * (len(payload) % 2)
        out += struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
        if vr in _LONG_LENGTH or len(payload) > 0xFFFE:
            vr_bytes = vr if vr in _LONG_LENGTH else "UT"  # a short length has no room for it
            out = out[:-2] + vr_bytes.encode() + struct.pack("<HI", 0, len(payload)) + payload
        else:
            out += struct.pack("<H", len(payload)) + payload
    return out


def stored(elements: dict[str, Any], *, cut_to: int | None = None) -> Dataset:
    """Return the dataset that pydicom reads from such elements, nothing decoded yet."""
    return read_dataset(
        BytesIO(encoded(elements)[:cut_to]), is_implicit_VR=False, is_little_endian=True
    )


def image(
    charset: str | None = None, uid: str = "1.2.3", series: str = "1.2", **elements
) -> Dataset:
    """Return the header of an MR image of John Doe."""
    common: dict[str, Any] = {
        "SOPClassUID": MR_IMAGE,
        "SOPInstanceUID": uid,
        "SeriesInstanceUID": series,
        "Modality": "MR",
        "PatientName": "Doe^John",
        "PatientID": "PAT0012345",
        "PatientBirthDate": "19500102",
    }
    if charset is not None:
        common["SpecificCharacterSet"] = charset
    return stored(common | elements)


def code(value: str, scheme: str = "SCT", meaning: bytes | str = "meaning") -> dict[str, Any]:
    """Return the item of a code sequence."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def number(concept: tuple[str, str], value: str, unit: str, **more) -> dict[str, Any]:
    """Return a NUM content item."""
    return {
        "ValueType": "NUM",
        "ConceptNameCodeSequence": [code(*concept)],
        "MeasuredValueSequence": [
            {"NumericValue": value, "MeasurementUnitsCodeSequence": [code(unit, "UCUM", unit)]}
        ],
        **more,
    }


def text(concept: tuple[str, str], value: bytes | str) -> dict[str, Any]:
    """Return a TEXT content item."""
    return {
        "ValueType": "TEXT",
        "ConceptNameCodeSequence": [code(*concept)],
        "TextValue": value,
    }


def container(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a CONTAINER content item."""
    return {"ValueType": "CONTAINER", "ContentSequence": list(items)}


def report(items: Sequence[dict[str, Any]], *, cut_to: int | None = None, **elements) -> Dataset:
    """Return a Structured Report of another system, verified, of 1 March 2024."""
    common: dict[str, Any] = {
        "SOPClassUID": COMPREHENSIVE_SR,
        "SOPInstanceUID": "1.2.9",
        "SeriesInstanceUID": "1.2.8",
        "Modality": "SR",
        "Manufacturer": "Elsewhere",
        "ContentDate": "20240301",
        "VerificationFlag": "VERIFIED",
        "ConceptNameCodeSequence": [code("125200", "DCM")],
        "ContentSequence": list(items),
    }
    return stored(common | elements, cut_to=cut_to)
