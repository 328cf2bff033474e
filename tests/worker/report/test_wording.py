import pytest

from plugin.domain.findings import NormalRange
from worker.report import wording


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (52, 101, "52 to 101"),
        (None, 12, "up to 12"),
        (49.5, None, "from 49.5"),
        (None, None, "no limits"),
    ],
)
def test_range_text(low: float | None, high: float | None, expected: str) -> None:
    assert wording.range_text(NormalRange(low, high, "men", "source")) == expected


def test_interval_has_the_decimals_of_its_unit() -> None:
    assert wording.interval_text((4.96, 6.04), "l/min") == "5.0 to 6.0"
    assert wording.interval_text((59.6, 61.2), "/min") == "60 to 61"


@pytest.mark.parametrize(
    ("ucum", "expected"), [("ml/m2", "ml/m²"), ("1", ""), ("l/min/m2", "l/min/m²"), ("%", "%")]
)
def test_readable_unit(ucum: str, expected: str) -> None:
    assert wording.readable_unit(ucum) == expected


def test_lower_case_keeps_abbreviations() -> None:
    assert wording.lower_case("Late Contrast Enhancement") == "late contrast enhancement"
    assert wording.lower_case("T1 of LV Wall") == "T1 of LV wall"


def test_short_population() -> None:
    normal = NormalRange(1, 2, "women, adults, bSSFP at 1.5 T or 3 T", "source")
    assert wording.short_population(normal) == "women"
