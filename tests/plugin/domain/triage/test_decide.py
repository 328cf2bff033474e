"""What follows from a policy: thresholds, what is near them, every kind of condition."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.findings import Certainty, Code, Measurement, Priority, ReasonKind
from plugin.domain.triage import (
    ClinicalFlag,
    IncomingPriority,
    MeasuredValue,
    OrderFacts,
    Outcome,
    PatientClass,
    TriageInputs,
    decide,
    default_policy,
    inputs_of,
    parse_policy,
)
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS, STRATA
from tests.plugin.domain.triage.policies import group, lvef, policy_text, rule

ORDER = [Priority.ROUTINE, Priority.URGENT, Priority.STAT]


def measured(key, value, half_width=None, segment=None):
    interval = None if half_width is None else (value - half_width, value + half_width)
    return Measurement(
        key, key, value, "%", Code("1", "SCT", "x"), "", interval=interval, segment=segment
    )


def suggest(*measurements):
    return decide(default_policy(), inputs_of(measurements)).suggestion()


def by(text, **inputs):
    return decide(parse_policy(policy_text(text)), TriageInputs(**inputs))


def lvef_of(value, half_width=None):
    interval = None if half_width is None else (value - half_width, value + half_width)
    return {"lv_ejection_fraction": MeasuredValue(value, "%", interval)}


def test_healthy_values_are_routine():
    suggestion = suggest(
        measured("lv_ejection_fraction", 62.0, 6.0),
        measured("rv_ejection_fraction", 58.0, 9.0),
        measured("maximal_wall_thickness", 9.0, 2.0),
    )
    assert (suggestion.level, suggestion.rule) == (Priority.ROUTINE, "none")
    assert "not assessed" in suggestion.sentence
    assert not suggestion.reasons


@pytest.mark.parametrize(
    ("key", "value", "level"),
    [
        ("lv_ejection_fraction", 35.0, Priority.URGENT),
        ("lv_ejection_fraction", 35.1, Priority.ROUTINE),
        ("rv_ejection_fraction", 36.9, Priority.URGENT),
        ("rv_ejection_fraction", 37.0, Priority.ROUTINE),
        ("maximal_wall_thickness", 30.0, Priority.URGENT),
        ("maximal_wall_thickness", 29.9, Priority.ROUTINE),
    ],
)
def test_each_rule_that_ships_at_its_threshold(key, value, level):
    assert suggest(measured(key, value)).level is level


def test_several_rules_are_all_named():
    suggestion = suggest(
        measured("lv_ejection_fraction", 20.0), measured("rv_ejection_fraction", 25.0)
    )
    assert suggestion.rule == "lvef_35+rvef_37"
    assert suggestion.basis == ("lv_ejection_fraction", "rv_ejection_fraction")
    assert suggestion.policy == default_policy().label


def test_near_a_threshold_asks_for_review_without_promoting():
    suggestion = suggest(measured("lv_ejection_fraction", 38.0, 6.0))
    assert (suggestion.level, suggestion.rule) == (Priority.ROUTINE, "near_threshold")
    assert "physician should review" in suggestion.sentence


def test_beyond_a_threshold_is_urgent_however_wide_the_interval():
    assert suggest(measured("lv_ejection_fraction", 34.0, 20.0)).level is Priority.URGENT


def test_segment_values_and_missing_values_do_not_count():
    assert suggest().level is Priority.ROUTINE
    assert suggest(measured("maximal_wall_thickness", 40.0, segment=3)).level is Priority.ROUTINE


def test_worse_value_never_lowers_the_priority():
    levels = [
        suggest(measured("lv_ejection_fraction", float(value))).level for value in range(70, 4, -1)
    ]
    assert all(ORDER.index(a) <= ORDER.index(b) for a, b in itertools.pairwise(levels))


def test_rules_that_ship_have_a_printed_source_and_give_no_stat():
    assert all(one.source and one.level.value == "URGENT" for one in default_policy().rules)


@pytest.mark.parametrize(
    ("value", "half_width", "outcome"),
    [
        (25.0, 5.0, Outcome.PROMOTED),
        (33.0, 5.0, Outcome.NEAR),
        (33.0, None, Outcome.NEAR),
        (38.0, 5.0, Outcome.NEAR),
        (60.0, 5.0, Outcome.KEPT),
    ],
)
def test_surely_wants_the_whole_interval(value, half_width, outcome):
    text = rule(when=lvef(surely=True))
    assert by(text, measurements=lvef_of(value, half_width)).outcome is outcome


def test_finding_counts_when_present_and_is_near_when_undetermined():
    text = rule(when='{ finding = "rv_dilation" }')
    present = by(text, findings={"rv_dilation": Certainty.PRESENT})
    assert present.level is Priority.URGENT
    assert "dilated right ventricle (A guideline 2024)" in present.sentence
    near = by(text, findings={"rv_dilation": Certainty.UNDETERMINED})
    assert (near.outcome, near.level) == (Outcome.NEAR, Priority.ROUTINE)


def test_undetermined_stratum_counts_when_the_rule_says_so():
    text = rule(when='{ stratum = "massive_wall_thickness", undetermined_counts = true }')
    decision = by(text, strata={"massive_wall_thickness": Certainty.UNDETERMINED})
    assert decision.level is Priority.URGENT


def test_finding_that_nothing_measured_could_give_is_not_judged():
    text = rule(when='{ finding = "lv_systolic_dysfunction" }')
    assert by(text).not_judged == ("a",)
    assert by(text, measurements=lvef_of(60.0)).not_judged == ()


def test_text_flag_promotes_together_with_a_value():
    text = rule(level="STAT", when=f'{lvef()}, {{ text = "chest_pain" }}')
    flags = frozenset({ClinicalFlag.CHEST_PAIN})
    decision = by(text, measurements=lvef_of(30.0), text_flags=flags)
    assert decision.level is Priority.STAT
    assert {one.kind for one in decision.reasons} == {ReasonKind.MEASUREMENT, ReasonKind.TEXT}
    assert by(text, measurements=lvef_of(30.0)).level is Priority.ROUTINE


PLACES = '[patient_class]\nemergency = ["ED", "急诊", "A&E"]\n'


@pytest.mark.parametrize(
    ("order", "promoted"),
    [
        (OrderFacts(requesting_service="ED Resus 2"), True),
        (OrderFacts(location="a&e"), True),
        (OrderFacts(requesting_service="急诊科"), True),
        (OrderFacts(requesting_service="REDUCED, MEDICINE"), False),
        (OrderFacts(has_admission=True), False),
        (OrderFacts(), False),
    ],
)
def test_emergency_is_told_by_the_sites_words_for_places(order, promoted):
    text = PLACES + rule(when='{ patient_class = "emergency" }')
    assert (by(text, order=order).level is Priority.URGENT) is promoted


def test_order_priority_counts_from_the_stated_one_up():
    text = rule(when='{ order_priority = "HIGH" }')
    levels = {priority: by(text, order=OrderFacts(priority)).level for priority in IncomingPriority}
    assert levels[IncomingPriority.STAT] is levels[IncomingPriority.HIGH] is Priority.URGENT
    assert levels[IncomingPriority.ROUTINE] is levels[IncomingPriority.LOW] is Priority.ROUTINE


def test_waiting_promotes_from_its_minutes_on():
    text = rule(when="{ waiting_minutes = 60 }")
    assert by(text, waiting_minutes=60.0).level is Priority.URGENT
    assert by(text, waiting_minutes=59.9).level is Priority.ROUTINE
    assert by(text).not_judged == ("a",)


def test_review_rule_asks_for_a_look_and_promotes_nothing():
    text = rule(level="REVIEW", when='{ finding = "rv_dilation" }')
    decision = by(text, findings={"rv_dilation": Certainty.PRESENT})
    assert (decision.outcome, decision.level) == (Outcome.REVIEW, Priority.ROUTINE)
    assert decision.wants_review


def test_group_holds_its_conditions_for_several_rules():
    text = (
        group("weak", lvef())
        + rule("a", when='{ group = "weak" }, { order_priority = "HIGH" }')
        + rule("b", "STAT", '{ group = "weak" }, { patient_class = "emergency" }')
        + PLACES
    )
    order = OrderFacts(IncomingPriority.STAT, "ED")
    decision = by(text, measurements=lvef_of(20.0), order=order)
    assert (decision.level, decision.rules) == (Priority.STAT, ("a", "b"))


def test_study_without_a_result_keeps_its_place_and_says_so():
    decision = decide(default_policy(), TriageInputs(is_analysed=False))
    assert (decision.outcome, decision.level) == (Outcome.NOT_ANALYSED, Priority.ROUTINE)
    assert "Not analysed" in decision.sentence


def test_study_without_a_result_may_still_be_promoted_by_its_order():
    text = rule(when='{ order_priority = "STAT" }')
    order = OrderFacts(IncomingPriority.STAT)
    assert by(text, order=order, is_analysed=False).level is Priority.URGENT


certainties = st.sampled_from(list(Certainty))
inputs = st.builds(
    TriageInputs,
    measurements=st.dictionaries(
        st.sampled_from(list(MEASUREMENTS)),
        st.builds(
            MeasuredValue,
            st.floats(0, 400, allow_nan=False),
            st.just("%"),
            st.none() | st.tuples(st.floats(0, 400), st.floats(0, 400)),
        ),
    ),
    findings=st.dictionaries(st.sampled_from(list(FINDINGS)), certainties),
    strata=st.dictionaries(st.sampled_from(list(STRATA)), certainties),
    text_flags=st.frozensets(st.sampled_from(list(ClinicalFlag))),
    order=st.builds(
        OrderFacts,
        st.none() | st.sampled_from(list(IncomingPriority)),
        st.text(max_size=12),
        st.text(max_size=12),
        st.booleans(),
    ),
    waiting_minutes=st.none() | st.floats(0, 1e6),
    is_analysed=st.booleans(),
)
FULL = policy_text(
    PLACES,
    rule("a", "STAT", lvef(threshold=20)),
    rule("b", "URGENT", lvef(surely=True)),
    rule("c", "REVIEW", '{ finding = "lv_dilation", undetermined_counts = true }'),
    rule("d", "URGENT", '{ stratum = "massive_wall_thickness" }, { text = "myocarditis" }'),
    rule("e", "URGENT", '{ patient_class = "emergency" }, { waiting_minutes = 30 }'),
    rule("f", "STAT", '{ order_priority = "STAT" }'),
)


@given(inputs)
def test_inputs_come_back_from_the_registry_and_give_the_same_decision(given_inputs):
    back = TriageInputs.from_dict(given_inputs.to_dict())
    assert back == given_inputs
    policy = parse_policy(FULL)
    assert decide(policy, back) == decide(policy, given_inputs)


@given(inputs)
def test_decision_is_never_below_routine_and_always_has_reasons_for_what_it_does(given_inputs):
    decision = decide(parse_policy(FULL), given_inputs)
    assert decision.level in ORDER
    promoted = decision.outcome is Outcome.PROMOTED
    assert promoted == (decision.level is not Priority.ROUTINE)
    assert bool(decision.reasons) == (promoted or decision.wants_review)
    assert "LOW" not in decision.sentence.replace("ordered as LOW", "")


@given(inputs, st.sampled_from(list(PatientClass)))
def test_more_rules_never_lower_a_level(given_inputs, patient_class):
    fewer = parse_policy(policy_text(rule("a", "URGENT", lvef())))
    more = parse_policy(
        policy_text(
            rule("a", "URGENT", lvef()),
            rule("z", "STAT", f'{{ patient_class = "{patient_class}" }}'),
            PLACES,
        )
    )
    levels = [ORDER.index(decide(one, given_inputs).level) for one in (fewer, more)]
    assert levels[0] <= levels[1]
