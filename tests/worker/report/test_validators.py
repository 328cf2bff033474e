"""The verdict of programs that nobody here wrote, on reports of every kind of study."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from plugin.domain.objects import OBJECT_KINDS
from tests.worker.report import kinds, materials, samples
from tests.worker.report.conftest import Reported
from tests.worker.report.programs import SrValidation, run_program
from tests.worker.report.test_key_objects import note_of
from worker.report import build_results
from worker.report.key_objects import key_objects
from worker.volume import load_study

pytestmark = pytest.mark.system

_REPORTS = ("sr", "sr_enhanced")
_KNOWN_AS = (
    "Comprehensive3DSR",
    "EnhancedSR",
    "SCImage",
    "Segmentation",
    "KeyObjectSelectionDocument",
    "GrayscaleSoftcopyPresentationState",
    "EncapsulatedPDF",
)
_OTHER_TREES = (  # the rest differ from one of these in the header, which dciodvfy looks at
    "large and weak",
    "child",
    "sex unknown",
    "segments withheld",
    "Enhanced MR",
    "nothing known",
    "in Chinese",
    "worded by a language model",
    "clinical information",  # with a comparison
    "beside an earlier result",
)
_ENHANCED_OF = ("Japanese", "Arabic", "identifiers missing")
_NAMES = {
    "Japanese": kinds.JAPANESE,
    "Korean": kinds.KOREAN,
    "Chinese": kinds.CHINESE,
    "Arabic": kinds.ARABIC,
    "Latin-1": kinds.LATIN,
    "five components": kinds.FIVE,
    "name empty": "",
}


_EXTENDED = (  # IHE AI Results asks for Device UID in Contributing Equipment; it does not know it
    "(0x0018,0x1002) UI Device UID",
    "attributes not present in standard DICOM IOD - this is a Standard Extended SOP Class",
)
_ROOT = r': /CONTAINER \(126000,DCM,"Imaging Measurement Report"\)/'
_EXPLAINED = [  # in docs/objects/structured-report.md, one by one
    re.compile(pattern + r".*Content Item not in template$")
    for pattern in (
        _ROOT + r"TEXT \((NOTICE|121073|COMPARISON),",
        _ROOT + r"CONTAINER \(55752-0,",
        _ROOT + r'CONTAINER \(C0034375,UMLS,"Qualitative Evaluations"\)/(CODE|TEXT) \(.*\)/',
        r'"Measurement Group"\)/NUM \(.*/TEXT \((121407|UNCERTAINTY),',
        r'"Measurement Group"\)/NUM \(8277-6,.*/CODE \(121420,',
        r'"Measurement Group"\)/CODE \((130400|272518008|60797005),',
    )
] + [re.compile(r'"Language of Content Item.*different code meaning .*context group 5000')]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Return the files of the objects by kind of study and kind of object."""
    folder = tmp_path_factory.mktemp("kinds")
    files: dict[str, dict[str, Path]] = {}
    for number, kind in enumerate(kinds.HEARTS):
        files[kind] = {}
        for name, dataset in kinds.objects_of(kind, short=True).items():
            files[kind][name] = folder / f"{number:02d}-{name}.dcm"
            dataset.save_as(files[kind][name], enforce_file_format=True)
    return files


