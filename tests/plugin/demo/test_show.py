import io
from types import SimpleNamespace

from rich.console import Console

from plugin.demo.play import Visit, shortened
from plugin.demo.show import finding_of, progress_table, result_table
from plugin.domain.objects import DEFAULT_OBJECTS
from tests.generated import small_patient

SUMMARY = {
    "lvef_percent": 61.4,
    "lvedv_ml": 130.2,
    "lv_mass_g": None,
    "finding": "LV ejection fraction 61 %: normal.",
    "priority": "ROUTINE",
}


def rendered(table):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def arrived(last, n_missing=0):
    """Objects that came back a tenth of a second apart, the newest at ``last``."""
    n = len(DEFAULT_OBJECTS) - n_missing
    return [SimpleNamespace(arrived_at=last - 0.1 * k) for k in reversed(range(n))]


def test_table_shows_measured_beside_true():
    visit = Visit(small_patient(), sent_at=10.0, arrived=arrived(14.5), summary=SUMMARY)
    text = rendered(result_table([visit]))
    truth = small_patient().truth
    assert f"61 ({truth.lv_ef_percent:.0f})" in text
    assert f"130 ({truth.lv_edv_ml:.0f})" in text
    assert "- (" in text  # not measured: no number stands in for it
    assert "normal." in text
    assert "4.5" in text
    assert "not verified by a physician" in text


def test_visit_is_complete_only_with_every_object_back():
    visit = Visit(small_patient(), sent_at=10.0, arrived=arrived(12, n_missing=1), summary=SUMMARY)
    assert not visit.complete
    text = rendered(result_table([visit]))
    assert "2.0" not in text
    visit.arrived = arrived(13)
    assert visit.complete


def test_failure_is_shown_instead_of_a_finding():
    visit = Visit(small_patient(), failure="No runtime: pip install 'cmr-triage[cpu]'.")
    for table in (result_table([visit]), progress_table([visit])):
        words = rendered(table)
        assert "No runtime" in words
        assert "[cpu]" in words  # brackets are no markup


def test_finding_without_numbers():
    assert finding_of(SUMMARY) == "normal."
    assert finding_of({"finding": "Normal."}) == "Normal."
    within = "Left ventricle within the reference ranges: ejection fraction 56 %, mass 120 g."
    assert finding_of({"finding": within}) == "Left ventricle within the reference ranges."
    assert finding_of({}) == "did not arrive"


def test_shortened_patient_has_the_same_heart():
    patient = small_patient()
    short = shortened(patient)
    assert short.truth == patient.truth
    assert short.protocol.n_phases == 20
