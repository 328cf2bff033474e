import numpy as np
import pydicom
import pytest
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


@pytest.mark.parametrize("option", ["--broken", "--impostor"])
def test_unknown_way_of_spoiling_is_refused(option, tmp_path):
    done = CliRunner().invoke(phantom_app, ["write", str(tmp_path), option, "melted"])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_impostor_has_the_headers_of_a_heart_and_other_pictures(tmp_path):
    done = CliRunner().invoke(
        phantom_app, ["write", str(tmp_path), "--impostor", "blank", "--phases", "2"]
    )
    assert done.exit_code == 0, done.output
    image = pydicom.dcmread(next(tmp_path.glob("*.dcm")))
    assert image.BodyPartExamined == "HEART"
    assert np.unique(np.frombuffer(image.PixelData, "<u2")).size == 1


def test_sheet_is_a_picture(tmp_path):
    path = tmp_path / "sheet.png"
    done = CliRunner().invoke(phantom_app, ["sheet", str(path), "--columns", "2", "--rows", "1"])
    assert done.exit_code == 0, done.output
    assert Image.open(path).size == (320, 320)