@pytest.fixture(scope="module")
def selections(reported: Reported, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files of Key Object Selections that no kind of study has."""
    folder = tmp_path_factory.mktemp("selections")
    documents = {
        "multi-frame": key_objects(materials.material(*materials.sample("multi-frame"))),
        "rejection": note_of(reported),
    }
    paths = {name: folder / f"{name}.dcm" for name in documents}
    for name, document in documents.items():
        document.save_as(paths[name], enforce_file_format=True)
    return paths


@pytest.fixture(scope="module", autouse=True)
def validation(
    reported: Reported,
    written: dict[str, dict[str, Path]],
    selections: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SrValidation]:
    """Let DicomSRValidator work while the tests before its own run."""
    paths = [
        *(reported.files[name].path for name in _REPORTS),
        *(written[kind]["sr"] for kind in _OTHER_TREES),
        *(written[kind]["sr_enhanced"] for kind in _ENHANCED_OF),
        *selections.values(),
    ]
    log = tmp_path_factory.mktemp("verdicts") / "said.txt"
    with SrValidation(paths, log) as running:
        yield running


@pytest.mark.parametrize("name", OBJECT_KINDS)
def test_dciodvfy_finds_no_error_in_whole_results(reported: Reported, name: str) -> None:
    accepts(reported.files[name].path)


@pytest.mark.parametrize("kind", kinds.HEARTS)
def test_dciodvfy_finds_no_error(written: dict[str, dict[str, Path]], kind: str) -> None:
    for path in written[kind].values():
        accepts(path)


def accepts(path: Path) -> None:
    """Assert that dciodvfy knows the object, finds no error and only expected warnings."""
    said = run_program("dciodvfy", str(path))
    assert any(name in said for name in _KNOWN_AS), said
    assert "Error" not in said, said
    unexpected = [
        line
        for line in said.splitlines()
        if line.startswith("Warning")
        and "99CMRTRIAGE" not in line  # a private scheme is unknown by nature
        and "needed to build DICOMDIR" not in line  # the images had no value to copy
        and not any(explained in line for explained in _EXTENDED)
    ]
    assert unexpected == []


@pytest.mark.parametrize("kind", _NAMES)
def test_a_name_in_any_script_reads_back_equal(
    written: dict[str, dict[str, Path]], kind: str
) -> None:
    """Read by pydicom, and printed by a program that nobody here wrote."""
    for path in written[kind].values():
        assert str(dcmread(path, stop_before_pixels=True).get("PatientName") or "") == _NAMES[kind]
        said = run_program("dcmdump", "+Un", "+P", "PatientName", str(path))
        printed = _NAMES[kind] and f"[{_NAMES[kind]}]"
        assert printed in said or not printed, said


@pytest.mark.parametrize(
    ("kind", "keywords"),
    [
        ("identifiers missing", ("PatientID", "StudyID", "PatientBirthDate")),
        ("accession number missing", ("AccessionNumber",)),
        ("nothing known", ("PatientName", "PatientID", "AccessionNumber", "StudyDate")),
    ],
)
def test_what_the_images_do_not_tell_is_empty_and_never_invented(
    written: dict[str, dict[str, Path]], kind: str, keywords: tuple[str, ...]
) -> None:
    for path in written[kind].values():
        dataset = dcmread(path, stop_before_pixels=True)
        assert [dataset[keyword].value or "" for keyword in keywords] == [""] * len(keywords)


def test_kinds_differ_in_what_a_report_holds(written: dict[str, dict[str, Path]]) -> None:
    """The validators must have seen findings, both priorities, missing values and a predecessor."""
    text = {
        kind: files["sr"].read_bytes().decode("utf-8", "replace") for kind, files in written.items()
    }
    assert "103391001" in text["large and weak"]  # urgent
    assert "103391001" not in text["man"]
    assert "LV-WALL-15MM" in text["woman with a thick wall"]
    assert "Normal Range" not in text["child"]
    assert "(men" in text["sex unknown"]
    assert "(women" in text["sex unknown"]
    assert "8277-6" not in text["height and weight missing"]
    assert "8867-4" not in text["no heart rate"]
    assert "264850008" not in text["segments withheld"]
    assert kinds.PREDECESSOR.sop_instance_uid in text["superseding"]
    assert kinds.LATIN in text["Latin-1"]
    assert kinds.JAPANESE in text["Japanese"]
    assert "1.2.840.10008.5.1.4.1.1.4.1" in text["Enhanced MR"]
    assert "RISK-STRATUM" in text["large and weak"]
    assert "RISK-STRATUM" not in text["child"]
    assert "LIKE-DCM" in text["large and weak"]
    assert "PATTERN-NOTE" in text["in Chinese"]
    assert "PATTERN" not in text["man"]
    assert "未经医师审核" in text["in Chinese"]
    assert "122075" in text["beside an earlier result"]


def test_dcentvfy_finds_the_study_and_its_results_consistent(tmp_path: Path) -> None:
    """Patient, study, series and frame of reference of images and results must agree."""
    folder = tmp_path / "images"
    made, images = materials.generated(folder)
    (tmp_path / "results").mkdir()
    loaded = load_study(images)
    segmentation = samples.SegmentationSample(made.labels, np.zeros(0))
    results = build_results(
        loaded, segmentation, made.assessment, made.identity, tmp_path / "results"
    )
    paths = [*images, *(result.path for result in results)]
    said = run_program("dcentvfy", *(str(path) for path in paths))
    unexpected = [
        line
        for line in said.splitlines()
        # It files the same attribute of two kinds of objects under different headings.
        if "Different information entities for attribute - Element=<AccessionNumber>" not in line
    ]
    assert unexpected == []
    # What it says when something is wrong, so that its silence means something:
    wrong = dcmread(results[0].path)
    wrong.PatientName = "Somebody^Else"
    wrong.save_as(tmp_path / "wrong.dcm", enforce_file_format=True)
    assert "Error" in run_program("dcentvfy", str(tmp_path / "wrong.dcm"), str(images[0]))


def test_dsrdump_prints_a_report_that_a_person_can_read(reported: Reported) -> None:
    said = run_program("dsrdump", "+Pl", str(reported.files["sr"].path))
    expected = (
        "Müller^Zoë",
        '"Notice")="AI, not verified by a physician, not for diagnosis."',
        '"Impression")="Dilated left ventricle with moderately reduced systolic function',
        '"LV ejection fraction")="38.4" (%,UCUM,"percent")',
        '"Heart rate")="67" (/min,UCUM,"per minute")',
        '"Priority")=(103391001,SCT,"Urgent Procedure")',
    )
    places = [said.find(line) for line in expected]
    assert -1 not in places, expected[places.index(-1)]
    assert places == sorted(places), "a reader meets them in another order"


@pytest.mark.timeout(900)  # all documents are looked at in one minute, far longer beside other work
@pytest.mark.parametrize("name", _REPORTS)
def test_dicom_sr_validator_finds_no_error_in_a_whole_report(
    reported: Reported, validation: SrValidation, name: str
) -> None:
    assert_valid_report(validation.verdict(reported.files[name].path))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", _OTHER_TREES)
def test_dicom_sr_validator_finds_no_error(
    written: dict[str, dict[str, Path]], validation: SrValidation, kind: str
) -> None:
    assert_valid_report(validation.verdict(written[kind]["sr"]))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", _ENHANCED_OF)
def test_dicom_sr_validator_finds_no_error_whoever_the_patient_is(
    written: dict[str, dict[str, Path]], validation: SrValidation, kind: str
) -> None:
    assert_valid_report(validation.verdict(written[kind]["sr_enhanced"]))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["multi-frame", "rejection"])
def test_validators_find_no_error_in_a_selection(
    selections: dict[str, Path], validation: SrValidation, kind: str
) -> None:
    accepts(selections[kind])
    said = validation.verdict(selections[kind])
    assert "Found Root Template TID_2010" in said
    assert "Error" not in said, said


def assert_valid_report(said: str) -> None:
    """Assert that DicomSRValidator knows the template and finds no error."""
    assert "Found Root Template TID_1500 (MeasurementReport)" in said, said
    assert "Found Comprehensive3DSR IOD" in said or "Found EnhancedSR IOD" in said
    assert "Root Template Validation Complete" in said
    assert "IOD validation complete" in said
    assert "Error" not in said, said
    unexplained = [
        line
        for line in said.splitlines()
        if line.startswith("Warning") and not any(one.search(line) for one in _EXPLAINED)
    ]
    assert unexplained == []
