"""One condition of a policy file, from what was written to what can be judged.

Knows the keys of every kind of condition; groups, rules and lines are ``parse``.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from plugin.domain.comparison import COMPARED
from plugin.domain.findings import ReasonKind
from plugin.domain.triage.inputs import ClinicalFlag, IncomingPriority, PatientClass
from plugin.domain.triage.policy import (
    ChangeCondition,
    ClassCondition,
    Condition,
    Direction,
    MeasurementCondition,
    OrderCondition,
    Side,
    StatedCondition,
    TextCondition,
    WaitingCondition,
)
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS, STRATA

_E = TypeVar("_E", bound=StrEnum)

_SIDES = {
    "below": Side.BELOW,
    "at_or_below": Side.AT_OR_BELOW,
    "above": Side.ABOVE,
    "at_or_above": Side.AT_OR_ABOVE,
}
CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "measurement": (*_SIDES, "unit", "surely"),
    "change": (*Direction, "unit", "within_days"),
    "finding": ("undetermined_counts",),
    "stratum": ("undetermined_counts",),
    "text": (),
    "patient_class": (),
    "order_priority": (),
    "waiting_minutes": (),
    "group": (),
}
"""What a condition may be about, and which further keys it then takes."""


class ProblemError(Exception):
    """Something in the file that a person must mend."""


def _measurement(raw: Mapping[str, Any]) -> Condition:
    key = _known("measurement", raw["measurement"], MEASUREMENTS)
    sides = [side for side in _SIDES if side in raw]
    if len(sides) != 1:
        message = f"measurement {key} needs one of {', '.join(_SIDES)}"
        raise ProblemError(message)
    _require_unit(raw, key)
    threshold = _number(sides[0], raw[sides[0]])
    return MeasurementCondition(key, _SIDES[sides[0]], threshold, _truth(raw, "surely"))


def _change(raw: Mapping[str, Any]) -> Condition:
    key = _known("change", raw["change"], COMPARED)
    directions = [one for one in Direction if one in raw]
    if len(directions) != 1:
        message = f"change {key} needs one of {', '.join(Direction)}"
        raise ProblemError(message)
    _require_unit(raw, key)
    at_least = _number(directions[0], raw[directions[0]])
    if at_least <= 0:
        message = f"key {directions[0]}: must be more than 0"
        raise ProblemError(message)
    days = raw.get("within_days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or days < 0):
        message = "key within_days: must be a whole number of days"
        raise ProblemError(message)
    return ChangeCondition(key, directions[0], at_least, days)


def _finding(raw: Mapping[str, Any]) -> Condition:
    key = _known("finding", raw["finding"], FINDINGS)
    return StatedCondition(ReasonKind.FINDING, key, _truth(raw, "undetermined_counts"))


def _stratum(raw: Mapping[str, Any]) -> Condition:
    key = _known("stratum", raw["stratum"], STRATA)
    return StatedCondition(ReasonKind.STRATUM, key, _truth(raw, "undetermined_counts"))


def _text(raw: Mapping[str, Any]) -> Condition:
    return TextCondition(choice(ClinicalFlag, raw["text"]))


def _class(raw: Mapping[str, Any]) -> Condition:
    return ClassCondition(choice(PatientClass, raw["patient_class"]))


def _order(raw: Mapping[str, Any]) -> Condition:
    return OrderCondition(choice(IncomingPriority, raw["order_priority"]))


def _waiting(raw: Mapping[str, Any]) -> Condition:
    return WaitingCondition(_number("waiting_minutes", raw["waiting_minutes"]))


MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Condition]] = {
    "measurement": _measurement,
    "change": _change,
    "finding": _finding,
    "stratum": _stratum,
    "text": _text,
    "patient_class": _class,
    "order_priority": _order,
    "waiting_minutes": _waiting,
}


def _require_unit(raw: Mapping[str, Any], key: str) -> None:
    unit, given = MEASUREMENTS[key].unit, raw.get("unit")
    if given != unit:
        message = f'key unit: {key} is in "{unit}"' + (f', not "{given}"' if given else "")
        raise ProblemError(message)


def _known(what: str, key: object, known: Collection[str]) -> str:
    if not isinstance(key, str) or key not in known:
        message = f"there is no {what} {key!r}{suggestion(str(key), known)}"
        raise ProblemError(message)
    return key


def choice(kind: type[_E], written: object) -> _E:
    """Return the member that was written.

    Raises
    ------
    ProblemError
        It is none; the text names those that there are.
    """
    if not isinstance(written, str) or written not in {one.value for one in kind}:
        close = suggestion(str(written), [one.value for one in kind])
        message = f"{written!r} is none of {', '.join(kind)}{close}"
        raise ProblemError(message)
    return kind(written)


def _number(key: str, written: object) -> float:
    is_number = isinstance(written, int | float) and not isinstance(written, bool)
    if not is_number or not abs(float(written)) < float("inf"):  # type: ignore[arg-type]
        message = f"key {key}: must be a number"
        raise ProblemError(message)
    return float(written)  # type: ignore[arg-type]


def _truth(raw: Mapping[str, Any], key: str) -> bool:
    value = raw.get(key, False)
    if not isinstance(value, bool):
        message = f"key {key}: must be true or false"
        raise ProblemError(message)
    return value


def suggestion(key: str, known: Collection[str]) -> str:
    """Return what may have been meant, as the end of a sentence; empty when nothing is near."""
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
