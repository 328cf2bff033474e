"""A user who gives ``analyze`` something that cannot be measured is told why, in a sentence."""

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.domain.errors import SENTENCES, Reason
from tests.generated import small_patient
from worker.phantom.broken import BROKEN, truncate_file
from worker.phantom.study import write_study

REJECTED = {
    "as_ct": Reason.NOT_MR,
    "as_brain": Reason.NOT_CARDIAC,
    "only_one_slice": Reason.TOO_FEW_SLICES,
    "only_two_phases": Reason.TOO_FEW_PHASES,
    "without_geometry": Reason.MISSING_GEOMETRY,
    "with_zero_spacing": Reason.INVALID_PIXEL_SPACING,
    "with_mixed_patients": Reason.MIXED_PATIENTS,
    "with_missing_slice": Reason.MISSING_SLICE,
}


@pytest.fixture(scope="module")
def instances():
    return small_patient().instances()


def analyze(folder, out, *more):
    return CliRunner().invoke(app, ["analyze", str(folder), "--out", str(out), *map(str, more)])


@pytest.mark.parametrize("name", REJECTED)
def test_study_that_cannot_be_measured_is_refused_with_the_reason(instances, tmp_path, name):
    write_study(BROKEN[name](instances), tmp_path / "study")
    answer = analyze(tmp_path / "study", tmp_path / "out")
    assert answer.exit_code == 3
    assert SENTENCES[REJECTED[name]] in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_truncated_files_are_refused_with_a_sentence(instances, tmp_path):
    for path in write_study(instances, tmp_path / "study"):
        truncate_file(path)
    answer = analyze(tmp_path / "study", tmp_path / "out")
    assert answer.exit_code == 3
    assert answer.stderr.startswith("cmr-triage: ")
    assert "Traceback" not in answer.stderr


def test_missing_bundle_stops_with_a_sentence(instances, tmp_path):
    write_study(instances[:1], tmp_path / "study")
    answer = analyze(tmp_path / "study", tmp_path / "out", "--bundle", tmp_path / "nowhere")
    assert answer.exit_code == 2
    assert SENTENCES[Reason.BUNDLE_MISSING] in answer.stderr
    assert "Traceback" not in answer.stderr
