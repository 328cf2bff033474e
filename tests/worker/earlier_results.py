"""Earlier results in folders, as an analysis leaves them, without analysing anything."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from plugin.domain.comparison import COMPARED, Comparison, EarlierResult
from plugin.domain.findings import Assessment, Measurement
from tests.worker.report import samples
from worker.earlier import Version
from worker.findings.compare import changes_between
from worker.report import EarlierReport, PredecessorReport
from worker.report.header import result_dataset

REPORT = EarlierReport(
    "2.25.880", PredecessorReport("1.2.840.10008.5.1.4.1.1.88.34", "2.25.881", "2.25.882")
)
VERSION = Version("cmr-sax 1.0.0", "ab" * 32, "0.1.0")
PERSON = {"PatientID": "P-4711", "PatientBirthDate": "19700101", "PatientSex": "M"}


def header(**changes: str) -> Dataset:
    """Return the header of an image of the sample patient with other attributes."""
    made = samples.reference_header()
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


def write_result(
    folder: Path, assessment: Assessment, version: Version = VERSION, **changes: str
) -> Path:
    """Write ``result.json`` and both reports of a study that differs by ``changes``."""
    folder.mkdir(parents=True, exist_ok=True)
    study = header(**{"StudyInstanceUID": f"2.25.{abs(hash(folder.name)) % 10**9}", **changes})
    objects = []
    for number, kind in enumerate(("sr", "sr_enhanced")):
        made = result_dataset(
            study,
            samples.identity(),
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
            sop_instance_uid=f"{study.StudyInstanceUID}.{number}",
            series_instance_uid=f"{study.StudyInstanceUID}.9",
            modality="SR",
            series_number=9901,
            series_description="",
        )
        pydicom.dcmwrite(folder / f"{kind}.dcm", made, enforce_file_format=True)
        objects.append({"kind": kind, "sop_instance_uid": str(made.SOPInstanceUID)})
    name, _, number_of = version.bundle.rpartition(" ")
    written = {
        "bundle": {"name": name, "version": number_of, "digest": version.bundle_digest},
        "software_version": version.software_version,
        "objects": objects,
        "assessment": dataclasses.asdict(assessment),
    }
    (folder / "result.json").write_text(json.dumps(written), encoding="utf-8")
    return folder


def beside(assessment: Assessment, by: Mapping[str, float], **changes: object) -> Assessment:
    """Return an assessment beside an earlier one whose values were higher ``by`` so much."""
    moved = tuple(_moved(one, by.get(one.key, 0.0)) for one in assessment.measurements)
    before = dataclasses.replace(assessment, measurements=moved)
    known = {
        "day": "2024-03-01",
        "days": 307,
        "job_id": "",
        "made_by": VERSION.words,
        "same_version": True,
        "is_doubtful": False,
        "values": {key: v for key in COMPARED if (v := before.value(key)) is not None},
    }
    latest = EarlierResult(**{**known, **changes})
    found, otherwise = changes_between(assessment, before)
    return dataclasses.replace(assessment, comparison=Comparison((latest,), found, otherwise))


def _moved(one: Measurement, by: float) -> Measurement:
    interval = one.interval
    moved = None if interval is None else (interval[0] + by, interval[1] + by)
    return dataclasses.replace(one, value=one.value + by, interval=moved)
