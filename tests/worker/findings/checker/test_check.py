"""Correct texts pass; a text made wrong in any of the ways of ``corruptions`` never does."""

from functools import cache

import numpy as np
import pytest

from tests.worker.findings.checker.corruptions import WORDS, replaced, with_other_number
from tests.worker.findings.studies import study
from worker.findings.checker import DisagreementKind, check_text
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.findings.sentences import Sentences, by_key, graded, sides_of

SEEDS = range(30)
LANGUAGES = ("en", "zh")


@cache
def lines_of(seed, code):
    return report_text(study(seed).assessment, load_language(code)).lines()


def check(seed, lines, code, **options):
    options.setdefault("rules", tuple(load_language(code).tables["strata"].values()))
    return check_text(lines, study(seed).assessment, code, **options)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_correct_text_passes(seed, code):
    assert check(seed, lines_of(seed, code), code, complete=True) == ()


def wrong_sentences(code, change):
    """(seed, sentence, wrong sentence) for every sentence that can be made wrong."""
    rng = np.random.default_rng(7)
    return [
        (seed, line, wrong)
        for seed in SEEDS
        for line in lines_of(seed, code)
        if (wrong := change(line, rng)) not in (None, line)
    ]


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(WORDS["en"]))
def test_a_wrong_word_is_always_caught(kind, code):
    made = wrong_sentences(code, lambda line, rng: replaced(line, code, kind, rng))
    assert len(made) >= 5, "the kind must occur"
    missed = [wrong for seed, _, wrong in made if not check(seed, [wrong], code)]
    assert not missed


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_wrong_number_is_always_caught(code):
    made = wrong_sentences(code, with_other_number)
    assert len(made) > 300
    missed = [wrong for seed, _, wrong in made if not check(seed, [wrong], code)]
    assert not missed


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_number_of_another_measurement_is_named_so(code):
    assessment = study(0).assessment
    name = load_language(code).tables["measurements"]
    volume = assessment.measurement("lv_end_diastolic_volume").value
    line = f"{name['lv_end_systolic_volume']} {volume:.0f} ml"
    (found,) = check(0, [line], code)
    assert found.kind is DisagreementKind.WRONG_MEASUREMENT


@pytest.mark.parametrize(
    ("sentence", "code", "kind"),
    [
        ("There is no late gadolinium enhancement.", "en", "not_assessed"),
        ("No pericardial effusion.", "en", "not_assessed"),
        ("Thrombus was not assessed but is present.", "en", "not_assessed"),
        ("Left ventricle of normal size.", "en", "unsupported_word"),
        ("Hypertrophic cardiomyopathy.", "en", "unsupported_word"),
        ("EF about 93 %.", "en", "unknown_number"),
        ("There are 3 masses.", "en", "unknown_number"),
        ("The patient is under 18 years.", "en", "contradiction"),
        ("未见心包积液。", "zh", "not_assessed"),
        ("无延迟强化。", "zh", "not_assessed"),
        ("左心室大小正常。", "zh", "unsupported_word"),
        ("左心室射血分数 93%。", "zh", "unknown_number"),
    ],
)
def test_statements_that_nothing_supports_are_caught(sentence, code, kind):
    assert kind in {found.kind for found in check(0, [sentence], code)}


def with_finding(key):
    for seed in range(200):
        found = {one.key: one for one in study(seed).assessment.findings}
        if key in found and found[key].certainty == "present":
            return seed
    pytest.fail("no such study")


@pytest.mark.parametrize("code", LANGUAGES)
def test_omitted_findings_and_limits_are_named(code):
    seed = with_finding("lv_dilation")
    assessment = study(seed).assessment
    word = {"en": "dilated left", "zh": "左心室扩大"}[code]
    kept = [line for line in lines_of(seed, code) if word not in line]
    found = check(seed, kept, code, complete=True)
    assert [(one.kind, one.detail) for one in found] == [(DisagreementKind.OMITTED, "lv_dilation")]
    nothing = check(seed, [], code, complete=True)
    assert len(nothing) == len(assessment.findings) + len(assessment.not_assessed)


def test_within_is_denied_to_a_ventricle_with_a_finding():
    seed = with_finding("lv_dilation")
    (found,) = check(seed, ["Left ventricle within the reference ranges."], "en")
    assert found.kind is DisagreementKind.CONTRADICTION


def test_a_cause_may_be_considered_but_not_stated():
    causes = ["dilated cardiomyopathy", "aortic stenosis"]
    for said in ("To be considered: dilated cardiomyopathy.", "Possible causes: aortic stenosis."):
        assert check(0, [said], "en", causes=causes) == ()
    (found,) = check(0, ["This is dilated cardiomyopathy."], "en", causes=causes)
    assert found.kind is DisagreementKind.WRONG_CERTAINTY


def test_a_printed_rule_may_be_quoted_only_as_it_is():
    rule = load_language("en").tables["rules"]["lv_systolic_dysfunction"]
    assert check(0, [f"Criterion: {rule}."], "en", rules=[rule]) == ()
    assert check(0, [f"Criterion: {rule.replace('30', '20')}."], "en", rules=[rule]) != ()


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("en", "{0} and {1} lie within the reference range."),
        ("en", "{0}; {1}: both within the reference range."),
        ("zh", "{0}与{1}，均在参考范围内。"),
    ],
)
def test_a_relation_is_held_to_every_value_that_it_is_said_of(code, form):
    """Written with the value out of range first, because the last one is the obvious subject."""
    say = Sentences(load_language(code))
    measured = by_key(study(1).assessment.measurements)
    values = list(graded(measured))
    outside = next(one for one in values if "within" not in sides_of(one))
    inside = next(one for one in values if sides_of(one) == {"within"})
    wrong = form.format(say.measured(outside), say.measured(inside))
    found = check(1, [wrong], code)
    assert DisagreementKind.CONTRADICTION in {one.kind for one in found}
