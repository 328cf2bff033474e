"""The table of measurements, its codes, and the page generated from it."""

from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from worker.findings.definition_page import definition_page
from worker.findings.definitions import DEFINITIONS, SEGMENT_NAMES, SEGMENT_SITES
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.rules import LV_DYSFUNCTION

PAGE = Path(__file__).parents[3] / "docs" / "measurements-definitions.md"
UCUM = {"ml", "ml/m2", "g", "g/m2", "%", "mm", "/min", "l/min", "l/min/m2", "1"}


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


def test_segments_are_seventeen_different_sites():
    assert sorted(SEGMENT_NAMES) == list(range(1, 18))
    assert len({code.value for code in SEGMENT_SITES.values()}) == 17


def test_what_was_not_assessed_names_the_usual_gaps():
    keys = {one.key for one in NOT_ASSESSED}
    assert {"late_gadolinium_enhancement", "thrombus", "pericardial_effusion", "valves"} <= keys
    assert {"flow", "t1_mapping", "t2_mapping", "perfusion"} <= keys
    assert len(keys) == len(NOT_ASSESSED) == len({one.code.value for one in NOT_ASSESSED})
