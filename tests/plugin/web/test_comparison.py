"""The page of a study and the REST interface beside an earlier result."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from plugin.domain.comparison import Comparison, EarlierResult, Obstacle, Verdict
from plugin.web.comparison import OBSTACLES, VERDICTS
from tests.plugin.web.conftest import receive, report
from tests.worker.earlier_results import beside
from tests.worker.report import samples

EF = "lv_ejection_fraction"
BORN = {"patient_birth_date": "19700101"}


def write_assessment(registry, job, assessment):
    folder = Path(registry.jobs.result_objects(job.id)[0].path).parent
    written = {
        "bundle": {"name": "truth", "version": "1"},
        "software_version": "1",
        "assessment": dataclasses.asdict(assessment),
    }
    (folder / "result.json").write_text(json.dumps(written))


@pytest.fixture
def before(registry, spool):
    study = receive(registry, uid="1.2.840.1", study_date="20240301", **BORN)
    return report(registry, spool, study)


@pytest.fixture
def show(registry, spool, reader):
    """Report a study with an assessment and return its page."""

    def page(assessment):
        study = receive(registry, uid="1.2.840.2", study_date="20250102", **BORN)
        write_assessment(registry, report(registry, spool, study), assessment)
        return reader.get(f"/studies/{study.id}").text, study

    return page


def compared(job_id="", **changes):
    return beside(samples.assessment(), {EF: 15.0}, job_id=job_id, **changes)


def test_page_shows_each_value_beside_the_earlier_one(show, before, registry):
    page, _ = show(compared(before.id))
    assert "Beside the earlier result" in page
    earlier = registry.jobs.get(before.id).study_id
    assert f'<a href="/studies/{earlier}">2024-03-01</a>, 307 days before' in page
    row = page[page.index('<tr class="above"><td>LV ejection fraction') :]
    assert row.index("38.4") < row.index("53.4") < row.index("-15.0")
    assert "more than the measurement uncertainty" in row[: row.index("</tr>")]
    assert "within the measurement uncertainty" in page
    assert "<polyline" not in page, "two values make no curve"


def test_page_without_an_earlier_result_has_no_such_table(show):
    page, _ = show(samples.assessment())
    assert "Beside the earlier result" not in page


def test_page_says_when_the_earlier_result_was_taken_back_since(show, before, registry):
    registry.jobs.withdraw(before.id, "wrong", (), "test")
    page, _ = show(compared(before.id, same_version=False, is_doubtful=True))
    assert "The earlier result was withdrawn after this comparison." in page
    assert "Measured by another version" in page
    assert "put its numbers in doubt" in page


def test_page_says_why_an_earlier_result_was_not_compared(show):
    why = Comparison(obstacles=tuple(Obstacle))
    page, _ = show(dataclasses.replace(samples.assessment(), comparison=why))
    for one in Obstacle:
        assert OBSTACLES[one] in page
    assert set(VERDICTS) == set(Verdict)


def test_several_earlier_results_become_small_curves(show):
    whole = compared()
    first = EarlierResult("2020-01-10", 1819, "", "", True, False, {EF: 60.2})
    results = (first, *whole.comparison.results)
    comparison = dataclasses.replace(whole.comparison, results=results)
    page, _ = show(dataclasses.replace(whole, comparison=comparison))
    assert page.count("<polyline") == 1
    assert "2020-01-10: 60.2 %; 2024-03-01: 53.4 %; 2025-01-02: 38.4 %" in page
    assert "60 → <b>38</b> %" in page


def test_studies_of_somebody_else_under_the_id_are_not_listed(show, registry, spool, before):
    other = receive(registry, uid="1.2.840.3", study_date="20230101", patient_birth_date="19500505")
    report(registry, spool, other)
    page, _ = show(samples.assessment())
    listed = page[page.index("Other studies of this patient") :]
    assert f"/studies/{registry.jobs.get(before.id).study_id}" in listed
    assert f'"/studies/{other.id}"' not in listed


def test_rest_interface_tells_the_comparison(show, reader, registry, before):
    _, study = show(compared(before.id))
    told = reader.get(f"/api/v1/studies/{study.id}").json()["comparison"]
    assert (told["study_date"], told["days"], told["job_id"]) == ("2024-03-01", 307, before.id)
    change = told["changes"][0]
    assert change["key"] == EF
    assert change["difference"] == -15.0
    assert change["verdict"] == "beyond_uncertainty"
    alone = registry.jobs.get(before.id).study_id
    assert reader.get(f"/api/v1/studies/{alone}").json()["comparison"] is None


def test_a_course_within_the_error_looks_flat(show):
    whole = compared()
    limit = next(one.limit for one in whole.comparison.changes if one.key == EF)
    near = [38.4 + limit / 20, 38.4 - limit / 20]
    results = tuple(
        EarlierResult(f"202{year}-01-10", 1819 - year, "", "", True, False, {EF: value})
        for year, value in enumerate(near)
    )
    comparison = dataclasses.replace(whole.comparison, results=results)
    page, _ = show(dataclasses.replace(whole, comparison=comparison))
    (points,) = re.findall(r'<polyline points="([^"]*)"', page)
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert max(heights) - min(heights) < 3
