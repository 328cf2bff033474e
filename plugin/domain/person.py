"""Whether two studies are of one person, and which of them was made first.

Decides on identifiers, birth date and sex only; never on a name, which is misspelt, changed and
shared. Values are as they stand in headers; what is no birth date of anybody counts as not told.

References
----------
DICOM PS3.3 C.7.1.1 (Patient ID is unique within its issuer), PS3.5 6.2 (DA, TM).
"""

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum

_DAY = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.(\d{1,6}))?")
_FIRST_BIRTH_YEAR = 1901
"""Anonymised dates such as 19000101 or 00010101 are nobody's."""


class Sameness(StrEnum):
    """What identifiers tell of two studies."""

    SAME = "same"
    UNCONFIRMED = "unconfirmed"
    CONTRADICTED = "contradicted"
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Person:
    """Patient ID (0010,0020), its issuer (0010,0021), birth date and sex, as headers tell them."""

    patient_id: str
    issuer: str = ""
    birth_date: str = ""
    sex: str = ""

    def compared_with(self, other: "Person") -> Sameness:
        """Tell whether another study is of this person.

        Returns
        -------
        Sameness
            ``SAME`` only where ID and birth date are told in both and equal; ``CONTRADICTED``
            where the ID is the same and birth date or sex is not; ``UNCONFIRMED`` where a birth
            date is not told; ``UNRELATED`` for another ID or another issuer of it.
        """
        own, its = self.patient_id.strip(), other.patient_id.strip()
        issuers = {one for one in (self.issuer.strip(), other.issuer.strip()) if one}
        if not own or own != its or len(issuers) > 1:
            return Sameness.UNRELATED
        births = {_birth(self.birth_date), _birth(other.birth_date)}
        sexes = {_sex(self.sex), _sex(other.sex)} - {""}
        if len(births - {""}) > 1 or len(sexes) > 1:
            return Sameness.CONTRADICTED
        return Sameness.UNCONFIRMED if "" in births else Sameness.SAME


@dataclass(frozen=True, slots=True)
class Moment:
    """Study Date (0008,0020) and Study Time (0008,0030), as headers tell them."""

    date: str
    time: str = ""

    @property
    def day(self) -> str:
        """The date as ``YYYY-MM-DD``; empty when it is none."""
        found = _DAY.fullmatch(self.date.strip())
        try:
            return "" if found is None else datetime.date(*map(int, found.groups())).isoformat()
        except ValueError:
            return ""

    def is_before(self, other: "Moment") -> bool | None:
        """Tell whether this is earlier; None where dates or times do not tell."""
        if not self.day or not other.day:
            return None
        if self.day != other.day:
            return self.day < other.day
        own, its = self.clock, other.clock
        return own < its if own and its and own != its else None

    @property
    def clock(self) -> str:
        """``HHMMSSffffff``, so that texts are in the order of time; empty when it is none."""
        found = _TIME.fullmatch(self.time.strip())
        if found is None:
            return ""
        hours, minutes, seconds, fraction = found.groups()
        return f"{hours}{minutes or '00'}{seconds or '00'}{(fraction or '').ljust(6, '0')}"


def _birth(text: str) -> str:
    found = _DAY.fullmatch(text.strip())
    if found is None or int(found[1]) < _FIRST_BIRTH_YEAR:
        return ""
    return "".join(found.groups())


def _sex(text: str) -> str:
    """Return M or F; O and anything else tells nothing."""
    sex = text.strip().upper()
    return sex if sex in {"M", "F"} else ""
