"""Content items as bytes: what two forms of a report share is encoded once.

A report has some thousand items, and most of their elements occur again and again: codes, value
types, relationships. Each different element is encoded once by pydicom and its bytes are kept.

References
----------
DICOM PS3.5 7.1.2 (Explicit VR Little Endian), 7.5 (items of a sequence with their length).
"""

import struct
from collections.abc import Iterable
from functools import lru_cache

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import Tag

_CHARACTER_SET = convert_encodings("ISO_IR 192")
_ITEM = struct.pack("<HH", 0xFFFE, 0xE000)
_SEQUENCE_HEADER = struct.Struct("<HH2s2xI")


def encoded(items: Iterable[Dataset]) -> bytes:
    """Return items as they stand in a sequence of a file with UTF-8 text."""
    return b"".join(_item(item) for item in items)


def set_encoded(dataset: Dataset, keyword: str, content: bytes) -> None:
    """Set a sequence to encoded items: they are written as they are, and parsed when they are read.

    The dataset must be written in Explicit VR Little Endian with UTF-8 text.
    """
    tag = Tag(keyword)
    dataset[tag] = RawDataElement(
        tag, "SQ", len(content), content, 0, is_implicit_VR=False, is_little_endian=True
    )
    dataset.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=_CHARACTER_SET
    )


def _item(item: Dataset) -> bytes:
    content = b"".join(_element(element) for element in item.elements())
    return _ITEM + struct.pack("<I", len(content)) + content


def _element(element: DataElement | RawDataElement) -> bytes:
    if isinstance(element, DataElement):
        value = element.value
        if element.VR == "SQ":
            content = encoded(value)
            return (
                _SEQUENCE_HEADER.pack(element.tag.group, element.tag.element, b"SQ", len(content))
                + content
            )
        if type(value) is str:
            return _text(int(element.tag), element.VR, value)
    return _written(element)


@lru_cache(maxsize=4096)
def _text(tag: int, vr: str, value: str) -> bytes:
    return _written(DataElement(tag, vr, value))


def _written(element: DataElement | RawDataElement) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, element, _CHARACTER_SET)
    return buffer.getvalue()
