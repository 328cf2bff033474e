"""A printed number never contradicts what is judged by it."""

import pytest

from plugin.domain.rounding import rounded_beside


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (34.2, 0, "34"),
        (39.6, 0, "39.6"),
        (40.0, 0, "40"),
        (40.04, 0, "40.04"),
        (40.4, 0, "40.4"),
        (40.6, 0, "41"),
        (14.96, 1, "15.0"),
        (40.00001, 0, "40.00"),
    ],
)
def test_a_number_stays_on_its_side_of_each_limit(value, decimals, written):
    assert rounded_beside(value, decimals, (30.0, 40.0)) == written


def test_without_limits_decimals_are_those_asked_for():
    assert rounded_beside(39.6, 0, ()) == "40"
