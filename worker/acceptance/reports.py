"""Reference values from reports instead of a table: texts, and Structured Reports of before.

A folder holds ``STUDY.txt`` (UTF-8) or ``STUDY.dcm`` (SR) for each study. What is not plain is
listed for a person to read; nothing of a report's text leaves this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from plugin.domain.errors import ConfigurationError, Reason
from worker.acceptance.reference import COLUMNS, Reference
from worker.acceptance.statements import Statements, read_statements
from worker.clinical.prior import is_own, is_report, read_report

_TEXT, _DICOM = ".txt", ".dcm"
_KEYS = frozenset(COLUMNS.values())
_SAME = 0.5
"""Table and report agree when they differ by no more, in the unit of the value."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """A report that a person has to read, and why."""

    study: str
    doubts: tuple[str, ...]


def read_reports(folder: Path) -> tuple[list[Reference], list[ToRead]]:
    """Read every report of a folder.

    Returns
    -------
    tuple
        References with the values beyond doubt (perhaps none), and what a person must read.

    Raises
    ------
    ConfigurationError
        ``REFERENCE_INVALID``: there is no report, or two of one study.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {_TEXT, _DICOM})
    if not paths:
        raise ConfigurationError(Reason.REFERENCE_INVALID, "the folder of reports holds none")
    if len({path.stem for path in paths}) < len(paths):
        raise ConfigurationError(Reason.REFERENCE_INVALID, "two reports of one study")
    references, to_read = [], []
    for path in paths:
        found = _statements(path)
        references.append(Reference(path.stem, "", "", None, found.values))
        if found.doubts or not found.values:
            to_read.append(ToRead(path.stem, found.doubts or ("no value is stated",)))
    return references, to_read


def merge(
    table: Sequence[Reference], reports: Sequence[Reference], to_read: Sequence[ToRead]
) -> tuple[list[Reference], list[ToRead]]:
    """Complete a table by what reports say; where both say something else, a person reads it."""
    doubts = {one.study: one.doubts for one in to_read}
    by_study = {one.study: one for one in reports}
    merged = []
    for one in table:
        report = by_study.pop(one.study, None)
        if report is None:
            merged.append(one)
            continue
        other = sorted(
            key
            for key in one.values.keys() & report.values.keys()
            if abs(one.values[key] - report.values[key]) > _SAME
        )
        values = {**report.values, **one.values}
        if other:
            said = tuple(f"{key}: the table says something else" for key in other)
            doubts[one.study] = (*doubts.get(one.study, ()), *said)
            values = {key: value for key, value in values.items() if key not in other}
        merged.append(replace(one, values=values))
    merged += by_study.values()
    return merged, [ToRead(study, why) for study, why in sorted(doubts.items())]


def _statements(path: Path) -> Statements:
    if path.suffix.lower() == _TEXT:
        try:
            return read_statements(path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            return Statements({}, ("the text is not UTF-8",))
    return _of_document(path)


def _of_document(path: Path) -> Statements:
    """Return the coded values of a Structured Report; two of one kind are none."""
    try:
        header = pydicom.dcmread(path)
    except (InvalidDicomError, OSError, ValueError):
        return Statements({}, ("no DICOM document can be read",))
    if not is_report(header):
        return Statements({}, ("no Structured Report",))
    if is_own(header):
        return Statements({}, ("our own report is no reference",))
    told: dict[str, set[float]] = {}
    for one in read_report(header).report.values:
        if one.key in _KEYS:
            told.setdefault(one.key, set()).add(one.value)
    return Statements(
        {key: min(values) for key, values in told.items() if len(values) == 1},
        tuple(f"{key}: more than one value" for key, values in told.items() if len(values) > 1),
    )
