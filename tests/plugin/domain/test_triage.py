"""The first priority rule: thresholds, what is near them, and that it only promotes."""

import itertools

import pytest

from plugin.domain.findings import Code, Measurement, Priority
from plugin.domain.triage import PRIORITY_RULES, higher, suggest_priority


def measured(key, value, half_width=None, segment=None):
    interval = None if half_width is None else (value - half_width, value + half_width)
    return Measurement(
        key, key, value, "%", Code("1", "SCT", "x"), "", interval=interval, segment=segment
    )


def healthy():
    return [
        measured("lv_ejection_fraction", 62.0, 6.0),
        measured("rv_ejection_fraction", 58.0, 9.0),
        measured("maximal_wall_thickness", 9.0, 2.0),
    ]


def test_healthy_values_are_routine():
    suggestion = suggest_priority(healthy())
    assert (suggestion.level, suggestion.rule) == (Priority.ROUTINE, "none")
    assert "not assessed" in suggestion.sentence


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
def test_each_rule_at_its_threshold(key, value, level):
    assert suggest_priority([measured(key, value)]).level is level


def test_several_rules_are_all_named():
    suggestion = suggest_priority(
        [measured("lv_ejection_fraction", 20.0), measured("rv_ejection_fraction", 25.0)]
    )
    assert suggestion.rule == "lvef_35+rvef_37"
    assert suggestion.basis == ("lv_ejection_fraction", "rv_ejection_fraction")


def test_near_a_threshold_asks_for_review_without_promoting():
    suggestion = suggest_priority([measured("lv_ejection_fraction", 38.0, 6.0)])
    assert (suggestion.level, suggestion.rule) == (Priority.ROUTINE, "near_threshold")
    assert "physician should review" in suggestion.sentence


def test_beyond_a_threshold_is_urgent_however_wide_the_interval():
    assert suggest_priority([measured("lv_ejection_fraction", 34.0, 20.0)]).level is Priority.URGENT


def test_segment_values_and_missing_values_do_not_count():
    assert suggest_priority([]).level is Priority.ROUTINE
    thick = measured("maximal_wall_thickness", 40.0, segment=3)
    assert suggest_priority([thick]).level is Priority.ROUTINE


def test_worse_value_never_lowers_the_priority():
    order = [Priority.ROUTINE, Priority.URGENT, Priority.STAT]
    levels = [
        suggest_priority([measured("lv_ejection_fraction", float(value))]).level
        for value in range(70, 4, -1)
    ]
    assert all(order.index(a) <= order.index(b) for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize("arrived", list(Priority))
@pytest.mark.parametrize("suggested", list(Priority))
def test_higher_never_demotes(arrived, suggested):
    order = [Priority.ROUTINE, Priority.URGENT, Priority.STAT]
    result = higher(arrived, suggested)
    assert order.index(result) == max(order.index(arrived), order.index(suggested))


def test_every_rule_has_a_printed_source():
    assert all(rule.source for rule in PRIORITY_RULES)
    assert all(rule.level is not Priority.STAT for rule in PRIORITY_RULES)
