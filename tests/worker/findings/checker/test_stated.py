"""Which measurements a sentence states."""

from tests.worker.report import samples
from worker.findings.checker import stated_measurements


def keys(text: str, language: str = "en") -> list[str]:
    found = stated_measurements(text, samples.assessment(), language)
    return [one.key for one in found]


def test_values_are_found_in_order_each_once() -> None:
    text = "LV mass 141 g, 71 g/m². LV ejection fraction 38 % and again LV mass 141 g."
    assert keys(text) == ["lv_mass", "lv_mass_index", "lv_ejection_fraction"]


def test_intervals_limits_and_other_numbers_are_no_values() -> None:
    assert keys("LV ejection fraction (35 to 42 %).") == []
    assert keys("LV ejection fraction of 38 % or less.") == []
    assert keys("LV ejection fraction 39 %.") == []
    assert keys("Only the short-axis cine was measured.") == []


def test_other_languages_are_read_with_their_lexicon() -> None:
    assert keys("左心室射血分数 38%。", "zh") == ["lv_ejection_fraction"]
