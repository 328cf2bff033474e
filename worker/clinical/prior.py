"""Structured Reports that came with the study: values, narrative texts, people.

Walks any content tree (PS3.3 C.17.3) and takes what it knows by code, wherever it stands, so TID
1500, an echocardiography report (TID 5200) and a plain narrative (TID 2000) are read alike. A tree
that is damaged, endless or too deep gives what was reached, and says so.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from pydicom.dataset import Dataset

from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME
from worker.clinical import concepts
from worker.clinical.elements import RawText, item_list, raw_text, text_values
from worker.clinical.people import calendar_day
from worker.clinical.types import PriorReport, PriorValue, Topic
from worker.series import attributes as read

_DOCUMENTS = frozenset(f"1.2.840.10008.5.1.4.1.1.88.{last}" for last in (11, 22, 33, 34, 35))
"""Basic Text, Enhanced, Comprehensive, Comprehensive 3D and Extensible SR Storage."""
_MAXIMUM_ITEMS = 20_000
_MAXIMUM_DEPTH = 24
_MAXIMUM_VALUES = 32
_MAXIMUM_TEXTS = 16


@dataclass(frozen=True, slots=True)
class ReportText:
    """An undecoded text of a report and the code of the concept that it is the value of."""

    topic: Topic
    concept: str
    raw: RawText


@dataclass(frozen=True, slots=True)
class ReportContent:
    """What one document holds; texts are not yet cleaned."""

    report: PriorReport
    texts: tuple[ReportText, ...]
    person_names: frozenset[str]


@dataclass(slots=True)
class _Found:
    values: list[PriorValue] = field(default_factory=list)
    texts: list[ReportText] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    is_readable: bool = True


def is_report(header: Dataset) -> bool:
    """Tell whether an object is a Structured Report that a person or a program wrote."""
    return read.text(header, "SOPClassUID") in _DOCUMENTS


def is_own(header: Dataset) -> bool:
    """Tell whether an object that is no image of a scanner was made by this software."""
    device = (read.text(header, "Manufacturer"), read.text(header, "ManufacturerModelName"))
    return device == (MANUFACTURER, MODEL_NAME) and read.text(header, "Modality") != "MR"


def read_report(header: Dataset) -> ReportContent:
    """Read one Structured Report."""
    own = is_own(header)
    written_on = calendar_day(read.text(header, "ContentDate"))
    found = _Found()
    if not item_list(header, "ContentSequence"):
        found.is_readable = False
    for item, measured_on in _content_items(header, written_on, found):
        _take(item, header, measured_on, found)
    report = PriorReport(
        title=concepts.TITLES.get(_code(header, "ConceptNameCodeSequence"), concepts.OTHER_TITLE),
        written_on=written_on,
        values=tuple(dict.fromkeys(found.values))[:_MAXIMUM_VALUES],
        is_own=own,
        is_verified=read.text(header, "VerificationFlag").upper() == "VERIFIED",
        is_readable=found.is_readable,
    )
    # What we wrote ourselves says nothing that is not known, and repeats what we were told.
    texts = () if own else tuple(found.texts[:_MAXIMUM_TEXTS])
    return ReportContent(report, texts, frozenset(found.names))


def _content_items(
    header: Dataset, written_on: date | None, found: _Found
) -> Iterator[tuple[Dataset, date | None]]:
    """Yield content items in document order with the date that holds for them."""
    waiting = [(item, written_on, 1) for item in reversed(item_list(header, "ContentSequence"))]
    for _ in range(_MAXIMUM_ITEMS):
        if not waiting:
            return
        item, day, depth = waiting.pop()
        day = calendar_day(read.text(item, "ObservationDateTime")[:8]) or day
        yield item, day
        children = item_list(item, "ContentSequence")
        if ("ContentSequence" in item and not children) or (children and depth >= _MAXIMUM_DEPTH):
            found.is_readable = False
            continue
        waiting += [(child, day, depth + 1) for child in reversed(children)]
    found.is_readable = found.is_readable and not waiting


def _take(item: Dataset, header: Dataset, measured_on: date | None, found: _Found) -> None:
    kind = read.text(item, "ValueType").upper()
    if kind == "NUM":
        value = _value(item, measured_on)
        if value is not None:
            found.values.append(value)
    elif kind == "PNAME":
        found.names.update(text_values(item, "PersonName", header))
    elif kind == "TEXT":
        concept = _code(item, "ConceptNameCodeSequence")
        raw = raw_text(item, "TextValue", header)
        if concept in concepts.TEXTS and raw is not None:
            found.texts.append(ReportText(concepts.TEXTS[concept], concept[0], raw))


def _value(item: Dataset, measured_on: date | None) -> PriorValue | None:
    """Return the value of a NUM item that is understood, in our unit and possible."""
    quantity = concepts.QUANTITIES.get(_code(item, "ConceptNameCodeSequence"))
    measured = item_list(item, "MeasuredValueSequence")
    if quantity is None or not measured:
        return None
    unit_code, _ = _code(measured[0], "MeasurementUnitsCodeSequence")
    number = read.number(measured[0], "NumericValue")
    unit, factor = concepts.UNIT_FACTORS[quantity.kind].get(unit_code, ("", math.nan))
    if number is None or not unit:
        return None
    low, high = concepts.PLAUSIBLE[unit]
    if not low <= number * factor <= high:
        return None
    key = f"{quantity.key}_index" if unit.endswith("/m2") else quantity.key
    return PriorValue(key, round(number * factor, 2), unit, quantity.code, measured_on)


def _code(item: Dataset, keyword: str) -> tuple[str, str]:
    """Return (value, scheme) of the first item of a code sequence, empty texts when missing."""
    for code in item_list(item, keyword):
        return read.text(code, "CodeValue"), read.text(code, "CodingSchemeDesignator")
    return "", ""
