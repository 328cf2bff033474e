import io
from dataclasses import replace

import highdicom as hd
import pydicom
import pytest
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment, Certainty, Priority, PrioritySuggestion, Stratum
from tests.worker.report import samples
from tests.worker.report.conftest import PREDECESSOR, Reported
from worker.report.identity import PredecessorReport, ResultUids
from worker.report.material import Material
from worker.report.structured_report import structured_report


def make(
    loaded: samples.LoadedSample | None = None,
    priority: Priority = Priority.URGENT,
    assessment: Assessment | None = None,
    kind: str = "sr",
    **changes: object,
) -> Dataset:
    sample, segmentation = samples.loaded_sample(n_phases=3, n_slices=3, size=48)
    loaded = loaded or sample
    identity = samples.identity(**changes)
    assessment = assessment or samples.assessment(priority=priority)
    uids = ResultUids(samples.STUDY_UID, identity, "content")
    material = Material(
        loaded.reference,
        loaded.stack,
        segmentation.labels,
        assessment,
        identity,
        uids,
        loaded.clinical,
    )
    report = structured_report(kind, material)
    buffer = io.BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def items(dataset: Dataset, value: str | None = None) -> list[Dataset]:
    """Return all content items, depth first, or those whose concept name has a code value."""
    found = []
    for item in dataset.get("ContentSequence", []):
        if value is None or item.ConceptNameCodeSequence[0].CodeValue == value:
            found.append(item)
        found += items(item, value)
    return found


@pytest.fixture(scope="module")
def report() -> Dataset:
    return make()


def test_report_opens_in_highdicom_with_its_groups_and_values(reported: Reported) -> None:
    document = hd.sr.srread(reported.files["sr"].path)
    assert isinstance(document, hd.sr.Comprehensive3DSR)
    groups = document.content.get_image_measurement_groups()
    values = {m.name.value: m.value for group in groups for m in group.get_measurements()}
    assert values["8811-2"] == pytest.approx(38.4)
    assert values["8277-6"] == pytest.approx(2.0)
    sites = [group.finding_sites[0].value.value for group in groups]
    assert sites[:2] == ["87878005", "49848007"]
    assert sites[4:] == [code for code, _ in samples.SEGMENT_SITES.values()]
    assert {len(group.get_measurements()) for group in groups[4:]} == {1}


def test_report_is_a_tid_1500_document_that_nobody_has_verified(report: Dataset) -> None:
    assert report.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.SpecificCharacterSet == "ISO_IR 192"
    procedures = items(report, "121058")
    assert [p.ConceptCodeSequence[0].CodeValue for p in procedures] == ["25056-3"]
    assert [item.TextValue for item in items(report, "NOTICE")] == [
        "AI, not verified by a physician, not for diagnosis."
    ]


def test_observer_is_a_device_and_each_group_names_the_algorithm(report: Dataset) -> None:
    assert items(report, "121005")[0].ConceptCodeSequence[0].CodeValue == "121007"
    for code in ("121012", "121013", "121014", "121015", "121016"):
        assert len(items(report, code)) == 1
    groups = items(report, "125007")
    for group in groups:
        assert [i.TextValue for i in items(group, "111001")] == ["cmr-sax"]
        assert [i.TextValue for i in items(group, "111003")] == ["1.0.0"]
        assert any("abab" in i.TextValue for i in items(group, "111002"))
        assert [i.ConceptCodeSequence[0].CodeValue for i in items(group, "111000")] == ["123110"]
        assert len(items(group, "112039")) == len(items(group, "112040")) == 1


def test_patient_and_study_are_those_of_the_images(report: Dataset) -> None:
    reference = samples.reference_header()
    for element in reference:
        assert str(report[element.tag].value) == str(element.value), element.keyword


def test_every_object_names_what_computed_it(reported: Reported) -> None:
    """As IHE AI Results asks: maker, model, version, and a UID that a new model changes."""
    named = {
        kind: pydicom.dcmread(file.path, stop_before_pixels=True).ContributingEquipmentSequence
        for kind, file in reported.files.items()
    }
    assert {len(items) for items in named.values()} == {1}
    assert len({items[0].DeviceUID for items in named.values()}) == 1
    item = named["sr"][0]
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (item.Manufacturer, item.ManufacturerModelName) == ("cmr-triage", "cmr-sax")
    assert item.SoftwareVersions == ["0.1.0", "cmr-sax 1.0.0"]
    other = make(bundle_digest="cd" * 32).ContributingEquipmentSequence[0]
    assert other.DeviceUID != item.DeviceUID


