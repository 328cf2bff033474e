"""Recognition in an analysis: it is told beside the result and changes nothing of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from plugin.domain.recognition import NOTICE, Recognition, Resemblance
from tests.generated import TruthSegmenter, write_small_study
from worker.analysis_result import RESULT_NAME
from worker.model.regions import REGIONS
from worker.pipeline import analyse_paths
from worker.stages import RECOGNISE_STAGE

FOUND = Recognition("00", (Resemblance("DCM", "dilated", 0.5), Resemblance("NOR", "normal", -0.1)))


class RegionSegmenter(TruthSegmenter):
    """Gives features of regions too, as the tower of a bundle does."""

    def segment(self, stack, on_progress=None):
        found = super().segment(stack, on_progress)
        shape = (*found.labels.shape[:2], len(REGIONS), 5)
        return replace(found, regions=np.ones(shape, np.float32))


class FakeRecogniser:
    measurement_keys = ("lv_ejection_fraction",)

    def __init__(self, failure=None):
        self.studies, self._failure = [], failure

    def recognise(self, study):
        self.studies.append(study)
        if self._failure is not None:
            raise self._failure
        return FOUND


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_small_study(tmp_path_factory.mktemp("study"))


def analyse(study, folder, segmenter, recogniser):
    result = analyse_paths(
        study,
        segmenter,
        folder,
        software_version="0.0.1",
        recogniser=recogniser,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return result, json.loads((folder / RESULT_NAME).read_text())


def test_resemblance_is_told_beside_the_result_and_changes_nothing(study, tmp_path):
    recogniser = FakeRecogniser()
    plain, without = analyse(study, tmp_path / "plain", RegionSegmenter(), None)
    result, written = analyse(study, tmp_path / "with", RegionSegmenter(), recogniser)
    (seen,) = recogniser.studies
    assert seen.measurements.tolist() == pytest.approx(
        [result.assessment.value("lv_ejection_fraction")]
    )
    assert without["recognition"] is None
    assert written["recognition"]["notice"] == NOTICE
    assert [one["margin"] for one in written["recognition"]["resemblances"]] == [0.5, -0.1]
    assert RECOGNISE_STAGE in result.timings_seconds
    assert (result.assessment, result.decision) == (plain.assessment, plain.decision)
    for one in plain.objects:
        assert (tmp_path / "with" / one.path.name).read_bytes() == one.path.read_bytes()


@pytest.mark.parametrize(
    ("segmenter", "failure"),
    [(RegionSegmenter(), ModelError(Reason.INFERENCE_FAILED)), (TruthSegmenter(), None)],
)
def test_no_failure_of_recognition_fails_an_analysis(study, tmp_path, segmenter, failure):
    result, written = analyse(study, tmp_path, segmenter, FakeRecogniser(failure))
    assert result.assessment is not None
    assert written["recognition"] is None
