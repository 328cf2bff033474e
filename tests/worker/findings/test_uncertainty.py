"""Standard errors and how they propagate."""

import pytest

from worker.findings.definitions import DEFINITIONS
from worker.findings.uncertainty import (
    STANDARD_ERRORS,
    StandardError,
    interval_90,
    standard_error,
)

VALUES = {
    "lv_end_diastolic_volume": 150.0,
    "lv_end_systolic_volume": 60.0,
    "lv_stroke_volume": 90.0,
    "lv_ejection_fraction": 60.0,
    "lv_end_diastolic_volume_index": 75.0,
    "lv_stroke_volume_index": 45.0,
    "heart_rate": 60.0,
    "cardiac_output": 5.4,
    "cardiac_index": 2.7,
}
EXACT_VOLUME = {
    "lv_end_diastolic_volume": StandardError(0.0, 0.0, "exact"),
    "lv_ejection_fraction": StandardError(4.0, 0.0, "test"),
}


def test_fixed_part_and_share_add_in_quadrature():
    assert StandardError(3.0, 0.04, "test").of(100.0) == pytest.approx(5.0)


def test_stroke_volume_takes_the_error_of_the_fraction_when_the_volume_is_exact():
    assert standard_error("lv_stroke_volume", VALUES, EXACT_VOLUME) == pytest.approx(6.0)


def test_output_and_index_scale_with_their_stroke_volume():
    assert standard_error("cardiac_output", VALUES, EXACT_VOLUME) == pytest.approx(0.36)
    assert standard_error("cardiac_index", VALUES, EXACT_VOLUME) == pytest.approx(0.18)
    assert standard_error("lv_stroke_volume_index", VALUES, EXACT_VOLUME) == pytest.approx(3.0)


def test_index_has_the_relative_error_of_its_volume():
    whole = standard_error("lv_end_diastolic_volume", VALUES) / 150.0
    indexed = standard_error("lv_end_diastolic_volume_index", VALUES) / 75.0
    assert indexed == pytest.approx(whole)


def test_nothing_is_claimed_about_the_heart_rate():
    assert standard_error("heart_rate", VALUES) is None
    assert interval_90(60.0, None) is None


def test_interval_is_ninety_percent_and_not_negative():
    assert interval_90(60.0, 10.0) == pytest.approx((43.55, 76.45))
    assert interval_90(5.0, 10.0)[0] == 0.0


def test_every_error_belongs_to_a_measurement_and_names_its_source():
    assert set(STANDARD_ERRORS) <= set(DEFINITIONS)
    assert all(error.source for error in STANDARD_ERRORS.values())
