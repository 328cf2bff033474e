"""Single content items, and how their values are written.

References
----------
DICOM PS3.3 C.17.3.2 (content item macros).
"""

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    ContentItem,
    ContentSequence,
    NumContentItem,
    TextContentItem,
)
from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from worker.report import codes
from worker.report.codes import concept
from worker.report.wording import digits, plain_number

MODIFIER = "HAS CONCEPT MOD"
PROPERTY = "HAS PROPERTIES"
INFERRED = "INFERRED FROM"
CONTAINS = "CONTAINS"


def text(name: Code, value: str, relationship: str = CONTAINS) -> TextContentItem:
    """Return a TEXT item."""
    return TextContentItem(concept(name), value, relationship_type=relationship)


def coded(name: Code, value: Code, relationship: str = CONTAINS) -> CodeContentItem:
    """Return a CODE item."""
    return CodeContentItem(concept(name), concept(value), relationship_type=relationship)


def number(name: Code, value: float, ucum: str, relationship: str) -> NumContentItem:
    """Return a NUM item, rounded to what its unit deserves."""
    item = NumContentItem(
        concept(name), rounded(value, ucum), codes.unit(ucum), relationship_type=relationship
    )
    print_plainly(item, rounded(value, ucum))
    return item


def rounded(value: float, ucum: str) -> int | float:
    """Return the value as it is written: with the decimals of its unit, whole as an integer."""
    result = round(float(value), digits(ucum))
    return int(result) if result.is_integer() else result


def print_plainly(item: Dataset, value: float) -> None:
    """Write ``67`` where highdicom writes ``67.0``: readers show this text as it is."""
    item.MeasuredValueSequence[0].NumericValue = plain_number(value)


def add_children(item: Dataset, children: Sequence[ContentItem]) -> None:
    """Put content items below one, behind those that are there."""
    if not children:
        return
    if "ContentSequence" in item:
        item.ContentSequence.extend(children)
    else:
        item.ContentSequence = ContentSequence(children)
