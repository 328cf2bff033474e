import contextlib
import errno
import tracemalloc
import zlib

import pytest
from pydicom import Dataset

from dicom_node import extent, headers
from dicom_node.headers import read_headers
from dicom_node.part10 import part10_header
from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME
from plugin.domain.triage import IncomingPriority, OrderFacts
from tests.dicom_node.images import MR, encoded, mr_image, save


def stored(path, dataset_bytes, syntax="1.2.840.10008.1.2.1"):
    """Write a file as the node does."""
    header = part10_header(
        sop_class_uid=MR,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=syntax,
        calling_ae_title="ARCHIVE",
        called_ae_title="CMRTRIAGE",
    )
    path.write_bytes(header + dataset_bytes)
    return path


def reason_of(path):
    with pytest.raises(StudyRejectedError) as error:
        read_headers(path)
    assert "Secret" not in str(error.value)
    assert error.value.__cause__ is None
    return error.value.reason


def test_headers_hold_identifiers_and_sender(tmp_path):
    image = mr_image(CardiacNumberOfImages=25, NumberOfTemporalPositions=-3, TriggerTime="12.5")
    headers = read_headers(stored(tmp_path / "a.dcm", encoded(image)))
    assert headers.study_instance_uid == image.StudyInstanceUID
    assert headers.sop_instance_uid == image.SOPInstanceUID
    assert headers.calling_ae_title == "ARCHIVE"
    assert headers.patient_name == "Secret^Person"
    assert headers.slice_position == "0.0\\0.0\\0.0"
    assert headers.facts["CardiacNumberOfImages"] == 25
    assert "NumberOfTemporalPositions" not in headers.facts
    assert headers.facts["is_mr_image"]
    assert headers.facts["cardiac_hint"] == "CardiacNumberOfImages"
    assert "P1" not in str(headers.facts)


@pytest.mark.parametrize(
    ("changes", "hint", "elsewhere"),
    [
        ({"BodyPartExamined": "BRAIN"}, "", True),
        ({"BodyPartExamined": "BRAIN", "TriggerTime": 5.0}, "TriggerTime", True),
        ({"BodyPartExamined": "BRAIN", "SeriesDescription": "cine SAX"}, "SeriesDescription", True),
        ({"BodyPartExamined": "C-SPINE"}, "", True),
        ({"BodyPartExamined": "CHEST"}, "", False),
        ({"BodyPartExamined": None}, "", False),
        ({"BodyPartExamined": None, "HeartRate": 61}, "HeartRate", False),
        ({"BodyPartExamined": "HEART"}, "BodyPartExamined", False),
    ],
)
def test_cardiac_hint_and_other_body_part(tmp_path, changes, hint, elsewhere):
    facts = read_headers(stored(tmp_path / "a.dcm", encoded(mr_image(**changes)))).facts
    assert (facts["cardiac_hint"], facts["elsewhere"]) == (hint, elsewhere)


def requested(**changes):
    item = Dataset()
    for keyword, value in changes.items():
        setattr(item, keyword, value)
    return [item]


@pytest.mark.parametrize(
    ("changes", "order"),
    [
        ({}, OrderFacts()),
        ({"RequestedProcedurePriority": "STAT"}, OrderFacts(IncomingPriority.STAT)),
        ({"RequestedProcedurePriority": " high "}, OrderFacts(IncomingPriority.HIGH)),
        ({"RequestedProcedurePriority": "MEDIUM"}, OrderFacts(IncomingPriority.ROUTINE)),
        ({"RequestedProcedurePriority": "WHENEVER"}, OrderFacts()),
        ({"StudyPriorityID": "LOW"}, OrderFacts(IncomingPriority.LOW)),
        (
            {
                "RequestedProcedurePriority": "ROUTINE",
                "RequestAttributesSequence": requested(RequestedProcedurePriority="STAT"),
            },
            OrderFacts(IncomingPriority.STAT),
        ),
        ({"RequestingService": "ED" + "x" * 99}, OrderFacts(None, "ED" + "x" * 62)),
        ({"PatientInstitutionResidence": "Ward 7"}, OrderFacts(None, "", "Ward 7")),
        (
            {"CurrentPatientLocation": "Resus", "PatientInstitutionResidence": "Ward 7"},
            OrderFacts(None, "", "Resus"),
        ),
        ({"AdmissionID": "A1"}, OrderFacts(has_admission=True)),
    ],
)
def test_order_is_what_the_header_tells(tmp_path, changes, order):
    assert read_headers(stored(tmp_path / "a.dcm", encoded(mr_image(**changes)))).order == order


