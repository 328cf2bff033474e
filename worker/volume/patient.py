"""Whose study it is: one patient, and what measurements need to know about them.

Knows units and mistakes of demographic attributes (PS3.3 C.7.1.1, C.7.2.2) and of the magnetic
field strength. A value that no person and no scanner has is left out, never corrected by a guess.
"""

import math
import re
from collections.abc import Sequence
from datetime import date

from pydicom.dataset import Dataset

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series import attributes as read
from worker.volume.types import PatientContext

_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1.0 / 365.25, "W": 7.0 / 365.25, "M": 1.0 / 12.0, "Y": 1.0}
_DAYS_A_YEAR = 365.2425
_AGE_RANGE_YEARS = (0.0, 120.0)
_AGE_DISAGREEMENT_YEARS = 1.5
_HEIGHT_RANGE_CM = (40.0, 250.0)
_WEIGHT_RANGE_KG = (2.0, 350.0)
_FIELD_RANGE_T = (0.1, 12.0)
_CENTIMETRES_FROM = 30.0
_GAUSS_FROM = 1000.0
_GAUSS_PER_TESLA = 10000.0


def check_one_patient(headers: Sequence[Dataset]) -> None:
    """Make sure that all images are of one patient.

    Two patients are told apart by Patient ID; where one has none, by name and birth date together,
    so that a corrected spelling alone does not split a patient.

    Raises
    ------
    StudyRejectedError
        With ``MIXED_PATIENTS``.
    """
    identifiers = {read.text(header, "PatientID").strip().upper() for header in headers}
    people = {(_name(header), read.text(header, "PatientBirthDate")) for header in headers}
    named = {person for person in people if all(person)}
    differs = len(identifiers - {""}) > 1
    if "" in identifiers and len({n for n, _ in named}) > 1 and len({b for _, b in named}) > 1:
        differs = True
    if differs:
        detail = f"{max(len(identifiers - {''}), 2)} patients in {len(headers)} images"
        raise StudyRejectedError(Reason.MIXED_PATIENTS, detail)


def _name(header: Dataset) -> str:
    return re.sub(r"[\^\s=]+", " ", read.text(header, "PatientName")).strip().upper()


def patient_context(header: Dataset) -> PatientContext:
    """Read sex, age, height, weight and field strength from one image header."""
    sex = read.text(header, "PatientSex").upper()
    return PatientContext(
        sex=sex if sex in {"M", "F"} else None,
        age_years=_age_years(header),
        height_cm=_height_cm(read.number(header, "PatientSize")),
        weight_kg=_within(read.number(header, "PatientWeight"), _WEIGHT_RANGE_KG),
        field_strength_t=_field_strength_t(read.number(header, "MagneticFieldStrength")),
    )


def _within(value: float | None, limits: tuple[float, float]) -> float | None:
    return value if value is not None and limits[0] <= value <= limits[1] else None


def _age_years(header: Dataset) -> float | None:
    """Return the age at the study: by the dates, which are exact, else by Patient's Age.

    Where the two contradict each other, the dates were changed after acquisition (anonymised).
    """
    stated = _stated_age_years(header)
    born = _day(read.text(header, "PatientBirthDate"))
    studied = _day(read.text(header, "StudyDate") or read.text(header, "AcquisitionDate"))
    if born is not None and studied is not None:
        by_dates = _within(_years_between(born, studied), _AGE_RANGE_YEARS)
        if by_dates is not None and (
            stated is None or abs(by_dates - stated) <= _AGE_DISAGREEMENT_YEARS
        ):
            return by_dates
    return stated


def _stated_age_years(header: Dataset) -> float | None:
    stated = _AGE.fullmatch(read.text(header, "PatientAge").upper())
    if stated is None:
        return None
    return _within(round(int(stated[1]) * _YEARS[stated[2]], 2), _AGE_RANGE_YEARS)


def _years_between(born: date, studied: date) -> float:
    """Return birthdays passed, and two decimals of the year since: 17.99 just before the 18th."""
    had_it = (studied.month, studied.day) >= (born.month, born.day)
    birthdays = studied.year - born.year - (not had_it)
    since = ((studied - born).days - birthdays * _DAYS_A_YEAR) / _DAYS_A_YEAR
    return birthdays + math.floor(min(max(since, 0.0), 0.99) * 100) / 100


def _day(day: str) -> date | None:
    digits = day.replace(".", "").replace("-", "")
    if len(digits) != 8 or not digits.isdigit():  # noqa: PLR2004 - YYYYMMDD
        return None
    year, month, of_month = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    # Anonymised dates such as 19000101 or 00010101 are no birth dates of anyone scanned today.
    if year <= 1900:  # noqa: PLR2004
        return None
    try:
        return date(year, month, of_month)
    except ValueError:
        return None


def _height_cm(size: float | None) -> float | None:
    """Return Patient's Size in cm; the standard says metres, some consoles send centimetres."""
    if size is None:
        return None
    height_cm = size if size >= _CENTIMETRES_FROM else size * 100.0
    return _within(height_cm, _HEIGHT_RANGE_CM)


def _field_strength_t(value: float | None) -> float | None:
    """Return the field in tesla; some scanners write gauss (15000)."""
    if value is None:
        return None
    return _within(value / _GAUSS_PER_TESLA if value >= _GAUSS_FROM else value, _FIELD_RANGE_T)
