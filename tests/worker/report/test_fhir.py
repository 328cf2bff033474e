"""The FHIR bundle: valid by somebody else's model, same values and codes, no patient data."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle

from plugin.domain.findings import Priority
from tests.generated import small_cine, small_patient
from tests.worker.earlier_results import beside
from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.materials import generated, material, sample
from worker.findings import assess
from worker.model.types import Segmentation
from worker.report.fhir import FILE_NAME, fhir_bundle
from worker.report.items import rounded
from worker.volume.types import PatientContext


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    return fhir_bundle(material(*sample()))


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def test_written_bundle_is_valid_and_the_same_again(reported: Reported) -> None:
    text = (reported.folder / FILE_NAME).read_text()
    assert len(Bundle.model_validate_json(text).entry) > 10
    assert "Müller" not in text
    assert "1970" not in text


def test_report_and_observations_are_preliminary_and_say_that_an_ai_made_them(
    bundle: dict[str, Any],
) -> None:
    (report,) = resources(bundle, "DiagnosticReport")
    observations = resources(bundle, "Observation")
    for one in (report, *observations):
        assert one["status"] == "preliminary"
        assert one["meta"]["security"][0]["code"] == "AIAST"
        assert one["subject"]["identifier"]["value"] == "P-4711"
        assert one["basedOn"][0]["identifier"]["value"] == "A-17"
    assert report["conclusion"].startswith("AI, not verified by a physician")
    for words in samples.assessment().impression:
        assert words in report["conclusion"]
    assert report["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{samples.STUDY_UID}"


def test_every_reference_leads_to_a_resource_of_the_bundle(bundle: dict[str, Any]) -> None:
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(urls) == len(set(urls))
    (report,) = resources(bundle, "DiagnosticReport")
    observations = resources(bundle, "Observation")
    assert [f"urn:uuid:{one['id']}" for one in observations] == [
        item["reference"] for item in report["result"]
    ]
    text = json.dumps(bundle)
    named = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    assert named <= set(urls)


def test_values_units_and_codes_are_those_of_the_report(bundle: dict[str, Any]) -> None:
    measured = [one for one in resources(bundle, "Observation") if "valueQuantity" in one]
    expected = samples.assessment().measurements
    assert len(measured) == len(expected)
    for one, measurement in zip(measured, expected, strict=True):
        assert one["valueQuantity"]["value"] == rounded(measurement.value, measurement.unit)
        assert one["valueQuantity"]["code"] == measurement.unit
        assert one["valueQuantity"]["system"] == "http://unitsofmeasure.org"
        assert one["code"]["coding"][0]["code"] == measurement.code.value
        assert one["code"]["text"] == measurement.name
    fraction = measured[0]
    assert fraction["interpretation"][0]["coding"][0]["code"] == "L"
    assert (fraction["referenceRange"][0]["low"]["value"], "high" in fraction) == (49, False)
    (interval,) = (part["valueRange"] for part in fraction["component"] if "valueRange" in part)
    assert (interval["low"]["value"], interval["high"]["value"]) == (35.3, 41.8)


def test_what_was_not_assessed_has_no_value_and_says_so(bundle: dict[str, Any]) -> None:
    absent = [one for one in resources(bundle, "Observation") if "dataAbsentReason" in one]
    assert len(absent) == len(samples.assessment().not_assessed)
    assert not any(key.startswith("value") for one in absent for key in one)
    assert absent[1]["note"][0]["text"] == "Thrombus was not looked for."


def test_finding_rests_on_its_measurements(bundle: dict[str, Any]) -> None:
    by_url = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    found = [one for one in by_url.values() if "371862006" in json.dumps(one.get("code", ""))]
    (finding,) = (one for one in found if one["resourceType"] == "Observation")
    (basis,) = finding["derivedFrom"]
    assert by_url[basis["reference"]]["code"]["coding"][0]["code"] == "8811-2"
    assert finding["valueCodeableConcept"]["coding"][0]["code"] == "52101004"


def test_priority_is_there_only_when_the_study_is_promoted(bundle: dict[str, Any]) -> None:
    assert "260870009" in json.dumps(bundle)
    made = material(*sample())
    routine = samples.assessment(made.labels, priority=Priority.ROUTINE)
    assert "260870009" not in json.dumps(fhir_bundle(replace(made, assessment=routine)))


def test_study_without_identifiers_gives_a_valid_bundle_without_them() -> None:
    loaded, labels = sample()
    header = pydicom.Dataset()
    header.StudyInstanceUID = samples.STUDY_UID
    header.StudyDate = ""
    bundle = fhir_bundle(material(replace(loaded, reference=header), labels))
    Bundle.model_validate_json(json.dumps(bundle))
    assert "subject" not in json.dumps(bundle)
    assert "effectiveDateTime" not in json.dumps(bundle)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_that_the_rules_measure_can_be_said(tmp_path, language: str) -> None:
    made, _ = generated(tmp_path)
    cine = small_cine()
    confidence = np.ones(cine.labels.shape[:2], np.float32)
    found = assess(made.stack, Segmentation(cine.labels.astype(np.uint8), confidence), PATIENT)
    identity = samples.identity(report_language=language)
    bundle = fhir_bundle(replace(made, assessment=found, identity=identity))
    Bundle.model_validate_json(json.dumps(bundle))
    assert len(resources(bundle, "Observation")) >= len(found.measurements)
    assert small_patient().study.patient.name not in json.dumps(bundle)


PATIENT = PatientContext("M", 55.0, 180.0, 80.0, 1.5)


def test_changes_since_an_earlier_result_stand_beside_their_values() -> None:
    assessment = beside(samples.assessment(), {"lv_ejection_fraction": 15.0})
    made = fhir_bundle(replace(material(*sample()), assessment=assessment))
    Bundle.model_validate(made)
    (report,) = resources(made, "DiagnosticReport")
    assert "LV ejection fraction -15.0 percentage points" in report["conclusion"]
    (fraction,) = [
        one
        for one in resources(made, "Observation")
        if one["code"]["coding"][0]["code"] == "8811-2"
    ]
    (difference,) = [
        one for one in fraction["component"] if one["code"]["coding"][0]["code"] == "122768"
    ]
    assert difference["valueQuantity"]["value"] == -15
    assert fraction["valueQuantity"]["value"] == 38.4
    assert "53.4 % on 2024-03-01" in fraction["note"][0]["text"]