@pytest.mark.parametrize(
    ("changes", "issuer", "procedure"),
    [
        ({}, "", ""),
        ({"RequestedProcedureID": "RP1"}, "", "RP1"),
        (
            {
                "RequestedProcedureID": "RP1",
                "RequestAttributesSequence": requested(RequestedProcedureID="RP2"),
                "IssuerOfAccessionNumberSequence": requested(
                    LocalNamespaceEntityID="RIS", UniversalEntityID="1.2.3"
                ),
            },
            "RIS^1.2.3",
            "RP2",
        ),
        (
            {"IssuerOfAccessionNumberSequence": requested(LocalNamespaceEntityID="RIS")},
            "RIS",
            "",
        ),
        (
            {"IssuerOfAccessionNumberSequence": requested(UniversalEntityID="1.2.3")},
            "^1.2.3",
            "",
        ),
    ],
)
def test_what_names_the_study_in_an_order_is_read(tmp_path, changes, issuer, procedure):
    headers = read_headers(stored(tmp_path / "a.dcm", encoded(mr_image(**changes))))
    assert (headers.accession_issuer, headers.requested_procedure_id) == (issuer, procedure)


def test_damaged_order_does_not_cost_the_image(tmp_path):
    image = mr_image(RequestAttributesSequence=requested(RequestedProcedurePriority="STAT"))
    whole = encoded(image)
    damaged = whole.replace(b"STAT", b"\xff\x00\xfe\\")
    headers = read_headers(stored(tmp_path / "a.dcm", damaged))
    assert headers.order == OrderFacts()
    assert headers.sop_instance_uid == image.SOPInstanceUID


def test_the_scanner_and_its_place_are_read_for_the_figures_of_quality(tmp_path):
    def facts(**changes):
        image = encoded(mr_image(**changes))
        return read_headers(stored(tmp_path / "a.dcm", image)).facts

    found = facts(InstitutionName="North", Manufacturer="SIEMENS", MagneticFieldStrength="1.5")
    assert (found["InstitutionName"], found["Manufacturer"]) == ("North", "SIEMENS")
    assert found["MagneticFieldStrength"] == 1.5
    assert facts()["MagneticFieldStrength"] == 0.0


def test_patients_are_told_apart_by_id_then_by_name_and_birth_date(tmp_path):
    def patient(**changes):
        return read_headers(stored(tmp_path / "a.dcm", encoded(mr_image(**changes)))).facts[
            "patient"
        ]

    assert patient() == patient(PatientName="Other^Spelling")
    assert patient() != patient(PatientID="P2")
    assert patient(PatientID="") != patient(PatientID="", PatientBirthDate="19710101")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"StudyInstanceUID": None}, Reason.MISSING_IDENTIFIERS),
        ({"SOPInstanceUID": ""}, Reason.MISSING_IDENTIFIERS),
        ({"SeriesInstanceUID": "../../etc"}, Reason.INVALID_IDENTIFIER),
        ({"StudyInstanceUID": "1.2." + "3" * 70}, Reason.INVALID_IDENTIFIER),
        ({"Rows": 16}, Reason.TRUNCATED_FILE),
    ],
)
def test_headers_that_cannot_be_used_have_a_reason(tmp_path, changes, reason):
    assert reason_of(stored(tmp_path / "a.dcm", encoded(mr_image(**changes)))) is reason


