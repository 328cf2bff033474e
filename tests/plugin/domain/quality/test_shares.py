"""Shares, agreement and percentiles against numbers worked out by hand."""

import pytest

from plugin.domain.quality.shares import MINIMUM_PAIRS, Share, agreement, percentile


def test_share_has_wilsons_interval():
    # p = 0.8, n = 10, z = 1.96: middle (0.8 + 0.19207) / 1.38415 = 0.71674, reach
    # 1.96 * sqrt(0.016 + 0.0096036) / 1.38415 = 0.22658.
    low, high = Share(8, 10).interval
    assert low == pytest.approx(0.4902, abs=2e-4)
    assert high == pytest.approx(0.9433, abs=2e-4)


def test_share_of_none_has_no_value():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_interval_stays_between_none_and_all():
    # 0 of 10: z^2 / (n + z^2) = 3.84146 / 13.84146.
    assert Share(0, 10).interval == pytest.approx((0.0, 0.27753), abs=1e-4)
    assert Share(10, 10).interval == pytest.approx((0.72247, 1.0), abs=1e-4)


def test_agreement_gives_bias_and_limits():
    # Differences 1, 2, 3, 4, 5: mean 3, variance 10 / 4, so 3 -+ 1.96 * 1.58114.
    found = agreement([(50.0, 51.0), (50.0, 52.0), (50.0, 53.0), (50.0, 54.0), (50.0, 55.0)])
    assert found.bias == 3.0
    assert found.limits == (pytest.approx(-0.09903, abs=1e-4), pytest.approx(6.09903, abs=1e-4))


def test_agreement_of_few_pairs_says_nothing_but_the_pairs():
    found = agreement([(50.0, 51.0)] * (MINIMUM_PAIRS - 1))
    assert (found.bias, found.limits) == (None, None)
    assert len(found.pairs) == MINIMUM_PAIRS - 1


def test_percentile_is_a_value_that_was_there():
    values = [float(n) for n in range(1, 21)]
    assert percentile(values, 95) == 19.0
    assert percentile(values, 50) == 10.0
    assert percentile([7.0], 95) == 7.0
    assert percentile([], 95) is None
