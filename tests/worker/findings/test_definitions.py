"""The table of measurements, its codes, and the page generated from it."""

from pathlib import Path

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.codedict import codes

from worker.findings.definition_page import definition_page
from worker.findings.definitions import DEFINITIONS, SEGMENT_NAMES, SEGMENT_SITES
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.rules import LV_DYSFUNCTION

PAGE = Path(__file__).parents[3] / "docs" / "measurements-definitions.md"
UCUM = {"ml", "ml/m2", "g", "g/m2", "%", "mm", "/min", "l/min", "l/min/m2", "1", "ml/s", "/s", "ms"}


# Concept, scheme and unit of every measurement, written down a second time from DICOM PS3.16
# (CID 3833, 3835, 3717, 12203 and the cardiac ultrasound and MR templates) and UCUM.
CODED_AS = {
    "lv_ejection_fraction": ("8811-2", "LN", "%"),
    "lv_end_diastolic_volume": ("8821-1", "LN", "ml"),
    "lv_end_systolic_volume": ("8823-7", "LN", "ml"),
    "lv_stroke_volume": ("90096001", "SCT", "ml"),
    "lv_mass": ("18087-7", "LN", "g"),
    "rv_ejection_fraction": ("8818-7", "LN", "%"),
    "rv_end_diastolic_volume": ("8822-9", "LN", "ml"),
    "rv_end_systolic_volume": ("8824-5", "LN", "ml"),
    "rv_stroke_volume": ("429483009", "SCT", "ml"),
    "heart_rate": ("8867-4", "LN", "/min"),
    "cardiac_output": ("82799009", "SCT", "l/min"),
    "lv_end_diastolic_volume_index": ("8821-1", "LN", "ml/m2"),
    "lv_end_systolic_volume_index": ("8823-7", "LN", "ml/m2"),
    "lv_stroke_volume_index": ("277381004", "SCT", "ml/m2"),
    "lv_mass_index": ("18087-7", "LN", "g/m2"),
    "rv_end_diastolic_volume_index": ("8822-9", "LN", "ml/m2"),
    "rv_end_systolic_volume_index": ("8824-5", "LN", "ml/m2"),
    "rv_stroke_volume_index": ("429619008", "SCT", "ml/m2"),
    "cardiac_index": ("54993008", "SCT", "l/min/m2"),
    "maximal_wall_thickness": ("122445", "DCM", "mm"),
    "wall_thickness_ed": ("122445", "DCM", "mm"),
    "wall_thickness_es": ("122445", "DCM", "mm"),
    "wall_thickening_ratio": ("122624", "DCM", "1"),
    "lv_peak_ejection_rate": ("122616", "DCM", "ml/s"),
    "lv_peak_filling_rate": ("122618", "DCM", "ml/s"),
    "lv_peak_ejection_rate_per_volume": ("EJECTION-PER-EDV", "99CMRTRIAGE", "/s"),
    "lv_peak_filling_rate_per_volume": ("FILLING-PER-EDV", "99CMRTRIAGE", "/s"),
    "lv_time_to_peak_filling": ("122619", "DCM", "ms"),
    "rv_peak_ejection_rate": ("122616", "DCM", "ml/s"),
    "rv_peak_filling_rate": ("122618", "DCM", "ml/s"),
    "wall_motion_score_index": ("125202", "DCM", "1"),
    "thickening_dyssynchrony": ("THICKENING-DYSS", "99CMRTRIAGE", "%"),
    "wall_thickening": ("WALL-THICKENING", "99CMRTRIAGE", "%"),
    "inward_motion": ("INWARD-MOTION", "99CMRTRIAGE", "mm"),
    "time_to_peak_thickening": ("TIME-PEAK-THICK", "99CMRTRIAGE", "ms"),
    "wall_motion_score": ("MOTION-SCORE", "99CMRTRIAGE", "1"),
}
# The dictionary names these by their abbreviation or with a semantic tag.
SPELT_OUT = {"429483009", "429619008", "251053005", "60797005"}


def known_meanings(scheme, value):
    found = [meaning for name in concepts[scheme].values() for meaning in meanings_of(name, value)]
    return {meaning.lower() for meaning in found}


def meanings_of(values, value):
    return [values[value][0]] if value in values else []


def known_values(scheme):
    dictionary = getattr(codes, scheme)
    return {getattr(dictionary, name).value for name in dictionary.dir()}


@pytest.fixture(scope="module")
def dictionaries():
    return {scheme: known_values(scheme) for scheme in ("SCT", "LN", "DCM")}


def test_page_is_what_the_code_generates():
    assert PAGE.read_text(encoding="utf-8") == definition_page(), (
        "run: python -m worker.findings.definition_page docs/measurements-definitions.md"
    )


def test_units_are_ucum_and_plausible_ranges_ordered():
    for definition in DEFINITIONS.values():
        assert definition.unit in UCUM
        assert definition.plausible[0] < definition.plausible[1]


def test_standard_codes_exist_in_the_dictionaries(dictionaries):
    used = [one.code for one in DEFINITIONS.values()]
    used += [one.site for one in DEFINITIONS.values()]
    used += [one.method for one in DEFINITIONS.values() if one.method]
    used += [one.code for one in NOT_ASSESSED] + list(SEGMENT_SITES.values()) + [LV_DYSFUNCTION]
    for code in used:
        assert code.scheme == "99CMRTRIAGE" or code.value in dictionaries[code.scheme], code


def test_every_measurement_has_the_concept_and_unit_of_the_standard():
    found = {one.key: (one.code.value, one.code.scheme, one.unit) for one in DEFINITIONS.values()}
    assert found == CODED_AS


def test_meanings_of_standard_codes_are_those_of_the_dictionary():
    used = [one.code for one in DEFINITIONS.values()]
    used += [one.site for one in DEFINITIONS.values()]
    used += [one.method for one in DEFINITIONS.values() if one.method]
    used += [one.code for one in NOT_ASSESSED] + list(SEGMENT_SITES.values()) + [LV_DYSFUNCTION]
    for code in used:
        if code.scheme != "99CMRTRIAGE" and code.value not in SPELT_OUT:
            assert code.meaning.lower() in known_meanings(code.scheme, code.value), code


def test_segments_are_seventeen_different_sites():
    assert sorted(SEGMENT_NAMES) == list(range(1, 18))
    assert len({code.value for code in SEGMENT_SITES.values()}) == 17


def test_what_was_not_assessed_names_the_usual_gaps():
    keys = {one.key for one in NOT_ASSESSED}
    assert {"late_gadolinium_enhancement", "thrombus", "pericardial_effusion", "valves"} <= keys
    assert {"flow", "t1_mapping", "t2_mapping", "perfusion"} <= keys
    assert len(keys) == len(NOT_ASSESSED) == len({one.code.value for one in NOT_ASSESSED})
