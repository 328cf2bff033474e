"""Further views in an analysis: read on demand, told, and never the end of a study."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from tests.generated import SMALL
from tests.worker.test_pipeline_recognition import FakeRecogniser, RegionSegmenter
from worker import pipeline
from worker.analysis_result import RESULT_NAME
from worker.phantom import study as phantom_study
from worker.phantom.companions import late_enhancement_picture, long_axis_picture
from worker.phantom.pictures import SeriesKind
from worker.phantom.study import generate, write_study
from worker.pipeline import analyse_paths
from worker.stages import VIEWS_STAGE
from worker.volume.views import FURTHER_ROLES

LATE = len(FURTHER_ROLES) - 1


class ViewSegmenter(RegionSegmenter):
    """Knows the truth of a cine, and gives maps of further images as a bundle with views does."""

    def __init__(self, cine, views=("lge", "two_chamber_cine"), failure=None):
        super().__init__(cine)
        self._failure = failure
        self.bundle.manifest.language = SimpleNamespace(views=views)
        self.bundle.manifest.image = SimpleNamespace(spacing_mm=2.0, view_mm=160.0)

    def feature_maps(self, images):
        if self._failure is not None:
            raise self._failure
        return np.ones((len(images), 3, images.shape[1] // 2, images.shape[2] // 2), np.float32)


@pytest.fixture(scope="module")
def patient():
    return generate("infarct", 3, protocol=SMALL)


@pytest.fixture(scope="module")
def cine(patient):
    return patient.cine()


@pytest.fixture(scope="module")
def folder(patient, cine, tmp_path_factory):
    """Write the cine with a two-chamber view and late enhancement only, which is quicker."""

    def drawn(cine, rng):
        return [
            long_axis_picture(cine, SeriesKind.TWO_CHAMBER, rng),
            late_enhancement_picture(cine, rng, None),
        ]

    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phantom_study, "companion_pictures", drawn)
        write_study(phantom_study.build_study(cine, patient.study, with_companions=True), folder)
    return folder


@pytest.fixture(autouse=True)
def _no_documents(monkeypatch):
    """Documents take longer than all else, and nothing of the views is in them."""
    monkeypatch.setattr(pipeline, "build_results", lambda *_: [])


def analyse(study, out, segmenter, recogniser):
    result = analyse_paths(
        sorted(study.iterdir()), segmenter, out, software_version="0.0.1", recogniser=recogniser
    )
    return result, json.loads((out / RESULT_NAME).read_text())


def test_views_that_a_bundle_has_learnt_reach_the_recogniser_and_are_told(folder, cine, tmp_path):
    recogniser = FakeRecogniser()
    result, written = analyse(folder, tmp_path, ViewSegmenter(cine), recogniser)
    (seen,) = recogniser.studies
    assert {FURTHER_ROLES[kind].value for kind in seen.views.kind} == {"lge", "two_chamber_cine"}
    assert {one["role"]: one["left_out"] for one in written["views"]} == {
        "lge": None,
        "two_chamber_cine": None,
    }
    assert sum(one["n_images"] for one in written["views"]) >= len(seen.views.kind)
    assert VIEWS_STAGE in result.timings_seconds
    assert "late_gadolinium_enhancement" in {
        one["key"] for one in written["assessment"]["not_assessed"]
    }


@pytest.mark.parametrize("views", [(), ("lge",)])
def test_nothing_is_read_where_no_view_was_learnt_or_nobody_reads_images(
    folder, cine, tmp_path, views
):
    recogniser = None if views else FakeRecogniser()
    result, written = analyse(folder, tmp_path, ViewSegmenter(cine, views), recogniser)
    assert written["views"] == []
    assert VIEWS_STAGE not in result.timings_seconds
    if recogniser is not None:
        assert recogniser.studies[0].views is None


def test_broken_series_is_named_and_the_study_analysed(folder, cine, tmp_path):
    for path in folder.iterdir():
        data = path.read_bytes()
        cut = len(data) // 2 if b"lge" in data[:4000].lower() else len(data)
        (tmp_path / path.name).write_bytes(data[:cut])
    recogniser = FakeRecogniser()
    result, written = analyse(tmp_path, tmp_path / "out", ViewSegmenter(cine), recogniser)
    assert result.assessment is not None
    told = {one["role"]: one["left_out"] for one in written["views"]}
    assert told == {"lge": "unreadable_pixels", "two_chamber_cine": None}
    assert LATE not in recogniser.studies[0].views.kind


def test_failing_encoder_fails_no_analysis(folder, cine, tmp_path):
    recogniser = FakeRecogniser()
    failing = ViewSegmenter(cine, failure=ModelError(Reason.INFERENCE_FAILED))
    result, written = analyse(folder, tmp_path, failing, recogniser)
    assert result.assessment is not None
    assert written["views"] == []
    assert recogniser.studies[0].views is None
