"""Standard errors and how they propagate."""

import pytest

from worker.bundle import find_bundle
from worker.bundle.manifest import Evaluation, EvaluationRow, Manifest
from worker.findings.definitions import DEFINITIONS
from worker.findings.uncertainty import (
    STANDARD_ERRORS,
    StandardError,
    errors_of,
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


def default_manifest(**root_mean_squares):
    manifest = Manifest.model_validate_json((find_bundle(None) / "manifest.json").read_bytes())
    if not root_mean_squares:
        return manifest
    rows = tuple(
        EvaluationRow(measure=f"{name} root mean square error", value=value)
        for name, value in root_mean_squares.items()
    )
    measured = Evaluation(data="drawn hearts", n_patients=2, command="none", rows=rows)
    return manifest.model_copy(update={"evaluation": measured, "name": "other"})


def test_default_bundle_makes_the_errors_that_the_documentation_prints():
    found = errors_of(default_manifest())
    assert found.keys() == STANDARD_ERRORS.keys()
    for key, error in found.items():
        stated = STANDARD_ERRORS[key]
        assert (error.fixed, error.share) == (stated.fixed, stated.share), key


def test_worse_bundle_has_wider_intervals_and_says_whose_they_are():
    found = errors_of(default_manifest(lvef_percent=7.77, lvedv_ml=21.0, rvedv_ml=6.0))
    assert found["lv_ejection_fraction"].fixed == 7.8
    assert "other" in found["lv_ejection_fraction"].source
    assert found["lv_end_diastolic_volume"].of(150.0) == 21.0
    # two examinations of one person differ by more than this bundle errs
    assert found["rv_end_diastolic_volume"] == STANDARD_ERRORS["rv_end_diastolic_volume"]
    assert found["lv_mass"] == STANDARD_ERRORS["lv_mass"]


def test_bundle_that_was_never_measured_has_the_errors_of_the_default_one():
    unmeasured = default_manifest().model_copy(update={"evaluation": None})
    assert errors_of(unmeasured) == STANDARD_ERRORS
