"""Reads earlier results from their folders and sets the latest beside a new assessment.

A folder holds ``result.json``, which names nobody, and the report, which tells whose it is and of
which day; only where both belong together, the person is the same and the study is earlier, values
are compared. Nothing here can stop an analysis: what cannot be read or compared is said.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from plugin.domain.comparison import Comparison, EarlierResult, Obstacle
from plugin.domain.findings import Assessment
from plugin.domain.person import Moment, Person, Sameness
from plugin.logs import get_logger
from plugin.registry.earlier import EarlierResults
from worker.analysis_result import RESULT_NAME
from worker.findings.compare import changes_between, is_doubtful, values_of
from worker.report import EarlierReport, PredecessorReport
from worker.series import attributes as read

log = get_logger(__name__)

_REPORTS = ("sr", "sr_enhanced")
_KEYWORDS = (
    "SpecificCharacterSet",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
)


@dataclass(frozen=True, slots=True)
class EarlierFolder:
    """Where an earlier result lies.

    Attributes
    ----------
    job_id
        Of the analysis that wrote it, where the registry knows it.
    held_kinds
        Kinds of its objects that an archive may have: only a report of these is referred to.
    is_vouched
        A person says whose result it is; then a missing birth date is no obstacle.
    """

    folder: Path
    job_id: str = ""
    held_kinds: frozenset[str] = frozenset(_REPORTS)
    is_vouched: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """Results that may be earlier ones of a person, and why further ones are not among them."""

    folders: tuple[EarlierFolder, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """What measured a study: bundle and software."""

    bundle: str
    bundle_digest: str
    software_version: str

    @property
    def words(self) -> str:
        """Both as people read them."""
        return f"{self.bundle}, cmr-triage {self.software_version}"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was made of earlier results.

    Attributes
    ----------
    comparison
        None where nobody knows of an earlier result.
    report
        The report that is compared with, where an archive may have it.
    """

    comparison: Comparison | None = None
    report: EarlierReport | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """One earlier result as its folder tells it."""

    source: EarlierFolder
    person: Person
    moment: Moment
    study_instance_uid: str
    version: Version
    assessment: Assessment
    values: dict[str, float]
    reports: dict[str, PredecessorReport]


def past_of(known: EarlierResults) -> Past:
    """Return what the registry knows of a person before a study."""
    folders = (EarlierFolder(one.folder, one.job_id, one.held_kinds) for one in known.results)
    return Past(tuple(folders), known.obstacles)


def folder_of(given: Path) -> Path:
    """Return the folder of a result that a person named by its ``result.json`` or its folder."""
    return given.parent if given.name == RESULT_NAME else given


def recall(version: Version, past: Past, reference: Dataset, assessment: Assessment) -> Recalled:
    """Set a new assessment beside the latest earlier result that may be compared with.

    Parameters
    ----------
    version
        What measured this study.
    reference
        Header of an image of this study.
    """
    found: list[_Read] = []
    noted = list(past.obstacles)
    for source in past.folders:
        one = _read(source)
        obstacle = Obstacle.UNREADABLE if one is None else _obstacle(reference, one)
        if obstacle is not None:
            noted.append(obstacle)
        elif one is not None:
            found.append(one)
    found.sort(key=lambda one: (one.moment.day, one.moment.clock))
    if not found and not noted:
        return Recalled()
    told = tuple(dict.fromkeys(noted))
    if not found:
        return Recalled(Comparison(obstacles=told))
    return _compared(reference, assessment, version, found, told)


def _compared(
    reference: Dataset,
    assessment: Assessment,
    version: Version,
    found: Sequence[_Read],
    obstacles: tuple[Obstacle, ...],
) -> Recalled:
    latest = found[-1]
    changes, otherwise = changes_between(assessment, latest.assessment)
    if not changes and not otherwise:
        obstacles = (*obstacles, Obstacle.NOTHING_IN_COMMON)
    today = date.fromisoformat(_moment(reference).day)
    results = tuple(_result(one, version, today) for one in found)
    return Recalled(Comparison(results, changes, otherwise, obstacles), _report(latest))


def _result(one: _Read, version: Version, today: date) -> EarlierResult:
    return EarlierResult(
        day=one.moment.day,
        days=(today - date.fromisoformat(one.moment.day)).days,
        job_id=one.source.job_id,
        made_by=one.version.words,
        same_version=one.version == version,
        is_doubtful=is_doubtful(one.assessment),
        values=one.values,
    )


def _report(one: _Read) -> EarlierReport | None:
    """Return the report in the first form that an archive may have."""
    held = (ref for kind, ref in one.reports.items() if kind in one.source.held_kinds)
    report = next(held, None)
    return None if report is None else EarlierReport(one.study_instance_uid, report)


def _obstacle(reference: Dataset, one: _Read) -> Obstacle | None:
    """Tell why a result must not be compared with; None where it may be."""
    if one.study_instance_uid == read.text(reference, "StudyInstanceUID"):
        return Obstacle.SAME_STUDY
    sameness = _person(reference).compared_with(one.person)
    if sameness is Sameness.UNRELATED:
        return Obstacle.UNRELATED
    if sameness is Sameness.CONTRADICTED:
        return Obstacle.OTHER_PERSON
    if sameness is Sameness.UNCONFIRMED and not one.source.is_vouched:
        return Obstacle.IDENTITY_UNCONFIRMED
    is_earlier = one.moment.is_before(_moment(reference))
    if is_earlier is None:
        return Obstacle.ORDER_UNKNOWN
    return None if is_earlier else Obstacle.NOT_EARLIER


def _read(source: EarlierFolder) -> _Read | None:
    """Read one folder; None where something is missing, damaged or does not belong together."""
    try:
        return _parsed(source)
    except Exception as error:  # a damaged file can make pydicom raise nearly anything
        log.warning("earlier_result_unreadable", exc_info=error)
        return None


def _parsed(source: EarlierFolder) -> _Read:
    raw: dict[str, Any] = json.loads((source.folder / RESULT_NAME).read_text(encoding="utf-8"))
    assessment = Assessment.from_json(json.dumps(raw["assessment"]))
    header = _header(source.folder / "sr.dcm")
    written = {one["kind"]: one for one in raw["objects"]}
    if written["sr"]["sop_instance_uid"] != str(header.SOPInstanceUID):
        message = "report and result are of two analyses"
        raise ValueError(message)
    return _Read(
        source,
        _person(header),
        _moment(header),
        str(header.StudyInstanceUID),
        Version(
            f"{raw['bundle']['name']} {raw['bundle']['version']}",
            str(raw["bundle"]["digest"]),
            str(raw["software_version"]),
        ),
        assessment,
        values_of(assessment),
        _references(source.folder),
    )


def _references(folder: Path) -> dict[str, PredecessorReport]:
    headers = {kind: _header(folder / f"{kind}.dcm") for kind in _REPORTS}
    return {
        kind: PredecessorReport(
            str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.SeriesInstanceUID)
        )
        for kind, header in headers.items()
    }


def _header(path: Path) -> Dataset:
    with read.without_complaints():
        return pydicom.dcmread(path, specific_tags=list(_KEYWORDS), stop_before_pixels=True)


def _person(header: Dataset) -> Person:
    keywords = ("PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
    return Person(*(read.text(header, keyword) for keyword in keywords))


def _moment(header: Dataset) -> Moment:
    return Moment(read.text(header, "StudyDate"), read.text(header, "StudyTime"))
