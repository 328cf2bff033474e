"""A hospital's own policy in the report: said in every language, and confirmed by the checker."""

import dataclasses

import pytest

from plugin.domain.triage import (
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    Outcome,
    Situation,
    parse_policy,
)
from plugin.domain.triage.vocabulary import MEASUREMENTS
from tests.plugin.domain.triage.policies import policy_text, rule
from tests.worker.findings.studies import KNOWN
from worker.findings import reread
from worker.findings.checker import check_text
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.findings.sentences import Sentences

WEAK = KNOWN["weak dilated left ventricle"]
EVERYTHING = (
    '{ measurement = "lv_ejection_fraction", below = 42.5, unit = "%" }, '
    '{ measurement = "lv_end_diastolic_volume_index", above = 60, unit = "ml/m2" }, '
    '{ finding = "lv_systolic_dysfunction", undetermined_counts = true }, '
    '{ stratum = "ejection_fraction_reduced", undetermined_counts = true }, '
    '{ text = "chest_pain" }, { patient_class = "emergency" }, { order_priority = "STAT" }, '
    "{ waiting_minutes = 30 }"
)
PLACES = '[patient_class]\nemergency = ["ED"]\n'


def decided(level, when=EVERYTHING):
    policy = parse_policy(policy_text(PLACES, rule("site", level, when, "Guideline 12, chapter 3")))
    order = OrderFacts(IncomingPriority.STAT, "ED")
    return Situation(policy, order, 45.0).decide(WEAK, frozenset({ClinicalFlag.CHEST_PAIN}))


@pytest.mark.parametrize("level", ["STAT", "URGENT", "REVIEW"])
@pytest.mark.parametrize("code", ["en", "zh"])
def test_report_says_what_the_sites_policy_decided_and_the_checker_agrees(level, code):
    decision = decided(level)
    assert decision.outcome is (Outcome.REVIEW if level == "REVIEW" else Outcome.PROMOTED)
    assessment = dataclasses.replace(WEAK, priority=decision.suggestion())
    _, found = reread(assessment, code)
    assert found == ()
    said = report_text(assessment, load_language(code)).priority
    assert "Guideline 12, chapter 3" in said
    assert "42.5" in said
    if code == "en":
        assert said == decision.sentence


@pytest.mark.parametrize("key", sorted(MEASUREMENTS))
@pytest.mark.parametrize("code", ["en", "zh"])
def test_a_rule_on_any_measurement_is_confirmed(key, code):
    known = MEASUREMENTS[key]
    value = (known.low + known.high) / 2
    values = {one.key: one for one in WEAK.measurements if one.segment is None}
    measured = dataclasses.replace(
        values["lv_ejection_fraction"],
        key=key,
        name=known.name,
        unit=known.unit,
        value=value,
        interval=None,
        normal_ranges=(),
    )
    others = [one for one in WEAK.measurements if one.key != key or one.segment is not None]
    heart = dataclasses.replace(WEAK, measurements=(*others, measured))
    when = f'{{ measurement = "{key}", above = {known.low}, unit = "{known.unit}" }}'
    policy = parse_policy(policy_text("", rule("site", "URGENT", when, "Guideline 12")))
    decision = Situation(policy, OrderFacts(), 0.0).decide(heart, frozenset())
    assert decision.outcome is Outcome.PROMOTED
    heart = dataclasses.replace(heart, priority=decision.suggestion())
    said = report_text(heart, load_language(code)).priority
    say = Sentences(load_language(code))
    printed = [say.priority_limit("reason", one) for one in heart.priority.reasons]
    assert check_text([said], heart, code, rules=(*printed, "Guideline 12")) == ()
    assert known.name in decision.sentence
