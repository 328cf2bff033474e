"""Each rule on both sides of its threshold, with and without certainty."""

import dataclasses

import pytest

from plugin.domain.findings import Certainty, Measurement
from worker.findings.definitions import DEFINITIONS
from worker.findings.normal_ranges import normal_ranges
from worker.findings.rules import RANGE_RULES, Side, apply_rules, judge, judge_ranges


def measured(key, value, half_width=0.5, sex="M", age=50.0):
    definition = DEFINITIONS[key]
    return Measurement(
        key,
        definition.name,
        value,
        definition.unit,
        definition.code,
        definition.definition,
        interval=None if half_width is None else (value - half_width, value + half_width),
        normal_ranges=normal_ranges(key, sex, age),
    )


def findings(*measurements, adult=True):
    return {one.key: one for one in apply_rules({m.key: m for m in measurements}, adult=adult)}


@pytest.mark.parametrize(
    ("value", "half_width", "expected"),
    [
        (44.0, 4.0, Certainty.PRESENT),
        (47.0, 4.0, Certainty.UNDETERMINED),
        (50.0, 4.0, Certainty.UNDETERMINED),
        (51.0, 4.0, Certainty.UNDETERMINED),
        (52.0, 4.0, None),
        (49.0, None, Certainty.PRESENT),
        (50.0, None, None),
    ],
)
def test_judge_below_a_threshold(value, half_width, expected):
    assert judge(measured("lv_ejection_fraction", value, half_width), 50.0, Side.BELOW) is expected


def test_judge_above_is_the_mirror_image_of_below():
    for value, half_width in ((44.0, 4.0), (47.0, 4.0), (51.0, 4.0), (52.0, 4.0)):
        below = judge(measured("lv_mass", value, half_width), 50.0, Side.BELOW)
        above = judge(measured("lv_mass", 100.0 - value, half_width), 50.0, Side.ABOVE)
        assert below is above


def test_unknown_sex_is_present_only_beyond_both_ranges():
    between = measured("lv_mass_index", 65.0, sex=None)
    beyond = measured("lv_mass_index", 90.0, sex=None)
    assert judge_ranges(between, Side.ABOVE) is Certainty.UNDETERMINED
    assert judge_ranges(beyond, Side.ABOVE) is Certainty.PRESENT
    assert judge_ranges(measured("lv_mass_index", 45.0, sex=None), Side.ABOVE) is None


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        (20.0, "severely reduced"),
        (29.9, "severely reduced"),
        (30.0, "reduced"),
        (40.0, "reduced"),
        (40.1, "mildly reduced"),
        (49.0, "mildly reduced"),
    ],
)
def test_lvef_grades_at_the_printed_limits(value, grade):
    finding = findings(measured("lv_ejection_fraction", value))["lv_systolic_dysfunction"]
    assert finding.grade == grade
    assert finding.certainty is Certainty.PRESENT
    exact = 0 if value.is_integer() else 1
    assert finding.sentence.startswith(f"LV ejection fraction {value:.{exact}f} %")


def test_lvef_just_above_the_limit_is_undetermined_without_a_grade():
    near = measured("lv_ejection_fraction", 51.0, 6.0)
    finding = findings(near)["lv_systolic_dysfunction"]
    assert (finding.certainty, finding.grade) == (Certainty.UNDETERMINED, None)
    assert "neither confirmed nor excluded" in finding.sentence


def test_lvef_in_the_normal_range_gives_no_finding():
    assert findings(measured("lv_ejection_fraction", 62.0)) == {}


@pytest.mark.parametrize("rule", RANGE_RULES, ids=lambda rule: rule.key)
def test_range_rules_fire_beyond_their_range_only(rule):
    key = rule.keys[0]
    (normal,) = measured(key, 0.0).normal_ranges
    limit = normal.high if rule.side is Side.ABOVE else normal.low
    step = 2.0 if rule.side is Side.ABOVE else -2.0
    found = findings(measured(key, limit + step))
    assert found[rule.key].certainty is Certainty.PRESENT
    assert found[rule.key].source == normal.source
    assert found[rule.key].basis == (key,)
    assert rule.key not in findings(measured(key, limit - step))


def test_dilation_falls_back_to_the_absolute_volume_without_body_size():
    found = findings(measured("lv_end_diastolic_volume", 280.0))
    assert found["lv_dilation"].basis == ("lv_end_diastolic_volume",)


def test_index_counts_before_the_absolute_volume():
    found = findings(
        measured("lv_end_diastolic_volume", 280.0), measured("lv_end_diastolic_volume_index", 90.0)
    )
    assert "lv_dilation" not in found


@pytest.mark.parametrize(
    ("value", "certainty", "grade"),
    [
        (14.0, None, None),
        (15.0, Certainty.UNDETERMINED, None),
        (16.0, Certainty.PRESENT, None),
        (31.0, Certainty.PRESENT, "massive"),
    ],
)
def test_wall_of_15_mm_or_more(value, certainty, grade):
    found = findings(measured("maximal_wall_thickness", value)).get("lv_wall_thickening")
    assert (found and found.certainty) == certainty
    assert (found and found.grade) == grade


def test_nothing_is_stated_under_18():
    child = measured("lv_ejection_fraction", 20.0, age=9.0)
    assert findings(child, adult=False) == {}


def test_every_finding_names_its_source_and_basis():
    sick = (
        measured("lv_ejection_fraction", 25.0),
        measured("rv_ejection_fraction", 25.0),
        measured("lv_end_diastolic_volume_index", 160.0),
        measured("rv_end_diastolic_volume_index", 160.0),
        measured("lv_mass_index", 120.0),
        measured("maximal_wall_thickness", 20.0),
    )
    found = findings(*sick)
    assert len(found) == 6
    assert all(one.source and one.basis and one.finding_site for one in found.values())
    assert all(
        dataclasses.replace(one).code.scheme in ("SCT", "99CMRTRIAGE") for one in found.values()
    )
