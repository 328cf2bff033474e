"""What is read of a report's text, and above all what is not."""

import pytest

from worker.acceptance.statements import read_statements

LVEF, RVEF = "lv_ejection_fraction", "rv_ejection_fraction"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("LVEF 35 %.", {LVEF: 35.0}),
        ("LVEF: 35.5%", {LVEF: 35.5}),
        ("The left ventricular ejection fraction is 48,5 % and", {LVEF: 48.5}),
        ("Left ventricular ejection fraction (LVEF) of approximately 30%", {LVEF: 30.0}),
        ("LV EF = 62 %; RV EF = 55 %", {LVEF: 62.0, RVEF: 55.0}),
        ("LVEF 55%, RVEF 48%.", {LVEF: 55.0, RVEF: 48.0}),
        ("LVEF 35 % (normal 57-77 %)", {LVEF: 35.0}),
        ("LVEF 35 %.\nConclusion: LVEF 35 %, dilated.", {LVEF: 35.0}),
        (
            "LVEDV 210 ml, LVESV 140 mL, LVEF 33 %",
            {
                "lv_end_diastolic_volume": 210.0,
                "lv_end_systolic_volume": 140.0,
                LVEF: 33.0,
            },
        ),
        ("左室射血分数：３５％。", {LVEF: 35.0}),
        ("左心室射血分数(LVEF)约为 42.3%，右心室射血分数 50%", {LVEF: 42.3, RVEF: 50.0}),
        ("左室舒张末容积 180 毫升", {"lv_end_diastolic_volume": 180.0}),
    ],
)
def test_plain_statements_are_read(text, values):
    assert read_statements(text) == type(read_statements(""))(values, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("LVEF 35-40 %", "range"),
        ("LVEF 35% to 40%", "range"),
        ("LVEF >55 %", "limit"),
        ("LVEF 大于55%", "limit"),
        ("LVEF 35", "unit"),
        ("LVEF 0.35", "unit"),
        ("LVEF 135 %", "cannot be"),
        ("LVEF 35 %. Later: LVEF 40 %", "more than one"),
        ("LVEF 35 % (previously 45 %)", "earlier"),
        ("LVEF was 45 % in 2019", "apart"),
        ("LVEF and RVEF are 55 % and 48 %", "apart"),
        ("较前 LVEF 45%", "earlier"),
        ("EF 45 %", "not named"),
        ("射血分数 45%", "not named"),
        ("LVEDV 180 ml/m2", "unit"),
    ],
)
def test_what_is_not_plain_is_left_to_a_person(text, why):
    found = read_statements(text)
    assert found.values == {}
    assert any(why in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    "text",
    ["", "LVEF is reduced.", "LVEDVi 95 ml/m2", "Relief 35 %", "No ejection click. 35 % stenosis"],
)
def test_what_states_no_value_raises_no_doubt(text):
    assert read_statements(text).values == {}
    assert read_statements(text).doubts == ()


def test_a_doubt_repeats_nothing_of_the_report():
    doubts = read_statements("Mrs Secret: LVEF 35-40 %").doubts
    assert "Secret" not in " ".join(doubts)
    assert "35" not in " ".join(doubts)
