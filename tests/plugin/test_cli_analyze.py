import json
import shutil

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.commands.analysis import _print_comparison, dicom_files
from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.objects import OBJECT_KINDS
from tests.generated import write_small_study
from tests.worker.earlier_results import beside
from tests.worker.report import samples
from worker.bundle import find_bundle


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_small_study(folder)
    return folder


def analyze(*arguments):
    return CliRunner().invoke(app, ["analyze", *map(str, arguments)])


def test_analyze_writes_report_images_and_result_with_the_shipped_bundle(study, tmp_path):
    out = tmp_path / "out"
    answer = analyze(study, "--out", out)
    assert answer.exit_code == 0, answer.stderr
    assert "not verified by a physician" in answer.stdout
    assert "LV ejection fraction" in answer.stdout
    names = {path.name for path in out.iterdir()}
    assert names >= {*(f"{kind}.dcm" for kind in OBJECT_KINDS), "result.json", "summary.png"}
    assert json.loads((out / "result.json").read_text())["summary"]["lvef_percent"] > 0


def test_analyze_says_why_a_folder_cannot_be_analysed(tmp_path):
    (tmp_path / "note.txt").write_text("no image")
    answer = analyze(tmp_path, "--out", tmp_path / "out")
    assert answer.exit_code == 3
    assert "No readable DICOM image" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_analyze_refuses_a_tampered_bundle(study, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(find_bundle(None), bundle)
    graph = next(bundle.rglob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    answer = analyze(study, "--out", tmp_path / "out", "--bundle", bundle)
    assert answer.exit_code == 4
    assert "differs from its manifest" in answer.stderr


def test_analyze_needs_a_folder_that_exists(tmp_path):
    assert analyze(tmp_path / "nowhere", "--out", tmp_path).exit_code == 2


def test_analyze_reads_subfolders_and_leaves_out_what_is_no_image(tmp_path):
    for name in ("a/1.dcm", "b/2", ".hidden", "DICOMDIR"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert [path.name for path in dicom_files(tmp_path)] == ["1.dcm", "2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyRejectedError):
        dicom_files(tmp_path / "empty")


def test_analyze_hands_the_named_earlier_results_to_the_comparison(study, tmp_path, monkeypatch):
    given = []

    def analyse(*_arguments, past, **_options):
        given.extend(past.folders)
        raise StudyRejectedError(Reason.NO_READABLE_INSTANCE)

    monkeypatch.setattr("worker.bundle.load_bundle", lambda _folder: None)
    monkeypatch.setattr("worker.model.tower.SegmentationTower", lambda *_, **__: None)
    monkeypatch.setattr("worker.pipeline.analyse_paths", analyse)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "result.json").write_text("{}")
    priors = ("--prior", tmp_path, "--prior", tmp_path / "b" / "result.json")
    answer = analyze(study, "--out", tmp_path / "out", "--no-language-model", *priors)
    assert answer.exit_code == 3
    assert [(one.folder, one.is_vouched) for one in given] == [
        (tmp_path, True),
        (tmp_path / "b", True),
    ]
    assert analyze(study, "--out", tmp_path, "--prior", tmp_path / "nowhere").exit_code == 2


def test_comparison_is_printed_as_a_table_and_in_words(capsys):
    assessment = beside(samples.assessment(), {"lv_ejection_fraction": 15.0})
    _print_comparison(assessment, assessment.comparison)
    printed = " ".join(capsys.readouterr().out.split())
    assert "2024-03-01 (307 days before)" in printed
    assert "LV ejection fraction 38.4 53.4 -15.0 4.8 %" in printed.replace("│", "").replace(
        "  ", " "
    )
    assert "Changed more than the measurement uncertainty: LV ejection fraction" in printed
