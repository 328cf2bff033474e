"""The acceptance test on generated hearts: what is compared, what is counted, what is shown."""

import pytest

from plugin.domain.errors import ModelError, Reason, StudyRejectedError
from plugin.domain.findings import Priority
from plugin.domain.triage import default_policy
from tests.generated import TruthSegmenter, small_patient, write_small_study
from worker.acceptance.compare import compare
from worker.acceptance.reference import Reference
from worker.acceptance.report import acceptance_page, detection_of, pairs_of

LVEF = "lv_ejection_fraction"
RVEF = "rv_ejection_fraction"
WALL = "maximal_wall_thickness"


class Once(TruthSegmenter):
    """Contours the first study; the second one is none to it."""

    def segment(self, stack, on_progress=None):
        if self.n_calls == 1:
            self.n_calls += 1
            raise ModelError(Reason.HEART_NOT_FOUND)
        return super().segment(stack, on_progress)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    paths = write_small_study(tmp_path_factory.mktemp("study"))

    def files_of(study):
        if study == "missing":
            raise StudyRejectedError(Reason.NO_READABLE_INSTANCE)
        return paths

    truth = small_patient().truth.lv_ef_percent
    healthy = {LVEF: truth, RVEF: 60.0, WALL: 9.0}
    references = [
        Reference("right <b>", "north", "g", None, healthy),
        Reference("not-found", "north", "g", None, {LVEF: 30.0}),
        Reference("missing", "south", "g", Priority.STAT, {}),
        Reference("too-high", "south", "h", Priority.ROUTINE, {LVEF: 20.0}),
        Reference("lvef-only", "south", "h", None, {LVEF: 61.0}),
        Reference("mass-only", "south", "h", None, {"lv_mass": 100.0}),
    ]
    done = []
    result = compare(references, files_of, Once(), default_policy(), done.append)
    assert [one.reference.study for one in done] == [one.study for one in references]
    return result


def test_values_stand_beside_the_references(comparison):
    pairs = pairs_of(comparison.studies, LVEF)
    names = [one.reference.study for one, _, _ in pairs]
    assert names == ["right <b>", "too-high", "lvef-only"]
    _, expected, ours = pairs[0]
    assert ours == pytest.approx(expected, abs=6)


def test_urgency_is_the_hospitals_word_else_the_policys_on_its_values(comparison):
    urgent = {one.reference.study: one.is_urgent for one in comparison.studies}
    assert urgent == {
        "right <b>": False,
        "not-found": True,
        "missing": True,
        "too-high": False,
        "lvef-only": False,
        "mass-only": None,
    }


def test_rules_that_the_reference_cannot_answer_are_not_asked_of_ours(comparison):
    asked = {one.reference.study: one.decision for one in comparison.studies if one.decision}
    assert asked["lvef-only"].not_judged == ()
    assert asked["mass-only"].rules == ()


def test_study_that_was_not_analysed_counts_as_missed(comparison):
    sensitivity, specificity = detection_of(comparison.studies)
    assert (sensitivity.n, sensitivity.of) == (0, 2)
    assert (specificity.n, specificity.of) == (3, 3)


def test_worst_study_comes_first_among_the_pictures(comparison):
    shown = [one.reference.study for one, _ in comparison.pictures]
    assert shown[0] == "too-high"
    assert all(png.startswith(b"\x89PNG") for _, png in comparison.pictures)


def test_page_holds_all_parts_and_escapes_what_others_wrote(comparison):
    page = acceptance_page(comparison, default_policy(), (("bundle", "x"),))
    for words in (
        "Bland-Altman plot of LV ejection fraction",
        "ROC curve",
        "north",
        "south",
        "The network found no heart",
        "No readable DICOM image",
        "AI, not verified by a physician",
        "right &lt;b&gt;",
    ):
        assert words in page, words
    assert "right <b>" not in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_page_of_studies_without_a_result_says_so():
    def nothing(_study):
        raise StudyRejectedError(Reason.NO_READABLE_INSTANCE)

    only = [Reference("a", "", "", None, {LVEF: 50.0})]
    comparison = compare(only, nothing, TruthSegmenter(), default_policy(), lambda _one: None)
    page = acceptance_page(comparison, default_policy(), ())
    assert "No readable DICOM image" in page
