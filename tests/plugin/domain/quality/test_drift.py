"""Drift is told by plain statistics with stated limits, and by more than one odd period."""

from collections import Counter
from datetime import date
from math import log

import pytest

from plugin.domain.quality.drift import (
    Judged,
    binning,
    change,
    index_limit,
    judge_kinds,
    judge_shares,
    judge_values,
    stability_index,
)

WEEKS = [date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16)]


def test_index_of_equal_counts_is_nothing():
    assert stability_index({"a": 60, "b": 40}, {"a": 60, "b": 40}) == 0.0


def test_index_is_the_sum_over_the_kinds():
    # With half a study added: 60.5/101 and 40.5/101 against 30.5/101 and 70.5/101.
    expected = 30 / 101 * log(60.5 / 30.5) + 30 / 101 * log(70.5 / 40.5)
    found = stability_index({"a": 60, "b": 40}, {"a": 30, "b": 70})
    assert found == pytest.approx(expected)


def test_limit_is_the_99th_percentile_of_chance():
    # Chi-square with 4 degrees of freedom: 13.277; 1/200 + 1/50 = 0.025.
    assert index_limit(5, 200, 50) == pytest.approx(13.277 * 0.025, rel=5e-3)


def test_limit_of_many_studies_is_the_least_that_matters():
    assert index_limit(2, 10_000, 10_000) == 0.1


def test_values_are_sorted_among_the_fifths_of_the_reference():
    sort = binning([float(n) for n in range(101)])
    assert Counter(map(sort, (0.0, 19.9, 20.0, 50.0, 79.9, 80.0, 100.0))) == {
        "0": 2,
        "1": 1,
        "2": 1,
        "3": 1,
        "4": 2,
    }


def test_another_scanner_for_two_weeks_looks_different_since_the_first():
    reference = ["A"] * 100
    judged = judge_kinds(
        reference, {WEEKS[0]: ["A"] * 30, WEEKS[1]: ["B"] * 30, WEEKS[2]: ["B"] * 40}
    )
    assert [one.differs for one in judged] == [False, True, True]
    found = change(judged)
    assert (found.since, found.n) == (WEEKS[1], 70)


def test_one_odd_week_is_no_change():
    judged = judge_kinds(["A"] * 100, {WEEKS[0]: ["A"] * 30, WEEKS[1]: ["B"] * 30})
    assert change(judged) is None


def test_what_is_over_is_no_change():
    weeks = {WEEKS[0]: ["B"] * 30, WEEKS[1]: ["B"] * 30, WEEKS[2]: ["A"] * 30}
    assert change(judge_kinds(["A"] * 100, weeks)) is None


def test_few_studies_are_not_judged_and_break_no_run():
    weeks = {WEEKS[0]: ["B"] * 30, WEEKS[1]: ["A"] * 3, WEEKS[2]: ["B"] * 30}
    judged = judge_kinds(["A"] * 100, weeks)
    assert judged[1] == Judged(WEEKS[1], 3)
    assert change(judged).n == 60


def test_without_a_reference_nothing_is_judged():
    (judged,) = judge_values([50.0] * 49, {WEEKS[0]: [20.0] * 30})
    assert not judged.differs
    assert judged.statistic is None


def test_shifted_values_differ():
    reference = [float(n % 40) for n in range(200)]
    same, other = [float(n % 40) for n in range(40)], [float(n % 40) + 15 for n in range(40)]
    judged = judge_values(reference, {WEEKS[0]: same, WEEKS[1]: other})
    assert [one.differs for one in judged] == [False, True]


def test_share_is_held_to_three_standard_errors():
    # Half added to 10 of 100 is 10.5 / 101: p = 0.10396; standard error with 50
    # studies sqrt(0.10396 * 0.89604 / 50) = 0.043163: 0 to 0.23345.
    judged = judge_shares((10, 100), {WEEKS[0]: (11, 50), WEEKS[1]: (12, 50)})
    assert judged[0].limits == (0.0, pytest.approx(0.23345, abs=1e-4))
    assert [one.differs for one in judged] == [False, True]


def test_a_share_above_and_then_below_is_no_one_change():
    judged = judge_shares((50, 100), {WEEKS[0]: (45, 50), WEEKS[1]: (5, 50)})
    assert [one.side for one in judged] == [1, -1]
    assert change(judged) is None
