"""The evaluation page: complete, true to its numbers, and free of anything from outside."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("nibabel", reason="needs the extra train")

from plugin.domain.findings import PatternEstimate
from tests.worker.training.page.cohort import drawn_case, drawn_outcome
from worker.training.calibration import area_under_curve
from worker.training.groups import ACDC_GROUPS
from worker.training.judged import QUESTIONS, Judged, judge_patient
from worker.training.page.outcome import Provenance, Worst, badness
from worker.training.page.page import evaluation_page
from worker.training.page.stated import roc_points

pytestmark = pytest.mark.train

ORIGIN = Provenance(
    bundle="drawn 1.0.0",
    bundle_digest="ab" * 32,
    software_version="0.0.1",
    data="generated <hearts> & nobody's data",
    data_digest="cd" * 32,
    command="cmr-triage evaluate --split training",
    seed=0,
)


PICTURE = b"stands for a PNG"


class Reader(HTMLParser):
    """Collects tags with attributes, and checks that what is opened is closed."""

    _EMPTY = frozenset({"meta", "img", "circle", "line", "rect", "polyline"})

    def __init__(self):
        super().__init__()
        self.tags, self._open = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self._EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self._EMPTY:
            assert self._open.pop() == tag


@pytest.fixture(scope="module")
def outcomes():
    return [drawn_outcome(number) for number in range(10)]


@pytest.fixture(scope="module")
def page(outcomes):
    return evaluation_page(outcomes, [(outcomes[3].result, PICTURE)], ORIGIN)


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_page_is_one_document_that_loads_nothing(page, read):
    assert page.startswith("<!doctype html>")
    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "link", "iframe", "object"}
    for tag, attributes in read.tags:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")


def test_page_policy_allows_exactly_its_own_style(page, read):
    (policy,) = [
        attributes["content"]
        for tag, attributes in read.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


def test_page_says_who_did_not_verify_it_and_how_it_was_made(page):
    words = words_of(page)
    assert "AI, not verified by a physician" in words
    for told in (ORIGIN.bundle, ORIGIN.bundle_digest, ORIGIN.data_digest, ORIGIN.command):
        assert told in words
    assert "generated &lt;hearts&gt; &amp; nobody" in page


def test_page_is_the_same_every_time(page, outcomes):
    assert evaluation_page(outcomes, [(outcomes[3].result, PICTURE)], ORIGIN) == page


def test_page_shows_the_figures_of_the_outcomes(page, outcomes):
    words = words_of(page)
    dice = np.mean([o.result.dice[f"lv_{phase}"] for o in outcomes for phase in ("ED", "ES")])
    off = [o.result.measured["lvef_percent"] - o.result.true["lvef_percent"] for o in outcomes]
    assert f"{dice:.3f}" in words
    assert f"{np.mean(np.abs(off)):.1f}" in words
    assert f"n = {len(outcomes)} patients" in words


def test_page_without_both_kinds_of_patients_draws_no_curve(outcomes):
    name = QUESTIONS[0].name
    same = [one for one in outcomes if one.judged.answers[name].truth == "absent"]
    page = evaluation_page(same, [], ORIGIN)
    assert f"ROC curve: {name}" not in page
    assert "Bland-Altman plot of LV ejection fraction" in page


def test_page_of_a_single_patient_shows_dashes_where_nothing_can_be_said(outcomes):
    page = evaluation_page(outcomes[:1], [], ORIGIN)
    assert "n = 1 patients" in words_of(page)
    assert not re.search(r"\bnan\b", words_of(page))


def test_page_names_who_got_no_report(outcomes):
    refused = Judged("drawn99", "heart_not_found", {}, {}, None, ())
    one = dataclasses.replace(
        outcomes[0],
        judged=refused,
        result=dataclasses.replace(outcomes[0].result, patient="drawn99"),
    )
    page = evaluation_page([*outcomes, one], [], ORIGIN)
    assert "No report for: drawn99 (heart_not_found)" in words_of(page)


def test_judged_perfect_contours_agree_with_the_expert_and_their_text_with_them():
    case = drawn_case()
    judged = judge_patient(case.patient, case.stack, case.truth, case.truth, case.context)
    assert judged.refused is None
    assert judged.answers[QUESTIONS[0].name].truth == "present"
    for name, answer in judged.answers.items():
        assert (answer.truth != "absent") or (answer.called != "present"), name
    assert all(judged.covered.values())
    assert judged.priority[0] == judged.priority[1]
    for fidelity in judged.fidelity:
        assert fidelity.disagreements == ()
        assert fidelity.n_numbers > 20
        assert fidelity.n_planted_found > 0.8 * fidelity.n_planted > 0


def test_judged_contours_that_show_no_heart_are_refused_with_the_reason():
    case = drawn_case()
    empty = np.zeros_like(case.truth)
    judged = judge_patient(case.patient, case.stack, case.truth, empty, case.context)
    assert judged.refused == "heart_not_found"
    assert judged.answers == {}


def test_worst_keeps_the_worst_first(outcomes):
    worst = Worst(3)
    for one in outcomes:
        worst.offer(one.result, None, None)
    found = [badness(result) for result, _, _ in worst.kept]
    assert found == sorted((badness(o.result) for o in outcomes), reverse=True)[:3]


def test_curve_encloses_the_area_that_is_printed():
    rng = np.random.default_rng(1)
    positive = rng.random(60) < 0.4
    score = np.round(positive + rng.normal(0, 1.0, 60), 1)  # with ties
    x, y = np.array(roc_points(score, positive)).T
    assert (x[0], y[0], x[-1], y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.trapezoid(y, x) == pytest.approx(area_under_curve(score, positive))


def test_page_shows_groups_only_for_a_bundle_with_their_table(page, outcomes):
    assert "Groups of patients" not in words_of(page)
    table = SimpleNamespace(coverage=0.9, patients="nobody", n_patients=7)
    called = ("normal", "infarction", None)
    patterns = [
        None if group is None else PatternEstimate((group,), 80, 7, "")
        for group in (called[k % 3] for k in range(len(outcomes)))
    ]
    judged = [
        dataclasses.replace(one, judged=dataclasses.replace(one.judged, pattern=pattern))
        for one, pattern in zip(outcomes, patterns, strict=True)
    ]
    shown = evaluation_page(judged, [], ORIGIN, table)
    truths = [ACDC_GROUPS[one.result.group] for one in outcomes]
    named = [(t, p.candidates[0]) for t, p in zip(truths, patterns, strict=True) if p]
    right = sum(truth == group for truth, group in named)
    assert f"{right} of {len(named)}, " in words_of(shown)
    assert "Reliability diagram of the groups" in shown