@pytest.mark.parametrize("keyword", ["PatientID", "AccessionNumber", "PatientBirthDate", "StudyID"])
def test_report_is_made_when_an_identifier_is_missing(keyword: str) -> None:
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    delattr(loaded.reference, keyword)
    assert make(loaded)[keyword].value in ("", None)


def test_measurement_carries_range_uncertainty_definition_and_body_surface(report: Dataset) -> None:
    index = next(i for i in items(report, "8821-1") if units(i) == "ml/m2")
    assert index.MeasuredValueSequence[0].NumericValue == pytest.approx(110.7)
    assert [i.TextValue for i in items(index, "121407")] == ["52 to 101 ml/m² (men, 1.5/3 T)"]
    assert [number(i) for i in items(index, "385524004") + items(index, "371933006")] == [52, 101]
    assert items(index, "121402")[0].ConceptCodeSequence[0].CodeValue == "371879000"
    assert [number(i) for i in items(index, "371886008")] == [pytest.approx(7.7)]
    assert [number(i) for i in items(index, "8277-6")] == [pytest.approx(2.0)]
    assert items(index, "272518008")[0].ConceptCodeSequence[0].CodeValue == "416190007"
    assert "Sum of discs" in items(index, "121423")[0].TextValue


def test_two_populations_give_one_description_and_no_coded_limit(report: Dataset) -> None:
    fraction = items(report, "8818-7")[0]
    assert [i.TextValue for i in items(fraction, "121407")] == [
        "40 to 74 % (men); 42 to 76 % (women)"
    ]
    assert items(fraction, "385524004") == []
    assert items(fraction, "121402")[0].ConceptCodeSequence[0].CodeValue == "17621005"


def test_formula_of_body_surface_area_is_named_and_coded(report: Dataset) -> None:
    area = next(i for i in items(report, "8277-6") if i.RelationshipType == "CONTAINS")
    assert items(area, "121423")[0].TextValue == "Mosteller (1987)"
    assert items(area, "121420")[0].ConceptCodeSequence[0].CodeValue == "122244"


def test_wall_thickness_names_the_segment(report: Dataset) -> None:
    walls = [i for i in items(report, "122445") if items(i, "363698007")]
    sites = [items(i, "363698007")[0].ConceptCodeSequence[0].CodeValue for i in walls]
    assert sites == [code for code, _ in samples.SEGMENT_SITES.values()]


def test_findings_are_present_or_undetermined_and_the_rest_not_assessed(report: Dataset) -> None:
    def answer(code: str) -> str:
        return str(items(report, code)[0].ConceptCodeSequence[0].CodeValue)

    assert answer("371862006") == "52101004"
    assert answer("LV-DILATION") == "373068000"
    assert answer("396339007") == "NOT-ASSESSED"
    assert len(items(report, "121073")) == 2


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Priority.STAT, ["25876001"]),
        (Priority.URGENT, ["103391001"]),
        (Priority.ROUTINE, []),
    ],
)
def test_priority_is_written_only_when_the_study_is_promoted(
    level: Priority, expected: list[str]
) -> None:
    report = make(priority=level)
    found = [i.ConceptCodeSequence[0].CodeValue for i in items(report, "260870009")]
    assert found == expected
    assert len(items(report, "PRIORITY-REASON")) == len(expected)
    parent = next(
        i for i in report.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "C0034375"
    )
    assert len(items(parent, "260870009")) == len(expected)


def texts(dataset: Dataset, value: str) -> list[str]:
    return [str(item.TextValue) for item in items(dataset, value) if "TextValue" in item]


def test_a_value_near_a_threshold_gives_the_reason_without_a_priority() -> None:
    near = PrioritySuggestion(Priority.ROUTINE, "near_threshold", "Look at it.", ("lv_mass",))
    report = make(assessment=replace(samples.assessment(), priority=near))
    assert items(report, "260870009") == []
    assert texts(report, "PRIORITY-REASON") == ["Look at it."]


def test_notice_and_impression_stand_before_images_and_numbers(report: Dataset) -> None:
    names = [item.ConceptNameCodeSequence[0].CodeMeaning for item in report.ContentSequence]
    opening = names.index("Notice")
    assert names[opening:] == [
        "Notice",
        "Impression",
        "Impression",
        "Image Library",
        "Imaging Measurements",
        "Qualitative Evaluations",
    ]


