"""The table of reference values that a hospital brings: one line per study.

Knows columns and what is wrong with a cell. Errors name lines and columns, never what stands there.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.feedback import Diagnosis
from plugin.domain.findings import Priority
from plugin.domain.triage.vocabulary import FINDINGS

COLUMNS: Mapping[str, str] = {
    "lvef_percent": "lv_ejection_fraction",
    "lvedv_ml": "lv_end_diastolic_volume",
    "lvesv_ml": "lv_end_systolic_volume",
    "lv_mass_g": "lv_mass",
    "rvef_percent": "rv_ejection_fraction",
    "rvedv_ml": "rv_end_diastolic_volume",
    "rvesv_ml": "rv_end_systolic_volume",
    "wall_mm": "maximal_wall_thickness",
}
"""Column of the table and the measurement that it is compared with."""
_FINDING = "finding."
"""Before the key of a finding, in the name of a column that says yes or no."""
_OTHERS = ("study", "site", "group", "priority", "diagnosis")
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Reference:
    """One study: its folder's name, where it comes from, and the hospital's own values.

    Attributes
    ----------
    priority
        How soon it should have been read by the hospital's own judgement; None when not said.
    values
        By measurement key, in that measurement's unit.
    findings
        By key of a finding: whether it is there. One that is not named is not known.
    diagnosis
        The group that the heart belongs to; None when not said.
    """

    study: str
    site: str
    group: str
    priority: Priority | None
    values: Mapping[str, float]
    findings: Mapping[str, bool] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None


def read_references(path: Path) -> list[Reference]:
    """Read the table: CSV with a header line, UTF-8, a point in numbers, empty where not known.

    Raises
    ------
    ConfigurationError
        ``REFERENCE_INVALID``: names the line and the column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _check_header(rows.fieldnames or ())
            found = [_reference(row, rows.line_num) for row in rows]
    except (csv.Error, UnicodeDecodeError):
        raise ConfigurationError(Reason.REFERENCE_INVALID, f"{path.name}: no UTF-8 CSV") from None
    if not found:
        raise ConfigurationError(Reason.REFERENCE_INVALID, f"{path.name}: no study")
    repeated = {one.study for one in found if sum(o.study == one.study for o in found) > 1}
    if repeated:
        detail = f"{len(repeated)} studies stand in more than one line"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    return found


def _check_header(names: object) -> None:
    columns = [str(name).strip() for name in names] if isinstance(names, list) else []
    said = tuple(f"{_FINDING}{key}" for key in FINDINGS)
    unknown = [name for name in columns if name not in {*COLUMNS, *_OTHERS, *said}]
    if "study" not in columns:
        raise ConfigurationError(Reason.REFERENCE_INVALID, "there is no column study")
    if unknown:
        known = ", ".join((*_OTHERS, *COLUMNS, *said))
        detail = f"unknown column {unknown[0]}; known are {known}"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    if not any(name in {*COLUMNS, *said, "diagnosis"} for name in columns):
        detail = f"no reference value; at least one of {', '.join((*COLUMNS, *said))}, diagnosis"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)


def _reference(row: Mapping[str | None, object], line: int) -> Reference:
    cells = {str(key).strip(): str(value or "").strip() for key, value in row.items() if key}
    if None in row:
        raise ConfigurationError(Reason.REFERENCE_INVALID, f"line {line}: too many cells")
    name = cells["study"]
    if not name or Path(name).name != name:
        detail = f"line {line}, column study: the name of a folder"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    return Reference(
        name,
        cells.get("site", ""),
        cells.get("group", ""),
        _priority(cells.get("priority", ""), line),
        dict(_values(cells, line)),
        dict(_findings(cells, line)),
        _diagnosis(cells.get("diagnosis", ""), line),
    )


def _findings(cells: Mapping[str, str], line: int) -> Iterator[tuple[str, bool]]:
    for key in FINDINGS:
        column = f"{_FINDING}{key}"
        written = cells.get(column, "").lower()
        if not written:
            continue
        if written not in _YES_NO:
            detail = f"line {line}, column {column}: yes or no"
            raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
        yield key, _YES_NO[written]


def _diagnosis(written: str, line: int) -> Diagnosis | None:
    if not written:
        return None
    if written.lower() not in set(Diagnosis):
        detail = f"line {line}, column diagnosis: one of {', '.join(Diagnosis)}"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    return Diagnosis(written.lower())


def _priority(written: str, line: int) -> Priority | None:
    if not written:
        return None
    if written.upper() not in set(Priority):
        detail = f"line {line}, column priority: one of {', '.join(Priority)}"
        raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
    return Priority(written.upper())


def _values(cells: Mapping[str, str], line: int) -> Iterator[tuple[str, float]]:
    for column, key in COLUMNS.items():
        written = cells.get(column, "")
        if not written:
            continue
        try:
            value = float(written)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            detail = f"line {line}, column {column}: no number (with a point, without a unit)"
            raise ConfigurationError(Reason.REFERENCE_INVALID, detail)
        yield key, value
