"""The verdict of programs that nobody here wrote."""

import pytest

from tests.worker.report.conftest import Reported
from tests.worker.report.programs import run_program

pytestmark = pytest.mark.system


@pytest.mark.parametrize("kind", ["sr", "summary", "contours"])
def test_dciodvfy_finds_no_error(reported: Reported, kind: str) -> None:
    said = run_program("dciodvfy", str(reported.files[kind].path))
    assert "Comprehensive3DSR" in said or "SCImage" in said
    assert "Error" not in said, said


@pytest.mark.timeout(900)  # half a minute of CPU, far longer beside other work
def test_dicom_sr_validator_finds_no_error(reported: Reported) -> None:
    said = run_program("DicomSRValidator", str(reported.files["sr"].path))
    assert "Root Template Validation Complete" in said
    assert "IOD validation complete" in said
    assert "Error" not in said, said


def test_dsrdump_prints_a_report_that_a_person_can_read(reported: Reported) -> None:
    said = run_program("dsrdump", "+Pl", str(reported.files["sr"].path))
    for line in (
        "Müller^Zoë",
        '"LV ejection fraction")="38.4" (%,UCUM,"percent")',
        '"Impression")="Dilated left ventricle with moderately reduced systolic function',
        '"Priority")=(103391001,SCT,"Urgent Procedure")',
        '"Notice")="AI, not verified by a physician, not for diagnosis."',
    ):
        assert line in said, line
