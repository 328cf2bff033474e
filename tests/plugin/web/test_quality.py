"""The quality page: who may see it, what it shows, and that it shows no patient."""

import csv
import io

import pytest

from plugin.domain.feedback import Diagnosis, Verdict
from plugin.domain.quality.facts import ResultFigures
from plugin.registry.readings import Opinion
from tests.plugin.web.conftest import SUMMARY, Person, receive, report

HEADER = {
    "is_mr_image": True,
    "InstitutionName": "North & Sons <b>",
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "Aera",
    "MagneticFieldStrength": 1.5,
}
FIGURES = ResultFigures({"lv_ejection_fraction": 31.4}, (), "normal", 90, "acdc-unet 1")


@pytest.fixture
def judged(registry, spool):
    """Make a study with a result about which somebody said two things."""
    job = report(registry, spool, receive(registry, header=HEADER), SUMMARY, FIGURES)
    say = registry.readings.add_feedback
    say(job.study_id, job.id, "reader", Opinion(Verdict.AGREE, comment="Jane is fine"))
    corrected = Opinion(Verdict.CORRECT, 40.0, Diagnosis.DILATED)
    say(job.study_id, job.id, "reader", corrected)
    return job


@pytest.mark.parametrize(
    ("role", "code"), [("reader", 200), ("admin", 200), ("auditor", 200), ("technologist", 403)]
)
def test_who_sees_the_page(app, role, code):
    assert Person(app, role).get("/quality").status_code == code


def test_an_empty_installation_says_what_is_missing(reader):
    text = reader.get("/quality").text
    for words in ("Too few studies to compare", "No opinions yet", "no range of confidence"):
        assert words in text


def test_the_page_shows_figures_and_no_patient(reader, judged):
    text = reader.get("/quality").text
    assert "Corrected LVEF: AI minus reader" in text
    assert "SIEMENS Aera" in text
    assert "North &amp; Sons &lt;b&gt;" in text
    for secret in ("Doe", "P-1", "Jane", "1.2.840.1"):
        assert secret not in text


def test_the_page_takes_a_selection(reader, judged):
    assert "<b>1</b> analysed" in reader.get("/quality?peer=PACS&span=12 months").text
    assert "<b>0</b> analysed" in reader.get("/quality?site=elsewhere").text
    assert reader.get("/quality?span=ever").status_code == 422


def test_charts_are_described_and_have_a_table(reader, judged):
    text = reader.get("/quality").text
    assert text.count("<svg viewBox") == text.count('role="img" aria-label=') > 3
    assert text.count("<summary>As a table") == text.count("<svg viewBox")


def test_programs_get_the_same_figures(reader, judged):
    answer = reader.get("/api/v1/quality").json()
    assert (answer["n_analysed"], answer["n_refused"]) == (1, 0)
    (agree,) = (row for row in answer["rows"] if row["name"] == "correct")
    assert (agree["value"], agree["n"]) == (1.0, 1)
    table = csv.DictReader(io.StringIO(reader.get("/api/v1/quality.csv").text))
    assert len(list(table)) == len(answer["rows"])


def test_feedback_goes_out_without_names_and_keeps_its_history(reader, judged):
    answer = reader.get("/api/v1/feedback.csv")
    assert "attachment" in answer.headers["content-disposition"]
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["counts"], second["counts"]) == ("no", "yes")
    assert first["reader"] == second["reader"]
    assert "reader" not in {first["reader"]}
    assert second["lvef_percent_ai"] == "31.4"
    assert "Jane" not in answer.text
