"""Dates of birth in free text, in the notations of several countries.

Removed are dates that equal a known date of birth, and any date that is labelled as one. Others
stay: when an infarction was is part of a history.
"""

import re
from collections.abc import Iterable
from datetime import date

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan gen ene",
            "feb fev fév",
            "mar mär mrz maerz",
            "apr avr abr",
            "may mai mei mag",
            "jun juin giu",
            "jul juil lug",
            "aug aoû aou ago",
            "sep set",
            "oct okt ott",
            "nov",
            "dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
}
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_WORD = r"[^\W\d_]{3,12}"
_ORDINAL = "(?:st|nd|rd|th)?"
_NOTATIONS = (
    r"(?P<first>\d{1,4})(?P<mark>[./\-])(?P<second>\d{1,2})(?P=mark)(?P<third>\d{1,4})",
    rf"(?P<day>\d{{1,2}}){_ORDINAL}\.?[ \-]?(?P<month>{_WORD})\.?,?[ \-]?(?P<year>\d{{2,4}})",
    rf"(?P<month2>{_WORD})\.? (?P<day2>\d{{1,2}}){_ORDINAL},? (?P<year2>\d{{4}})",
    r"(?P<compact>\d{8})",
    rf"(?P<era>{'|'.join(_ERAS)})?(?P<year3>\d{{1,4}}) ?年 ?"
    r"(?P<month3>\d{1,2}) ?月 ?(?P<day3>\d{1,2}) ?日",
)
_DATE = re.compile(rf"(?<!\d)(?:{'|'.join(_NOTATIONS)})(?!\d)")
_ANY_DATE = re.sub(r"\?P<\w+>", "?:", _DATE.pattern).replace("(?P=mark)", r"[./\-]")

_LABELS = (
    *(r"d\.?o\.?b\.?", "date of birth", "birth ?date", "born(?: on| in)?", "geburtsdatum"),
    *(r"geb(?:oren|\.)?(?: am)?", "née? le", "date de naissance", "fecha de nacimiento"),
    "nat[oa] il",
)
_EAST_LABELS = "生年月日|出生日期|出生于|出生|生于"
LABELLED_BIRTH_DATE = re.compile(
    rf"(?:(?<!\w)(?:(?i:{'|'.join(_LABELS)})|\*)|{_EAST_LABELS})[ :]{{0,3}}"
    rf"(?:{_ANY_DATE}|(?:19|20)\d\d(?!\d))"
    rf"|(?:{_ANY_DATE}) ?(?:出生|生まれ|生(?!\w))"
)
"""A date that the text itself calls one of birth."""


class BirthDates:
    """Dates of birth to look for."""

    def __init__(self, dates: Iterable[date]) -> None:
        self._dates = frozenset(dates)

    def replace(self, text: str, replacement: str) -> str:
        """Return ``text`` with every known date of birth replaced."""
        if not self._dates:
            return text
        return _DATE.sub(lambda match: replacement if self._is_known(match) else match[0], text)

    def _is_known(self, match: re.Match[str]) -> bool:
        if match["mark"]:
            numbers = sorted(int(match[name]) for name in ("first", "second", "third"))
            return any(numbers in _orders(born) for born in self._dates)
        if match["compact"]:
            digits = match["compact"]
            return any(digits in _compact(born) for born in self._dates)
        year, month, day = _named_parts(match)
        return any(
            (born.month, born.day) == (month, day) and year in (born.year, born.year % 100)
            for born in self._dates
        )


def _orders(born: date) -> tuple[list[int], list[int]]:
    """Return the three numbers of a date, sorted, with four and with two digits of the year."""
    return (
        sorted((born.year, born.month, born.day)),
        sorted((born.year % 100, born.month, born.day)),
    )


def _compact(born: date) -> tuple[str, ...]:
    return tuple(born.strftime(form) for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y"))


def _named_parts(match: re.Match[str]) -> tuple[int, int | None, int]:
    """Return year, month and day of a date with a month's name or East Asian marks."""
    if match["year3"]:
        year = int(match["year3"]) + _ERAS.get(match["era"] or "", 0)
        return year, int(match["month3"]), int(match["day3"])
    suffix = "" if match["year"] else "2"
    name = match[f"month{suffix}"].lower()
    month = next((n for word, n in _MONTHS.items() if name.startswith(word)), None)
    return int(match[f"year{suffix}"]), month, int(match[f"day{suffix}"])