def test_file_that_is_cut_or_no_dicom_has_a_reason(tmp_path):
    whole = encoded(mr_image())
    assert reason_of(stored(tmp_path / "cut.dcm", whole[:-40])) is Reason.TRUNCATED_FILE
    assert reason_of(stored(tmp_path / "cut2.dcm", whole[:100])) is Reason.TRUNCATED_FILE
    assert reason_of(stored(tmp_path / "empty.dcm", b"")) is Reason.MISSING_IDENTIFIERS
    (tmp_path / "text.dcm").write_bytes(b"hello")
    assert reason_of(tmp_path / "text.dcm") is Reason.NOT_DICOM
    (tmp_path / "nothing.dcm").write_bytes(b"")
    assert reason_of(tmp_path / "nothing.dcm") is Reason.NOT_DICOM


def test_a_disk_that_fails_while_reading_is_no_fault_of_the_file(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.dcm", encoded(mr_image()))

    def fails(*_arguments, **_options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(headers.pydicom.filereader, "read_dataset", fails)
    with pytest.raises(OSError, match="Input/output"):
        read_headers(path)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"]
)
def test_deflated_dataset_is_read_and_a_cut_one_is_told(tmp_path, syntax):
    image = mr_image(CardiacNumberOfImages=25)
    whole = deflated(encoded(image))
    read = read_headers(stored(tmp_path / "a.dcm", whole, syntax))
    assert read.sop_instance_uid == image.SOPInstanceUID
    assert read.calling_ae_title == "ARCHIVE"
    assert read.facts["CardiacNumberOfImages"] == 25
    assert reason_of(stored(tmp_path / "b.dcm", whole[:-9], syntax)) is Reason.TRUNCATED_FILE


def test_deflated_frames_are_not_a_deflated_dataset(tmp_path):
    image = mr_image()
    read = read_headers(stored(tmp_path / "a.dcm", encoded(image), "1.2.840.10008.1.2.8.1"))
    assert read.sop_instance_uid == image.SOPInstanceUID


def test_dataset_that_inflates_too_far_is_set_aside_before_it_fills_the_memory(
    tmp_path, monkeypatch
):
    bomb = deflated(encoded(mr_image(PixelData=bytes(64 << 20), Rows=8192, Columns=4096)))
    path = stored(tmp_path / "bomb.dcm", bomb, "1.2.840.10008.1.2.1.99")
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(extent, "MAXIMUM_INFLATED_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        assert reason_of(path) is Reason.DAMAGED_DATASET
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def deflated(dataset_bytes):
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(dataset_bytes) + deflater.flush()


def test_noise_never_gets_through(tmp_path, rng):
    whole = bytearray(encoded(mr_image()))
    for number in range(60):
        broken = bytearray(whole)
        for position in rng.integers(0, len(broken), 25):
            broken[position] = rng.integers(0, 256)
        path = stored(tmp_path / f"{number}.dcm", bytes(broken))
        with contextlib.suppress(StudyRejectedError):
            read_headers(path)


def test_own_results_are_known_by_manufacturer_and_model(tmp_path):
    assert (MANUFACTURER, MODEL_NAME) == ("cmr-triage", "cmr-triage")
    ours = {"Manufacturer": MANUFACTURER, "ManufacturerModelName": MODEL_NAME}
    report = mr_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", Modality="SR", **ours)
    del report.PixelData
    assert read_headers(save(report, tmp_path / "a.dcm")).looks_like_own_result
    assert not read_headers(save(mr_image(**ours), tmp_path / "b.dcm")).looks_like_own_result


def test_sequences_and_odd_values_do_not_stop_reading(tmp_path):
    image = mr_image()
    image.ReferencedStudySequence = [Dataset()]
    image.add_new(0x00181060, "LO", "not a number")  # Trigger Time
    image.add_new(0x00080080, "LO", b"\xff\xfe bytes".decode("latin1"))
    headers = read_headers(stored(tmp_path / "a.dcm", encoded(image)))
    assert headers.facts["cardiac_hint"] == "BodyPartExamined"


def test_enhanced_and_odd_samples_are_read(samples):
    for path in [*(samples / "enhanced_mr").glob("*"), *(samples / "odd").glob("*")]:
        assert read_headers(path).facts["is_mr_image"]
