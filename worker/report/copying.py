"""Copies of attributes from the images' header, safe to write into another object.

Text is decoded from the images' character set first, because the copies are written in another one.
Nothing is validated or corrected: an archive matches a result to its patient by these values. What
cannot be read at all is left out. Warnings are kept quiet, they would print the values.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

_NUMBERS = ("DS", "IS")


def copy_attributes(source: Dataset, target: Dataset, keywords: tuple[str, ...]) -> None:
    """Copy those of ``keywords`` that ``source`` has a readable value for."""
    with _quiet():
        for keyword in keywords:
            copied = _copied(source, int(tag_for_keyword(keyword) or 0))
            if copied is not None and not copied.is_empty:
                target[copied.tag] = copied


def empty_attributes(target: Dataset, keywords: tuple[str, ...]) -> None:
    """Set those of ``keywords`` that are missing to no value (type 2)."""
    for keyword in keywords:
        if keyword not in target:
            setattr(target, keyword, [] if dictionary_VR(keyword) == "SQ" else "")


def copied_items(source: Dataset, keyword: str) -> list[Dataset]:
    """Return copies of the items of a sequence, none where it is missing or unreadable."""
    with _quiet():
        copied = _copied(source, int(tag_for_keyword(keyword) or 0))
    return [] if copied is None or copied.VR != "SQ" else list(copied.value)


def _copied(source: Dataset, tag: int) -> DataElement | None:
    """Return a copy of one element with decoded text, or None."""
    try:
        element = source[tag]
        if element.VR == "SQ":
            return DataElement(tag, "SQ", [_copied_item(item) for item in element.value])
        value = element.value
    except (KeyError, ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return None
    if not _is_vr_of(tag, element.VR) or (element.VR in _NUMBERS and isinstance(value, str)):
        return None
    if isinstance(value, PersonName):
        value = str(value)
    elif isinstance(value, MultiValue):
        value = [str(v) if isinstance(v, PersonName) else v for v in value]
    return DataElement(tag, element.VR, value, already_converted=element.VR != "PN")


def _is_vr_of(tag: int, vr: str) -> bool:
    """Tell whether the value was read as what it should be (pydicom may fall back to another)."""
    try:
        return vr in dictionary_VR(tag).split(" or ")
    except KeyError:
        return True


def _copied_item(item: Dataset) -> Dataset:
    copy = Dataset()
    for tag in list(item.keys()):
        copied = _copied(item, int(tag))
        if copied is not None:
            copy[copied.tag] = copied
    return copy


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
