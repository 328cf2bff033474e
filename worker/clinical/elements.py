"""Undecoded text values of a dataset, with the character sets that hold for them.

pydicom decodes a value when it is first looked at, and replaces what does not fit the declared
character set for good. Here the bytes are taken before that, where nobody looked at them yet.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from worker.clinical.decoding import Decoded, cut_bytes, decode_start, decode_text, is_western
from worker.series import attributes as read

MAXIMUM_BYTES = 64 * 1024
"""Of one value that are looked at: enough for a formatted letter, and 100 kB cost nothing."""


class RawText(NamedTuple):
    """A value as it was stored; equal ones need to be looked at only once."""

    stored: bytes | str
    declared: tuple[str, ...]

    @property
    def is_cut(self) -> bool:
        """Tell whether it is longer than what is looked at."""
        return len(self.stored) > MAXIMUM_BYTES

    def decode(self) -> Decoded:
        """Return the text; a value that was decoded before keeps what that lost."""
        if isinstance(self.stored, str):
            return _decoded_again(self.stored[:MAXIMUM_BYTES], self.declared)
        if self.is_cut:
            return decode_start(cut_bytes(self.stored, MAXIMUM_BYTES), self.declared)
        return decode_text(self.stored, self.declared)


def raw_text(dataset: Dataset, keyword: str | int, parent: Dataset | None = None) -> RawText | None:
    """Return a text value as stored, or None when it is missing, empty or no text.

    Parameters
    ----------
    parent
        The dataset that holds ``dataset`` as an item; its character set holds where the item
        declares none (PS3.5 7.5.3).
    """
    tag = tag_for_keyword(keyword) if isinstance(keyword, str) else keyword
    try:
        element = None if tag is None else dataset.get_item(tag)
    except read.UNREADABLE_VALUE:
        return None
    if element is None:
        return None
    stored = element.value
    if isinstance(element, RawDataElement):
        stored = stored.rstrip(b" \0") if isinstance(stored, bytes) else None
    elif isinstance(stored, MultiValue | list | tuple):
        stored = "\\".join(str(one) for one in stored)
    elif stored is not None:
        stored = str(stored)
    return RawText(stored, _declared(dataset, parent)) if stored and stored.strip() else None


def text_values(
    dataset: Dataset, keyword: str | int, parent: Dataset | None = None
) -> tuple[str, ...]:
    """Return the decoded values of a short text (names, identifiers), split where DICOM splits."""
    raw = raw_text(dataset, keyword, parent)
    if raw is None:
        return ()
    values = raw.decode().text.split("\\")
    return tuple(stripped for value in values if (stripped := value.strip(" \0\r\n\t")))


def item_list(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; none when it is missing, ends early or is nested too deep."""
    try:
        return read.items(dataset, keyword)
    except (EOFError, OSError, RecursionError):
        return []


def _declared(dataset: Dataset, parent: Dataset | None) -> tuple[str, ...]:
    for holder in (dataset, parent):
        if holder is not None and "SpecificCharacterSet" in holder:
            return _values(holder)
    return ()


def _values(dataset: Dataset) -> tuple[str, ...]:
    try:
        value = dataset.get("SpecificCharacterSet")
    except read.UNREADABLE_VALUE:
        return ()
    many: Sequence[object] = (value,) if isinstance(value, str) or value is None else value
    return tuple("" if one is None else str(one).strip() for one in many)


def _decoded_again(text: str, declared: tuple[str, ...]) -> Decoded:
    """Decode a text again that was read as Latin-1, which loses nothing; keep any other."""
    as_it_is = Decoded(text, "\N{REPLACEMENT CHARACTER}" not in text)
    if not is_western(declared):
        return as_it_is
    try:
        return decode_text(text.encode("latin-1"), declared)
    except UnicodeEncodeError:
        return as_it_is
