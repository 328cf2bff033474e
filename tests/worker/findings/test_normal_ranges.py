"""Reference ranges: who gets which, and that they make sense."""

import pytest

from worker.findings.definitions import DEFINITIONS
from worker.findings.normal_ranges import REFERENCE_INTERVALS, is_adult, normal_ranges


def test_ranges_are_those_of_the_sex():
    (men,) = normal_ranges("lv_ejection_fraction", "M", 50.0)
    (women,) = normal_ranges("lv_ejection_fraction", "F", 50.0)
    assert (men.low, men.high) == (52, 73)
    assert (women.low, women.high) == (54, 75)
    assert "men" in men.population
    assert "Zhan" in men.source


def test_ranges_of_both_sexes_when_sex_is_unknown():
    both = normal_ranges("lv_mass_index", None, 50.0)
    assert [one.population.split(",")[0] for one in both] == ["men", "women"]


@pytest.mark.parametrize("age", [0.1, 12.0, 17.9])
def test_no_range_under_18(age):
    assert all(not normal_ranges(key, "M", age) for key in REFERENCE_INTERVALS)
    assert not is_adult(age)


def test_unknown_age_is_taken_as_adult():
    assert is_adult(None)
    assert normal_ranges("lv_ejection_fraction", "M", None)


@pytest.mark.parametrize(
    ("field_strength_t", "n_ranges"),
    [(1.5, 1), (1.494, 1), (2.89, 1), (3.0, 1), (None, 1), (0.55, 0), (1.0, 0), (7.0, 0)],
)
def test_ranges_hold_at_the_field_strengths_of_their_sources(field_strength_t, n_ranges):
    found = normal_ranges("lv_ejection_fraction", "M", 50.0, field_strength_t)
    assert len(found) == n_ranges


def test_no_range_is_made_up_where_none_is_published():
    assert normal_ranges("lv_mass", "M", 50.0) == ()
    assert normal_ranges("wall_thickness_ed", "M", 50.0) == ()


@pytest.mark.parametrize("key", REFERENCE_INTERVALS)
def test_intervals_are_ordered_and_lie_inside_the_plausible_range(key):
    interval, definition = REFERENCE_INTERVALS[key], DEFINITIONS[key]
    for low, high in (interval.men, interval.women):
        assert definition.plausible[0] <= low < high <= definition.plausible[1]
    assert interval.source
    if "ejection" not in key:
        assert interval.men[1] >= interval.women[1]
