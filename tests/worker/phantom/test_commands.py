import pydicom
from PIL import Image
from typer.testing import CliRunner

from worker.phantom.commands import phantom_app


def test_write_makes_a_study_and_prints_its_truth(tmp_path):
    done = CliRunner().invoke(
        phantom_app,
        [
            "write",
            str(tmp_path),
            "--kind",
            "dilated",
            "--vendor",
            "GE",
            "--broken",
            "only_one_slice",
            "--phases",
            "3",
        ],
    )
    assert done.exit_code == 0, done.output
    files = sorted(tmp_path.glob("*.dcm"))
    assert len(files) == 3
    assert pydicom.dcmread(files[0]).Manufacturer == "GE MEDICAL SYSTEMS"
    assert "EF" in done.output


def test_unknown_way_of_breaking_is_refused(tmp_path):
    done = CliRunner().invoke(phantom_app, ["write", str(tmp_path), "--broken", "melted"])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_sheet_is_a_picture(tmp_path):
    path = tmp_path / "sheet.png"
    done = CliRunner().invoke(phantom_app, ["sheet", str(path), "--columns", "2", "--rows", "1"])
    assert done.exit_code == 0, done.output
    assert Image.open(path).size == (320, 320)
