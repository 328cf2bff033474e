"""Reading single attributes of a dataset that may be wrong.

Knows that attributes are missing, empty, unparsable or of the wrong multiplicity in real studies,
and answers None or an empty text then. Does not know what the attributes mean.
"""

import logging
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

UNREADABLE_VALUE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    struct.error,
    BytesLengthException,
)
"""What pydicom raises when it converts a damaged value (it has no common base class)."""


@contextmanager
def without_complaints() -> Iterator[None]:
    """Keep pydicom from warning and logging about values, because it prints the values.

    Every value is checked where it is used; a patient's birth date in a log helps nobody.
    """
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def _value(dataset: Dataset, keyword: str) -> object:
    try:
        value: object = dataset.get(keyword)
    except UNREADABLE_VALUE:
        return _raw_text(dataset, keyword)
    return value


def _raw_text(dataset: Dataset, keyword: str) -> str | None:
    """Return the undecoded text, e.g. of an IS written as ``912.5``, which pydicom refuses."""
    tag = tag_for_keyword(keyword)
    try:
        element = None if tag is None else dataset.get_item(tag)
    except UNREADABLE_VALUE:
        return None
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        return element.value.decode("ascii", errors="replace").strip(" \0")
    return None


def _as_number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except UNREADABLE_VALUE:
        return None
    return number if math.isfinite(number) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value as a finite number, or None."""
    value = _value(dataset, keyword)
    if isinstance(value, str) and "\\" in value:
        value = value.split("\\")[0]
    if not isinstance(value, str | bytes) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None  # type: ignore[index]
    return None if value is None else _as_number(value)


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the first value as an integer, or None."""
    value = number(dataset, keyword)
    return None if value is None else round(value)


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return exactly ``count`` finite numbers, or None."""
    value = _value(dataset, keyword)
    if isinstance(value, str):
        value = value.split("\\")
    if value is None or not hasattr(value, "__len__") or len(value) != count:
        return None
    parsed = [_as_number(one) for one in value]  # type: ignore[attr-defined]
    known = tuple(one for one in parsed if one is not None)
    return known if len(known) == count else None


def text(dataset: Dataset, keyword: str) -> str:
    """Return the value as text without surrounding spaces; empty when missing."""
    value = _value(dataset, keyword)
    return "" if value is None else str(value).strip(" \0")


def tokens(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values in upper case, empty ones left out."""
    value = _value(dataset, keyword)
    if value is None:
        return ()
    many = [value] if isinstance(value, str) else value
    try:
        return tuple(str(one).strip().upper() for one in many if str(one).strip())  # type: ignore[attr-defined]
    except UNREADABLE_VALUE:
        return ()


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; empty when it is missing or no sequence."""
    value = _value(dataset, keyword)
    if value is None or isinstance(value, str | bytes):
        return []
    try:
        return [item for item in value if isinstance(item, Dataset)]  # type: ignore[attr-defined]
    except UNREADABLE_VALUE:
        return []


def seconds(dataset: Dataset, *pairs: tuple[str, str] | str) -> float | None:
    """Return the first readable point in time, in seconds of a monotone calendar.

    Each entry is a date and time attribute (DA, TM) or one DT attribute. Separators of the old
    ACR-NEMA forms (``1995.06.26``, ``11:20:00``) are accepted. Only differences and the order of
    the results mean anything.
    """
    for pair in pairs:
        if isinstance(pair, str):
            stamp = text(dataset, pair)
            day, time = stamp[:8], stamp[8:]
        else:
            day, time = text(dataset, pair[0]), text(dataset, pair[1])
        parsed = _parse_moment(day, time)
        if parsed is not None:
            return parsed
    return None


def _parse_moment(day: str, time: str) -> float | None:
    day = day.replace(".", "").replace("-", "")
    time = time.replace(":", "").split("+")[0].split("-")[0]
    whole, _, fraction = time.partition(".")
    if len(day) != 8 or not day.isdigit() or not whole.isdigit():  # noqa: PLR2004 - YYYYMMDD
        return None
    whole = whole.ljust(6, "0")
    # 31-day months keep the order, which is all that is asked of this number.
    days = (int(day[:4]) * 12 + int(day[4:6])) * 31 + int(day[6:8])
    clock = int(whole[:2]) * 3600 + int(whole[2:4]) * 60 + int(whole[4:6])
    return days * 86400.0 + clock + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)
