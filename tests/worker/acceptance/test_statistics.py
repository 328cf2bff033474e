"""Agreement, exact intervals and ROC against values known from elsewhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from worker.acceptance.statistics import Share, agreement, area_under, roc


@given(st.integers(1, 80), st.data())
def test_exact_interval_is_that_of_scipy(of, data):
    n = data.draw(st.integers(0, of))
    expected = binomtest(n, of).proportion_ci(method="exact")
    assert Share(n, of).interval() == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_share_of_none_is_unknown():
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).interval() == (0.0, 1.0)


def test_agreement_of_known_pairs():
    found = agreement([50.0, 60.0, 70.0], [52.0, 61.0, 69.0])
    assert found.n == 3
    assert found.bias == pytest.approx(2 / 3)
    assert found.mean_absolute_error == pytest.approx(4 / 3)
    spread = math.sqrt(sum((d - 2 / 3) ** 2 for d in (2, 1, -1)) / 2)
    assert found.limits == pytest.approx((2 / 3 - 1.96 * spread, 2 / 3 + 1.96 * spread))


def test_agreement_of_too_few_pairs_is_unknown():
    assert agreement([], []).n == 0
    one = agreement([50.0], [53.0])
    assert one.bias == pytest.approx(3.0)
    assert math.isnan(one.limits[0])
    assert math.isnan(one.correlation)


def test_roc_of_perfect_reversed_and_tied_scores():
    truth = [True, True, False, False]
    assert area_under(roc([4, 3, 2, 1], truth)) == pytest.approx(1.0)
    assert area_under(roc([1, 2, 3, 4], truth)) == pytest.approx(0.0)
    assert area_under(roc([1, 1, 1, 1], truth)) == pytest.approx(0.5)


def test_roc_of_one_kind_only_does_not_exist():
    assert roc([1.0, 2.0], [True, True]) == []
    assert math.isnan(area_under([]))
