"""The result as FHIR: a DiagnosticReport with its Observations, for a hospital's interfaces.

A Bundle of plain JSON values in R4, with the codes and units of the Structured Report. It holds no
patient data but the references by which a receiver finds patient, order and study. Everything is
``preliminary`` and carries the security label that says that an AI asserted it.

References
----------
HL7 FHIR R4 (4.0.1): Bundle, DiagnosticReport, Observation, Device; v3-ObservationValue AIAST.
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from plugin.domain.findings import (
    Certainty,
    Code,
    Finding,
    Measurement,
    NormalRange,
    NotAssessed,
)
from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME, derive_uid
from worker.findings.compared import change_sentence, summary_sentences
from worker.findings.language import load_language
from worker.findings.worded import worded
from worker.report import codes
from worker.report.header import local_time
from worker.report.items import rounded
from worker.report.material import Material
from worker.report.passages import with_worded_impression

FILE_NAME = "fhir.json"
Json = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UMLS": "http://www.nlm.nih.gov/research/umls",
    "UCUM": "http://unitsofmeasure.org",
    codes.PRIVATE_SCHEME: f"urn:oid:{derive_uid('coding scheme', codes.PRIVATE_SCHEME)}",
}
_BY_AI = {
    "system": f"{_TERMINOLOGY}/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_SIDES = {"below": ("L", "Low"), "within": ("N", "Normal"), "above": ("H", "High")}
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")


def fhir_bundle(material: Material) -> Json:
    """Return the Bundle: the report first, then the device and every observation."""
    return _Bundle(material).resource()


class _Bundle:
    """Builds the resources of one result; their ids follow from the report's UID."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.language = load_language(material.identity.report_language)
        self.assessment = with_worded_impression(
            worded(material.assessment, self.language.code), material.wording, self.language
        )

        comparison = self.assessment.comparison
        latest = None if comparison is None else comparison.latest
        told = () if comparison is None or latest is None else comparison.changes
        self._changes = {one.key: one for one in told}
        self._changed_words = {
            one.key: change_sentence(one, latest, self.language) for one in told if latest
        }
        self._compared = () if comparison is None else summary_sentences(comparison, self.language)

    def resource(self) -> Json:
        observations = list(self._observations())
        entries = [
            ("report", self._report([key for key, _ in observations])),
            ("device", self._device()),
            *observations,
        ]
        return {
            "resourceType": "Bundle",
            "id": self._id("bundle"),
            "meta": {"security": [_BY_AI]},
            "type": "collection",
            "timestamp": self._moment(),
            "entry": [{"fullUrl": self._url(key), "resource": one} for key, one in entries],
        }

    def _report(self, keys: list[str]) -> Json:
        notice = self.language.say("sentences", "disclaimer")
        notes = (note.sentence for note in self.assessment.quality)
        present = [f for f in self.assessment.findings if f.certainty is Certainty.PRESENT]
        report = {
            "resourceType": "DiagnosticReport",
            **self._common("report"),
            "identifier": [_uid_identifier(self.material.uids.instance("sr"))],
            "status": "preliminary",
            "category": [_concept(f"{_TERMINOLOGY}/v2-0074", "RAD", "Radiology")],
            "code": _coded(codes.PROCEDURE),
            "issued": self._moment(),
            "result": [{"reference": self._url(key)} for key in keys],
            "conclusion": " ".join([notice, *self.assessment.impression, *notes, *self._compared]),
            "conclusionCode": [_coded(one.code) for one in present],
            **self._about_study("imagingStudy"),
        }
        return {key: value for key, value in report.items() if value}

    def _device(self) -> Json:
        identity = self.material.identity
        return {
            "resourceType": "Device",
            "id": self._id("device"),
            "manufacturer": MANUFACTURER,
            "deviceName": [{"name": MODEL_NAME, "type": "manufacturer-name"}],
            "version": [
                {"type": {"text": "software"}, "value": identity.software_version},
                {"type": {"text": "model bundle"}, "value": identity.bundle},
                {"type": {"text": "model bundle, sha256"}, "value": identity.bundle_digest},
            ],
        }

    def _observations(self) -> Iterator[tuple[str, Json]]:
        """Yield key and resource of every statement."""
        for measurement in self.assessment.measurements:
            yield _measurement_key(measurement), self._measured(measurement)
        for finding in self.assessment.findings:
            yield f"finding {finding.key}", self._found(finding)
        for thing in self.assessment.not_assessed:
            yield f"not assessed {thing.key}", self._absent(thing)
        priority = codes.PRIORITY_VALUES.get(self.assessment.priority.level)
        if priority is not None:
            observation = self._observation("priority", codes.PRIORITY)
            observation["valueCodeableConcept"] = _coded(priority)
            observation["note"] = [{"text": self.assessment.priority.sentence}]
            yield "priority", observation

    def _measured(self, measurement: Measurement) -> Json:
        observation = self._observation(_measurement_key(measurement), measurement.code)
        observation["code"]["text"] = measurement.name
        observation["valueQuantity"] = _quantity(measurement.value, measurement.unit)
        if measurement.finding_site is not None:
            observation["bodySite"] = _coded(measurement.finding_site)
        method: Json = {} if measurement.method is None else _coded(measurement.method)
        observation["method"] = {**method, "text": measurement.definition}
        if measurement.normal_ranges:
            observation["referenceRange"] = [
                _reference_range(one, measurement.unit) for one in measurement.normal_ranges
            ]
            sides = {one.side(measurement.value) for one in measurement.normal_ranges}
            if len(sides) == 1:
                system = f"{_TERMINOLOGY}/v3-ObservationInterpretation"
                observation["interpretation"] = [_concept(system, *_SIDES[sides.pop()])]
        parts = []
        if measurement.phase in codes.CYCLE_POINTS:
            point = codes.CYCLE_POINTS[measurement.phase]
            cycle_point = _coded(codes.CARDIAC_CYCLE_POINT)
            parts.append({"code": cycle_point, "valueCodeableConcept": _coded(point)})
        if measurement.interval is not None:
            low, high = (_quantity(end, measurement.unit) for end in measurement.interval)
            parts.append({"code": _coded(codes.UNCERTAINTY), "valueRange": _range(low, high)})
        change = self._changes.get(measurement.key) if measurement.segment is None else None
        if change is not None:
            code = codes.DIFFERENCES.get(change.key, codes.DIFFERENCE)
            difference = _quantity(change.difference, change.unit)
            parts.append({"code": _coded(code), "valueQuantity": difference})
            observation["note"] = [{"text": self._changed_words[change.key]}]
        if parts:
            observation["component"] = parts
        return observation

    def _found(self, finding: Finding) -> Json:
        observation = self._observation(f"finding {finding.key}", finding.code)
        present = finding.certainty is Certainty.PRESENT
        observation["valueCodeableConcept"] = _coded(
            codes.PRESENT if present else codes.UNDETERMINED
        )
        if finding.finding_site is not None:
            observation["bodySite"] = _coded(finding.finding_site)
        basis = (self.assessment.measurement(key) for key in finding.basis)
        derived = [
            {"reference": self._url(_measurement_key(one))} for one in basis if one is not None
        ]
        if derived:
            observation["derivedFrom"] = derived
        observation["note"] = [{"text": f"{finding.sentence} ({finding.source})"}]
        return observation

    def _absent(self, thing: NotAssessed) -> Json:
        """Say that nobody looked, which never means that it is not there."""
        observation = self._observation(f"not assessed {thing.key}", thing.code)
        observation["dataAbsentReason"] = _concept(
            f"{_TERMINOLOGY}/data-absent-reason", "not-performed", "Not Performed"
        )
        observation["note"] = [{"text": thing.sentence}]
        return observation

    def _observation(self, key: str, code: Code) -> Json:
        imaging = _concept(f"{_TERMINOLOGY}/observation-category", "imaging", "Imaging")
        return {
            "resourceType": "Observation",
            **self._common(key),
            "status": "preliminary",
            "category": [imaging],
            "code": _coded(code),
            "device": {"reference": self._url("device")},
            **({} if key.startswith("finding") else self._about_study("derivedFrom")),
        }

    def _common(self, key: str) -> Json:
        """Return id, label, and the references to patient, order and day."""
        reference = self.material.reference
        common: Json = {
            "id": self._id(key),
            "meta": {"security": [_BY_AI]},
            "language": self.language.tag,
        }
        patient_id, accession = _text(reference, "PatientID"), _text(reference, "AccessionNumber")
        if patient_id:
            common["subject"] = {"type": "Patient", "identifier": {"value": patient_id}}
        if accession:
            accession_type = _concept(f"{_TERMINOLOGY}/v2-0203", "ACSN", "Accession ID")
            identifier = {"type": accession_type, "value": accession}
            common["basedOn"] = [{"type": "ServiceRequest", "identifier": identifier}]
        day = _DATE.fullmatch(_text(reference, "StudyDate"))
        if day is not None:
            common["effectiveDateTime"] = "-".join(day.groups())
        return common

    def _about_study(self, name: str) -> Json:
        identifier = _uid_identifier(str(self.material.reference.StudyInstanceUID))
        return {name: [{"type": "ImagingStudy", "identifier": identifier}]}

    def _moment(self) -> str:
        moment = local_time(self.material.identity.created_at, self.material.reference)
        return moment.isoformat(timespec="seconds")

    def _id(self, key: str) -> str:
        uid = derive_uid("fhir", self.material.uids.instance("sr"), key)
        return str(uuid.UUID(int=int(uid.rpartition(".")[2])))

    def _url(self, key: str) -> str:
        return f"urn:uuid:{self._id(key)}"


def _measurement_key(measurement: Measurement) -> str:
    return f"measurement {measurement.key} {measurement.segment or ''}".strip()


def _text(reference: Dataset, keyword: str) -> str:
    return str(reference.get(keyword) or "").strip()


def _uid_identifier(uid: str) -> Json:
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}


def _coded(code: Code) -> Json:
    return _concept(_SYSTEMS[code.scheme], code.value, code.meaning)


def _concept(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _quantity(value: float, ucum: str) -> Json:
    written = rounded(value, ucum)
    return {"value": written, "unit": ucum, "system": _SYSTEMS["UCUM"], "code": ucum}


def _range(low: Json, high: Json) -> Json:
    return {"low": low, "high": high}


def _reference_range(normal: NormalRange, ucum: str) -> Json:
    """Return a normal range with its population and its printed source."""
    found: Json = {"text": f"{normal.population}; {normal.source}"}
    if normal.low is not None:
        found["low"] = _quantity(normal.low, ucum)
    if normal.high is not None:
        found["high"] = _quantity(normal.high, ucum)
    return found
