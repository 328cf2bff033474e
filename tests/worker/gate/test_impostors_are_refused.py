"""End to end from DICOM: headers say short-axis cine, the pictures do not, and a layer says so."""

import json
import os
from pathlib import Path

import pytest

from plugin.domain.errors import Reason, StudyRejectedError, TriageError
from tests.generated import TruthSegmenter
from tests.worker.gate.studies import cine, write
from worker.bundle import load_bundle
from worker.gate import Layer
from worker.model.tower import SegmentationTower
from worker.pipeline import analyse_paths

SAMPLES = os.environ.get("CMR_TRIAGE_DICOM_SAMPLES_DIR")
OF_THE_GATE = {"unusual_pictures", "doubtful_view", "unfamiliar_pictures", "contours_disagree"}
REFUSALS = {
    Reason.PICTURES_UNUSABLE,
    Reason.HEART_STANDS_STILL,
    Reason.HEART_NOT_FOUND,
    Reason.NOT_A_SHORT_AXIS,
    Reason.PICTURES_UNFAMILIAR,
    Reason.CONTOURS_DISAGREE,
    Reason.IMPLAUSIBLE_MEASUREMENT,
}


@pytest.fixture(scope="module")
def tower():
    return SegmentationTower(load_bundle(None), threads=1)


def analyse(paths, segmenter, out):
    return analyse_paths(paths, segmenter, out, software_version="0.0.1")


@pytest.mark.parametrize(
    ("impostor", "reason"),
    [
        ("blank", Reason.PICTURES_UNUSABLE),
        ("noise", Reason.PICTURES_UNUSABLE),
        ("shuffled_slices", Reason.PICTURES_UNUSABLE),
        ("localiser", Reason.PICTURES_UNUSABLE),
        ("static_heart", Reason.HEART_STANDS_STILL),
    ],
)
def test_pictures_are_refused_before_any_network_sees_them(impostor, reason, tmp_path):
    segmenter = TruthSegmenter(cine())
    with pytest.raises(StudyRejectedError) as refused:
        analyse(write(tmp_path / "in", impostor), segmenter, tmp_path / "out")
    assert refused.value.reason is reason
    assert "layer pictures: " in refused.value.sentence
    assert segmenter.n_calls == 0
    assert not (tmp_path / "out").exists()


def answer(paths, segmenter, out):
    """Return why a study was refused, or which notes its report has."""
    try:
        result = analyse(paths, segmenter, out)
    except TriageError as error:
        return {error.reason}
    return {note.key for note in result.assessment.quality}


@pytest.mark.parametrize("impostor", ["long_axis", "axial", "swapped_axes", "other_organ"])
def test_other_views_and_organs_are_refused_or_flagged(impostor, tower, tmp_path):
    told = answer(write(tmp_path / "in", impostor), tower, tmp_path / "out")
    assert told & (REFUSALS | OF_THE_GATE), told


def test_true_heart_passes_every_layer_and_the_result_tells_every_number(tower, tmp_path):
    analyse(write(tmp_path / "in"), tower, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    layers = {one["layer"] for one in written["gate"]}
    assert {Layer.PICTURES.value, Layer.VIEW.value, Layer.AGREEMENT.value} <= layers
    assert all(one["verdict"] == "pass" for one in written["gate"]), written["gate"]
    assert not OF_THE_GATE & {note["key"] for note in written["assessment"]["quality"]}


@pytest.mark.skipif(not SAMPLES, reason="CMR_TRIAGE_DICOM_SAMPLES_DIR is not set")
@pytest.mark.parametrize("folder", ["mr_transfer_syntaxes", "enhanced_mr", "odd"])
def test_samples_of_other_studies_are_refused_by_their_headers(folder, tmp_path):
    paths = [path for path in (Path(SAMPLES) / folder).rglob("*") if path.is_file()]
    segmenter = TruthSegmenter(cine())
    with pytest.raises(TriageError) as refused:
        analyse(paths, segmenter, tmp_path / "out")
    assert isinstance(refused.value, StudyRejectedError)
    assert refused.value.sentence
    assert segmenter.n_calls == 0
