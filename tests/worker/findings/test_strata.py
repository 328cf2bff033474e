"""Printed bands: where they begin and end, how sure they are, and what they do not say."""

import pytest

from plugin.domain.findings import Certainty, Code, Measurement
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import load_language
from worker.findings.strata import BANDS, risk_strata

PRESENT, UNDETERMINED = Certainty.PRESENT, Certainty.UNDETERMINED


def measured(key, value, interval=None):
    definition = DEFINITIONS[key]
    code = Code("1", "LN", "code")
    return Measurement(
        key, definition.name, value, definition.unit, code, "definition", interval=interval
    )


def strata_of(key, value, interval=None):
    found = risk_strata({key: measured(key, value, interval)}, adult=True)
    return {one.key: one.certainty for one in found}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (20.0, {"ejection_fraction_reduced", "defibrillator_evaluation"}),
        (35.0, {"ejection_fraction_reduced", "defibrillator_evaluation"}),
        (35.1, {"ejection_fraction_reduced"}),
        (40.0, {"ejection_fraction_reduced"}),
        (40.1, {"ejection_fraction_mildly_reduced"}),
        (49.9, {"ejection_fraction_mildly_reduced"}),
        (50.0, {"ejection_fraction_preserved"}),
        (65.0, {"ejection_fraction_preserved"}),
    ],
)
def test_ejection_fraction_lies_in_one_band_of_heart_failure(value, expected):
    assert strata_of("lv_ejection_fraction", value) == dict.fromkeys(expected, PRESENT)


def test_band_is_certain_only_when_the_whole_interval_lies_in_it():
    assert strata_of("lv_ejection_fraction", 45.0, (43.0, 47.0)) == {
        "ejection_fraction_mildly_reduced": PRESENT
    }
    assert strata_of("lv_ejection_fraction", 45.0, (38.0, 52.0)) == {
        "ejection_fraction_mildly_reduced": UNDETERMINED
    }
    assert strata_of("lv_ejection_fraction", 33.0, (23.0, 43.0)) == {
        "ejection_fraction_reduced": UNDETERMINED,
        "defibrillator_evaluation": UNDETERMINED,
    }


def test_value_just_beside_a_band_may_lie_in_it():
    assert strata_of("lv_ejection_fraction", 36.0, (26.0, 46.0)) == {
        "ejection_fraction_reduced": UNDETERMINED,
        "defibrillator_evaluation": UNDETERMINED,
    }


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("rv_ejection_fraction", 45.0, {"right_ventricle_and_outcome"}),
        ("rv_ejection_fraction", 45.1, set()),
        ("maximal_wall_thickness", 30.0, {"massive_wall_thickness"}),
        ("maximal_wall_thickness", 29.9, set()),
        ("lv_end_diastolic_volume_index", 150.0, set()),
    ],
)
def test_bands_of_other_measurements(key, value, expected):
    assert set(strata_of(key, value)) == expected


def test_nothing_is_stated_of_a_child_or_without_measurement():
    values = {"lv_ejection_fraction": measured("lv_ejection_fraction", 20.0)}
    assert risk_strata(values, adult=False) == ()
    assert risk_strata({}, adult=True) == ()


def test_sentence_has_value_band_and_for_whom_it_is_printed():
    value = measured("lv_ejection_fraction", 30.0, (27.0, 33.0))
    reduced, defibrillator = risk_strata({value.key: value}, adult=True)
    assert reduced.sentence.startswith("LV ejection fraction 30 % (27 to 33 %): 40 % or less")
    assert "if there is heart failure, which imaging alone does not tell" in reduced.sentence
    assert "ask whether" in defibrillator.sentence
    assert (reduced.basis, bool(reduced.source)) == (("lv_ejection_fraction",), True)


def test_undetermined_sentence_says_so():
    value = measured("lv_ejection_fraction", 39.0, (30.0, 48.0))
    for stratum in risk_strata({value.key: value}, adult=True):
        assert "may lie in" in stratum.sentence


def test_no_band_states_a_disease_of_this_patient():
    english = load_language("en").tables["strata"]
    assert english.keys() == {band.key for band in BANDS}
    for band in BANDS:
        words = english[band.key]
        assert band.source
        assert band.measurement in DEFINITIONS
        assert not any(claim in words for claim in ("patient has", "diagnos", "HFrEF", "HFpEF"))
        diseases = ("heart failure", "cardiomyopathy")
        conditions = ("if there is", "where the cause is", "associated with", "ask whether")
        if any(disease in words for disease in diseases):
            assert any(condition in words for condition in conditions)
