"""Rules on a change since an earlier result: met beyond the uncertainty, unknown without one."""

import dataclasses
import json

import pytest

from plugin.domain.comparison import Change, Changed, Comparison, EarlierResult, changed
from plugin.domain.findings import Priority
from plugin.domain.triage import Outcome, TriageInputs, decide, parse_policy, problems_of
from tests.plugin.domain.triage.policies import policy_text, rule

EF = "lv_ejection_fraction"
FELL = '{ change = "lv_ejection_fraction", fell_by = 10, unit = "%", within_days = 365 }'


def decided(change, when=FELL):
    inputs = TriageInputs(changes={} if change is None else {EF: change})
    return decide(parse_policy(policy_text(rule("weaker", "URGENT", when))), inputs)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (Changed(-10.0, "%", True, 365), Outcome.PROMOTED),
        (Changed(-30.0, "%", True, 0), Outcome.PROMOTED),
        (Changed(-12.0, "%", False, 100), Outcome.NEAR),
        (Changed(-12.0, "%", None, 100), Outcome.NEAR),
        (Changed(-9.9, "%", True, 100), Outcome.KEPT),
        (Changed(30.0, "%", True, 100), Outcome.KEPT),
        (Changed(-30.0, "%", True, 366), Outcome.KEPT),
        (None, Outcome.KEPT),
    ],
)
def test_only_a_change_beyond_the_uncertainty_promotes(change, outcome):
    decision = decided(change)
    assert decision.outcome is outcome
    promoted = outcome is Outcome.PROMOTED
    assert (decision.level is Priority.URGENT) is promoted


def test_without_an_earlier_result_of_the_window_the_rule_is_not_judged():
    assert decided(None).not_judged == ("weaker",)
    assert decided(Changed(-30.0, "%", True, 366)).not_judged == ("weaker",)
    assert decided(Changed(-1.0, "%", False, 100)).not_judged == ()


def test_sentence_says_what_the_rule_asks_for():
    said = decided(Changed(-12.0, "%", True, 100)).sentence
    assert (
        "LV ejection fraction fell by 10 percentage points or more since a result of at most 365 "
        "days before, beyond the measurement uncertainty"
    ) in said
    rose = '{ change = "lv_ejection_fraction", rose_by = 5, unit = "%" }'
    said = decided(Changed(6.0, "%", True, 9000), rose).sentence
    assert "rose by 5 percentage points or more since the earlier result" in said


def test_changes_are_taken_from_a_comparison_and_come_back_from_the_registry():
    result = EarlierResult("2025-01-01", 200, "", "", True, False, {})
    changes = (Change(EF, "%", 30.0, 50.0, 7.2), Change("lv_mass", "g", 90.0, 80.0, None))
    found = changed(Comparison((result,), changes))
    assert found == {
        EF: Changed(-20.0, "%", True, 200),
        "lv_mass": Changed(10.0, "g", None, 200),
    }
    assert changed(Comparison()) == changed(None) == {}
    inputs = TriageInputs(changes=found)
    assert TriageInputs.from_dict(json.loads(json.dumps(inputs.to_dict()))) == inputs
    older = {key: value for key, value in inputs.to_dict().items() if key != "changes"}
    assert TriageInputs.from_dict(older) == dataclasses.replace(inputs, changes={})


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ('{ change = "heart_rate", fell_by = 10, unit = "/min" }', "there is no change"),
        ('{ change = "lv_ejection_fraction", unit = "%" }', "needs one of fell_by, rose_by"),
        (
            '{ change = "lv_ejection_fraction", fell_by = 1, rose_by = 1, unit = "%" }',
            "needs one of",
        ),
        ('{ change = "lv_ejection_fraction", fell_by = 10 }', 'is in "%"'),
        ('{ change = "lv_ejection_fraction", fell_by = -10, unit = "%" }', "more than 0"),
        (
            '{ change = "lv_ejection_fraction", fell_by = 1, unit = "%", within_days = 1.5 }',
            "whole number",
        ),
        ('{ change = "lv_ejection_fraction", fell_by = 96, unit = "%" }', "no reported LV eject"),
        (f'{FELL}, {{ change = "{EF}", rose_by = 3, unit = "%" }}', "falls and rises at once"),
    ],
)
def test_rule_that_cannot_act_or_is_mistyped_is_refused(condition, problem):
    (said,) = problems_of(policy_text(rule("a", "URGENT", condition)))
    assert problem in said


def test_narrower_change_under_a_wider_one_is_unreachable():
    wide = '{ change = "lv_ejection_fraction", fell_by = 5, unit = "%" }'
    (said,) = problems_of(policy_text(rule("wide", "URGENT", wide), rule("narrow", "URGENT", FELL)))
    assert "rule narrow: unreachable" in said
    assert problems_of(policy_text(rule("a", "STAT", FELL), rule("b", "URGENT", wide))) == ()
