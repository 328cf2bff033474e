"""Who and what identifies the people of a study: names, numbers and dates from its headers.

Only collects; ``worker.clinical.names`` and ``worker.clinical.redact`` find them in text.

References
----------
DICOM PS3.5 6.2 (PN: up to three component groups of five components).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from worker.clinical.elements import item_list, text_values
from worker.series import attributes as read

_IDENTIFIERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "AdmissionID",
    "StudyID",
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
    "PerformedProcedureStepID",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "InsurancePlanIdentification",
    "MedicalRecordLocator",
    "PersonTelephoneNumbers",
    "PatientTelephoneNumbers",
    "PatientTelecomInformation",
    "PatientAddress",
    "PersonAddress",
)
_SEQUENCES = (
    "RequestAttributesSequence",
    "ReferencedRequestSequence",
    "OtherPatientIDsSequence",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianIdentificationSequence",
    "PerformingPhysicianIdentificationSequence",
    "OperatorIdentificationSequence",
    "PhysiciansOfRecordIdentificationSequence",
    "PhysiciansReadingStudyIdentificationSequence",
    "RequestingPhysicianIdentificationSequence",
    "VerifyingObserverSequence",
    "AuthorObserverSequence",
    "ParticipantSequence",
    "ActualHumanPerformersSequence",
)
_SEPARATORS = re.compile(r"[\s,;.\-_'’`·・]+")
_MAXIMUM_NAME_LENGTH = 200
_MAXIMUM_NAMES = 200


@dataclass(frozen=True, slots=True)
class Name:
    """One component group of a person name, as words; ``given`` holds middle names too."""

    family: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All words."""
        return self.family + self.given


@dataclass(frozen=True, slots=True)
class People:
    """What must not stay in a text."""

    names: frozenset[Name] = frozenset()
    identifiers: frozenset[str] = frozenset()
    birth_dates: frozenset[date] = frozenset()


def people_of(headers: Iterable[Dataset]) -> People:
    """Collect names, identifiers and birth dates of everybody whom the headers name."""
    names: set[str] = set()
    identifiers: set[str] = set()
    births: set[date] = set()
    for header in headers:
        for dataset in _with_items(header):
            names.update(_person_names(dataset))
            for keyword in _IDENTIFIERS:
                identifiers.update(text_values(dataset, keyword, header))
        born = calendar_day(read.text(header, "PatientBirthDate"))
        if born is not None:
            births.add(born)
    parsed = {name for value in sorted(names)[:_MAXIMUM_NAMES] for name in split_name(value)}
    return People(frozenset(parsed), frozenset(identifiers), frozenset(births))


def split_name(value: str) -> Iterator[Name]:
    """Yield the component groups of a PN value, also of one written as people write names."""
    for group in unicodedata.normalize("NFKC", value[:_MAXIMUM_NAME_LENGTH]).split("="):
        if "^" in group:
            family, *others = group.split("^")
            given = " ".join(others[:2])  # prefix and suffix are titles, not names
        elif "," in group:
            family, given = group.split(",", 1)
        else:
            words = _words(group)
            # Without a mark the family name comes last, in East Asia first: the order is not used.
            family, given = (words[-1] if words else ""), " ".join(words[:-1])
        name = Name(_words(family), _words(given))
        if name.words:
            yield name


def calendar_day(text: str) -> date | None:
    """Return a DA value as a date, or None."""
    digits = text.replace(".", "").replace("-", "").strip()
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):  # noqa: PLR2004 - YYYYMMDD
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _words(component: str) -> tuple[str, ...]:
    return tuple(word for word in _SEPARATORS.split(component) if word)


def _with_items(header: Dataset) -> Iterator[Dataset]:
    """Yield the header and the items that name people, two levels deep."""
    yield header
    for keyword in _SEQUENCES:
        for item in item_list(header, keyword):
            yield item
            for inner in _SEQUENCES:
                yield from item_list(item, inner)
            yield from item_list(item, "PersonIdentificationCodeSequence")


def _person_names(dataset: Dataset) -> Iterator[str]:
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset converts its values
        if not tag.is_private and _is_person_name(int(tag)):
            yield from text_values(dataset, int(tag))


def _is_person_name(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "PN"
    except KeyError:
        return False