def test_nothing_is_said_twice() -> None:
    whole = samples.assessment()
    notes = [note.sentence for note in whole.quality]
    things = ", ".join(thing.code.meaning for thing in whole.not_assessed)
    disclaimer = "AI, not verified by a physician, not for diagnosis."
    repeated = (*whole.impression, *notes, f"Not assessed: {things}.", disclaimer)
    report = make(assessment=replace(whole, narrative=(*whole.narrative, *repeated)))
    sentences = [i.TextValue for i in items(report) if i.ValueType == "TEXT"]
    for sentence in repeated:
        assert sentences.count(sentence) <= 1, sentence
    assert texts(report, "QUALITY-NOTE") == notes
    assert set(whole.narrative) < set(texts(report, "111412"))
    assert texts(report, "UNASSESSED-NOTE") == [
        "Late gadolinium enhancement was not analysed. Thrombus was not looked for."
    ]


def test_finding_names_its_grade_and_the_source_of_its_rule(report: Dataset) -> None:
    assert texts(report, "121071")[0] == (
        "Depression of left ventricular systolic function: present, reduced. "
        f"Rule: {samples.SOURCE}."
    )


def test_reader_learns_which_images_were_measured(report: Dataset) -> None:
    assert texts(report, "111412")[0] == (
        "Short-axis cine of 3 slices, 10.0 mm from centre to centre, 3 phases, RR interval 900 ms; "
        "end-diastole is phase 1 (0 ms) and end-systole is phase 2 (300 ms)."
    )


def test_whole_numbers_are_written_without_a_decimal(report: Dataset) -> None:
    rows = items(report, "110910")[0].MeasuredValueSequence[0]
    assert rows.get_item("NumericValue").value == b"48"
    limits = [i.MeasuredValueSequence[0] for i in items(report, "385524004")]
    assert limits[0].get_item("NumericValue").value == b"49"


def test_evidence_names_every_used_image_and_the_library_those_of_ed_and_es(
    reported: Reported,
) -> None:
    report = pydicom.dcmread(reported.files["sr"].path)
    study = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert study.StudyInstanceUID == samples.STUDY_UID
    uids = {
        instance.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    frames = reported.loaded.stack.frames
    assert uids == {frame.sop_instance_uid for phase in frames for frame in phase}
    shown = {
        i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in items(report, "260753009")
    }
    phases = {reported.assessment.ed_phase, reported.assessment.es_phase}
    assert shown == {frame.sop_instance_uid for phase in phases for frame in frames[phase]}


def test_multi_frame_images_are_referenced_once_with_their_frames() -> None:
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    loaded = samples.as_multi_frame(loaded)
    report = make(loaded)
    library = items(report, "260753009")
    assert len(library) == 1
    frames = library[0].ReferencedSOPSequence[0].ReferencedFrameNumber
    assert len(frames) == 6
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(evidence) == len(evidence[0].ReferencedSOPSequence) == 1


def test_predecessor_and_request_are_named(reported: Reported) -> None:
    report = pydicom.dcmread(reported.files["sr"].path)
    series = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == PREDECESSOR.series_instance_uid
    instance = series.ReferencedSOPSequence[0]
    assert instance.ReferencedSOPInstanceUID == PREDECESSOR.sop_instance_uid
    request = report.ReferencedRequestSequence[0]
    assert request.RequestedProcedureID == "RP-9"
    assert request.AccessionNumber == "A-17"


def test_dates_follow_the_time_zone_of_the_images() -> None:
    loaded = samples.loaded_sample(n_phases=3, n_slices=3, size=48)[0]
    loaded.reference.TimezoneOffsetFromUTC = "-0530"
    report = make(loaded)
    assert (report.ContentDate, report.ContentTime) == ("20260101", "213405")
    assert report.TimezoneOffsetFromUTC == "-0530"


def units(item: Dataset) -> str:
    return str(item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue)


def number(item: Dataset) -> float:
    return float(item.MeasuredValueSequence[0].NumericValue)


def test_risk_strata_are_texts_with_their_source() -> None:
    band = Stratum("key", Certainty.UNDETERMINED, "May lie in a band.", (), "A source")
    report = make(assessment=replace(samples.assessment(), strata=(band,)))
    assert texts(report, "RISK-STRATUM") == ["May lie in a band. Source: A source."]


def test_each_form_names_the_same_form_of_the_report_before() -> None:
    enhanced = PredecessorReport("1.2.840.10008.5.1.4.1.1.88.22", "2.25.903", "2.25.904")

    def named(kind: str, predecessor: PredecessorReport) -> str:
        report = make(kind=kind, predecessor=predecessor)
        series = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
        return str(series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)

    both = replace(PREDECESSOR, enhanced=enhanced)
    assert named("sr", both) == PREDECESSOR.sop_instance_uid
    assert named("sr_enhanced", both) == enhanced.sop_instance_uid
    assert named("sr_enhanced", PREDECESSOR) == PREDECESSOR.sop_instance_uid
