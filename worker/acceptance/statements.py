"""Values that a report's text states, in English or Chinese; what is not plain is left to a person.

Takes a value only where name, number and unit stand together in one clause. Two values for one
quantity, a range, a limit, an earlier value, a missing unit or side: none is taken, and the doubt
is told. Better a study that a person reads than a reference value that nobody wrote.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from unicodedata import normalize

_PERCENT = (5.0, 90.0)
_ML = (10.0, 900.0)
_LV = r"(?:LV|left[ -]ventric(?:le|ular)(?:'s)?)"
_RV = r"(?:RV|right[ -]ventric(?:le|ular)(?:'s)?)"
_FRACTION = r"(?:EF|ejection fraction)"
_END_DIASTOLIC = r"(?:EDV|end[ -]?diastolic volume)"
_END_SYSTOLIC = r"(?:ESV|end[ -]?systolic volume)"
_FRACTION_ZH, _DIASTOLIC_ZH, _SYSTOLIC_ZH = "射血分数", "舒张末期?容积", "收缩末期?容积"
_LV_ZH, _RV_ZH = "左心?室", "右心?室"


@dataclass(frozen=True, slots=True)
class _Quantity:
    key: str
    name: re.Pattern[str]
    unit: str
    limits: tuple[float, float]


def _quantity(key: str, english: str, chinese: str, unit: str) -> _Quantity:
    # No letter before, so that no other word ends like it; none behind, so that LVEDVi is another.
    name = re.compile(rf"(?<![A-Za-z])(?:{english})(?![A-Za-z])|{chinese}", re.IGNORECASE)
    return _Quantity(key, name, unit, _PERCENT if unit == "%" else _ML)


_QUANTITIES = (
    _quantity("lv_ejection_fraction", rf"{_LV}[ -]?{_FRACTION}", f"{_LV_ZH}{_FRACTION_ZH}", "%"),
    _quantity("rv_ejection_fraction", rf"{_RV}[ -]?{_FRACTION}", f"{_RV_ZH}{_FRACTION_ZH}", "%"),
    _quantity(
        "lv_end_diastolic_volume", rf"{_LV}[ -]?{_END_DIASTOLIC}", f"{_LV_ZH}{_DIASTOLIC_ZH}", "ml"
    ),
    _quantity(
        "lv_end_systolic_volume", rf"{_LV}[ -]?{_END_SYSTOLIC}", f"{_LV_ZH}{_SYSTOLIC_ZH}", "ml"
    ),
    _quantity(
        "rv_end_diastolic_volume", rf"{_RV}[ -]?{_END_DIASTOLIC}", f"{_RV_ZH}{_DIASTOLIC_ZH}", "ml"
    ),
    _quantity(
        "rv_end_systolic_volume", rf"{_RV}[ -]?{_END_SYSTOLIC}", f"{_RV_ZH}{_SYSTOLIC_ZH}", "ml"
    ),
)
_SIDELESS = re.compile(
    rf"(?<![A-Za-z])(?<!ventricular )(?<!ventricle )(?<![LR]V )(?<![LR]V-){_FRACTION}(?![A-Za-z])"
    rf"|(?<!室){_FRACTION_ZH}",
    re.IGNORECASE,
)
_EARLIER = re.compile(
    r"\b(?:previous(?:ly)?|prior|earlier|formerly|former|last|was|baseline)\b"
    r"|compared (?:with|to)|既往|前次|上次|之前|此前|原来|曾|较前|对比",
    re.IGNORECASE,
)
# Between name and number: signs and short words that change nothing.
_LINK = (
    r"(?:\s*\((?:LV|RV)?\s?(?:EF|EDV|ESV)\)|\))?"
    r"\s*(?:[:=,]|is|of|at|measures|measured|estimated|calculated|about|approximately|approx\.?"
    r"|为|是|约|约为|等于|值|\s)*\s*"
)
_LIMIT = (
    r"(?P<limit>[<>≤≥]|(?:less|more|greater|lower|higher) than|at least|up to|above|below|over"
    r"|under|大于|小于|高于|低于|不低于|不高于)?\s*"
)
_NUMBER = r"(?P<value>\d{1,3}(?:[.,]\d{1,2})?)(?!\d)"
_RANGE = r"(?P<range>\s*(?:%|ml)?\s*(?:-|–|~|to|至|到)\s*\d+(?:[.,]\d+)?)?"
_STATED = re.compile(
    rf"{_LINK}{_LIMIT}{_NUMBER}{_RANGE}\s*(?P<unit>%|ml(?!\s*/)|cc|毫升)?", re.IGNORECASE
)
_APART = {
    "%": re.compile(r"\d\s*%"),
    "ml": re.compile(r"\d\s*(?:ml(?!\s*/)|cc|毫升)", re.IGNORECASE),
}
_UNITS = {"%": "%", "ml": "ml", "cc": "ml", "毫升": "ml"}
# A point between digits ends no clause, nor does a comma there.
_CLAUSE_ENDS = re.compile(r"(?<!\d)\.|\.(?!\d)|[;\n。；，]|,(?!\d)")


@dataclass(frozen=True, slots=True)
class Statements:
    """What a text states.

    Attributes
    ----------
    values
        By measurement key, in that measurement's unit.
    doubts
        Why something that looked like a value was not taken; names quantities, nothing of the text.
    """

    values: Mapping[str, float]
    doubts: tuple[str, ...]


def read_statements(text: str) -> Statements:
    """Return the values that a text states beyond doubt."""
    values: dict[str, float] = {}
    doubts: list[str] = []
    clauses = [part for part in _CLAUSE_ENDS.split(normalize("NFKC", text)) if part.strip()]
    for quantity in _QUANTITIES:
        found, why = _stated(quantity, clauses)
        if why:
            doubts.append(f"{quantity.key}: {why}")
        elif found is not None:
            values[quantity.key] = found
    if "lv_ejection_fraction" not in values and any(_sideless(clause) for clause in clauses):
        doubts.append("ejection fraction: the ventricle is not named")
    return Statements(values, tuple(doubts))


def _stated(quantity: _Quantity, clauses: list[str]) -> tuple[float | None, str]:
    """Return the one value of a quantity, or why there is none that can be taken."""
    taken: set[float] = set()
    for clause in clauses:
        for value, why in _readings(quantity, clause):
            if why:
                return None, why
            taken.add(value)
    if len(taken) > 1:
        return None, "more than one value"
    return next(iter(taken), None), ""


def _readings(quantity: _Quantity, clause: str) -> Iterator[tuple[float, str]]:
    for name in quantity.name.finditer(clause):
        stated = _STATED.match(clause, name.end())
        if stated is None:
            if _APART[quantity.unit].search(clause, name.end()):
                yield 0.0, "the number stands apart from the name"
            continue  # the name alone, such as a heading or "LVEF is reduced"
        value = float(stated["value"].replace(",", "."))
        yield value, _doubt(quantity, stated, value, clause)


def _doubt(quantity: _Quantity, stated: re.Match[str], value: float, clause: str) -> str:
    """Return why a reading cannot be taken; empty when it can."""
    if _EARLIER.search(clause):
        return "an earlier value is mentioned"
    if stated["limit"]:
        return "a limit, not a value"
    if stated["range"]:
        return "a range, not a value"
    if stated["unit"] is None or _UNITS[stated["unit"].lower()] != quantity.unit:
        return "no unit, or another one"
    low, high = quantity.limits
    return "" if low <= value <= high else "a value that cannot be"


def _sideless(clause: str) -> bool:
    return any(
        (stated := _STATED.match(clause, name.end())) is not None and stated["unit"] == "%"
        for name in _SIDELESS.finditer(clause)
    )
