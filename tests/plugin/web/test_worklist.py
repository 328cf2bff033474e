"""What the worklist page shows, for whom, and that it never leaks or believes what headers say."""

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.errors import SENTENCES, Reason
from plugin.registry.worklist import Position, Wanted
from plugin.web.worklist import PAGE_SIZE, _mark, cursor_of, position_of
from tests.plugin.web.conftest import SUMMARY, Person, receive, report

NASTY = "<script>alert('x')</script>"


def test_page_says_what_it_is_and_how_to_begin(reader):
    text = reader.get("/").text
    assert "not verified by a physician" in text
    assert "CMRTRIAGE" in text
    assert "cmr-triage peer add" in text


def test_row_shows_numbers_and_how_far_the_results_are(reader, registry, spool):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    job = report(registry, spool, receive(registry))
    text = reader.get("/").text
    for shown in ("Doe, Jane", "P-1", "31", "250", "Severely reduced", "because", "0 of 1 sent"):
        assert shown in text
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.sent(delivery.id)
    assert re.search(r"\bsent\b", reader.rows())


def test_row_says_why_a_study_is_not_analysed(reader, registry):
    study = receive(registry)
    registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC, revision=study.revision)
    text = reader.get("/").text
    assert "not analysed" in text
    assert SENTENCES[Reason.NOT_CARDIAC] in text


def test_withdrawn_result_is_called_so_and_shows_no_number(reader, registry, spool):
    study = receive(registry)
    job = report(registry, spool, study)
    assert registry.jobs.withdraw(job.id, "wrong patient", [], "boss")
    for text in (reader.get("/").text, reader.get(f"/studies/{study.id}").text):
        assert "result withdrawn" in text
        assert "wrong patient" in text
        assert "Severely reduced" not in text


def test_row_shows_what_a_running_analysis_does(reader, registry):
    study = receive(registry)
    job = registry.studies.mark_complete(study.id)
    claimed = registry.jobs.claim(job.id, "test", 60)
    registry.jobs.advance(job.id, claimed.fence, "segment", 0.42)
    text = reader.rows()
    assert "contouring, 42 %" in text
    assert 'value="0.42"' in text


def test_what_headers_say_is_shown_as_text(reader, registry, spool):
    values = dict.fromkeys(
        ("patient_name", "patient_id", "accession_number", "description", "study_date"), NASTY
    )
    study = receive(registry, **values)
    summary = {**SUMMARY, "finding": NASTY, "priority": '"><img src=x>', "priority_reason": NASTY}
    report(registry, spool, study, summary)
    for text in (reader.get("/").text, reader.get(f"/studies/{study.id}").text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert" in text


def test_addresses_hold_no_patient_data(reader, registry, spool):
    study = receive(registry, patient_id="SECRET-ID", accession_number="SECRET-AC")
    report(registry, spool, study)
    for page in ("/", f"/studies/{study.id}"):
        text = reader.get(page).text
        links = re.findall(r'(?:href|src|action|hx-get|hx-post)="([^"]*)"', text)
        assert links
        assert not any("SECRET" in link or "1.2.840" in link for link in links)


def test_search_travels_in_the_body(reader, registry):
    receive(registry, patient_name="Doe^Jane")
    receive(registry, uid="1.2.840.2", patient_name="Roe^Richard")
    assert "Roe, Richard" in reader.rows(words="")
    text = reader.rows(words="jane")
    assert "Doe, Jane" in text
    assert "Roe, Richard" not in text
    assert "Roe, Richard" in reader.get("/", params={"words": "jane"}).text


def test_filters_that_do_not_exist_count_as_not_said(reader, registry):
    receive(registry)
    form = {"shown": "x", "stage": "y", "order": "z", "goto": "%%%"}
    assert "Doe, Jane" in reader.rows(**form)


def test_list_without_htmx_is_a_whole_page(reader, registry):
    receive(registry)
    text = reader.post("/", {"words": "doe"}).text
    assert "<html" in text
    assert "Doe, Jane" in text


def test_pages_follow_each_other_and_stay_on_refresh(reader, registry):
    start = datetime.now(UTC) - timedelta(days=1)
    for number in range(PAGE_SIZE + 3):
        receive(
            registry,
            uid=f"1.2.840.{number + 10}",
            patient_name=f"Name{number:03d}^X",
            received_at=start + timedelta(minutes=number),
        )
    first = reader.rows()
    assert first.count('class="open"') == PAGE_SIZE
    cursor = re.search(r'name="goto" value="([^"]+)">Next', first)[1]
    second = reader.rows(goto=cursor)
    assert second.count('class="open"') == 3
    here = re.search(r'name="here" form="filters" value="([^"]+)"', second)[1]
    assert reader.rows(here=here).count('class="open"') == 3
    # Other filters begin at their beginning.
    assert reader.rows(here=here, order="newest").count('class="open"') == PAGE_SIZE


def forged(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


NOW = '"2026-01-01T00:00:00+00:00"'


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "bm9uZQ==",
        "W10=",
        "WzEsMiwzLDRd",
        forged(f'[Infinity, {NOW}, 1, "{_mark(Wanted())}"]'),
        forged(f'[1, {NOW}, 1e99, "{_mark(Wanted())}"]'),
        forged(f'[-{10**30}, {NOW}, 1, "{_mark(Wanted())}"]'),
        forged(f'[1, "0001-01-01T00:00:00+14:00", 1, "{_mark(Wanted())}"]'),
        forged("[" * 40_000),
    ],
)
def test_a_broken_cursor_is_the_beginning(cursor):
    assert position_of(cursor, Wanted()) is None


def test_a_cursor_holds_no_words_of_a_search():
    wanted = Wanted(words="Mustermann")
    cursor = cursor_of(Position(1, datetime.now(UTC), 7), wanted)
    assert b"Mustermann" not in base64.urlsafe_b64decode(cursor)
    assert position_of(cursor, wanted).study_id == 7
    assert position_of(cursor, Wanted(words="Other")) is None


def test_order_is_the_hospitals_in_shadow_mode(settings, registry, spool, monkeypatch):
    from plugin.web.server import make_site

    quiet = settings.model_copy(
        update={"operation": settings.operation.model_copy(update={"mode": "shadow"})}
    )
    person = Person(make_site(quiet, registry, spool, lambda: None), "reader")
    asked = []
    page = registry.worklist.page
    monkeypatch.setattr(
        registry.worklist, "page", lambda wanted, *more: asked.append(wanted) or page(wanted, *more)
    )
    assert "Shadow mode" in person.get("/").text
    assert asked[-1].ai_orders is False


def test_everything_switched_off_is_said_on_the_page(reader, registry, monkeypatch):
    asked = []
    page = registry.worklist.page
    monkeypatch.setattr(
        registry.worklist, "page", lambda wanted, *more: asked.append(wanted) or page(wanted, *more)
    )
    reader.get("/")
    registry.switches.switch_off("boss")
    assert "Switched off by boss" in reader.get("/").text
    assert [one.ai_orders for one in asked] == [True, False]
