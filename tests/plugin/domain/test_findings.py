"""The assessment as data: look-ups, ranges, and the way through JSON."""

import json

import pytest

from plugin.domain.findings import (
    Assessment,
    Certainty,
    Code,
    Finding,
    Measurement,
    NormalRange,
    NotAssessed,
    Priority,
    PrioritySuggestion,
    QualityNote,
    VolumeCurve,
)

CODE = Code("8811-2", "LN", "Left ventricular ejection fraction by MR")


def assessment():
    whole = Measurement(
        "lv_ejection_fraction",
        "LV ejection fraction",
        61.25,
        "%",
        CODE,
        "definition",
        finding_site=Code("87878005", "SCT", "Left ventricle"),
        interval=(55.0, 67.5),
        normal_ranges=(NormalRange(52.0, None, "men", "source"),),
        method=Code("122562", "DCM", "Multiple Slices"),
    )
    part = Measurement("wall", "Wall", 9.0, "mm", CODE, "definition", segment=3, phase="ED")
    return Assessment(
        measurements=(whole, part),
        findings=(
            Finding("f", CODE, "sentence", Certainty.UNDETERMINED, ("wall",), "source", "grade"),
        ),
        not_assessed=(NotAssessed("n", CODE, "sentence"),),
        impression=("one", "two ml/m²"),
        narrative=("three",),
        priority=PrioritySuggestion(Priority.URGENT, "rule", "sentence", ("wall",)),
        quality=(QualityNote("q", "sentence"),),
        curve=VolumeCurve((0.0, 40.0), (150.0, 60.0), (160.0, 70.0)),
        ed_phase=0,
        es_phase=1,
        bsa_m2=None,
        bsa_formula=None,
    )


def test_assessment_survives_json():
    before = assessment()
    after = Assessment.from_json(before.to_json())
    assert after == before
    assert after.findings[0].certainty is Certainty.UNDETERMINED
    assert isinstance(after.measurements[0].interval, tuple)


def test_json_is_plain_and_holds_the_numbers():
    raw = json.loads(assessment().to_json())
    assert raw["measurements"][0]["value"] == 61.25
    assert raw["priority"]["level"] == "URGENT"


def test_lookups_tell_global_from_segmental():
    found = assessment()
    assert found.value("lv_ejection_fraction") == 61.25
    assert found.value("wall") is None
    assert found.measurement("wall", 3).value == 9.0
    assert found.measurement("wall", 4) is None
    assert found.value("absent") is None


@pytest.mark.parametrize(
    ("low", "high", "value", "side"),
    [
        (50.0, 70.0, 49.9, "below"),
        (50.0, 70.0, 50.0, "within"),
        (50.0, 70.0, 70.0, "within"),
        (50.0, 70.0, 70.1, "above"),
        (None, 70.0, -5.0, "within"),
        (50.0, None, 500.0, "within"),
    ],
)
def test_normal_range_sides(low, high, value, side):
    assert NormalRange(low, high, "all", "source").side(value) == side


def test_priority_has_no_level_below_routine():
    assert {one.value for one in Priority} == {"STAT", "URGENT", "ROUTINE"}
