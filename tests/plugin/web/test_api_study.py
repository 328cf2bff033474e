"""One study through the interface: found, its files and history, its result withdrawn."""

from datetime import timedelta

import pytest

from plugin.accounts import Accounts
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.request import RequestKind
from plugin.domain.triage import TriageInputs, decide, default_policy
from plugin.settings import WebSettings
from plugin.web.server import make_site
from tests.plugin.web.conftest import Person, receive, report
from tests.plugin.web.test_api import API, Program
from tests.plugin.web.test_api_administration import Admin

DECISION = decide(default_policy(), TriageInputs())


@pytest.fixture
def program(app, registry):
    return Program(app, registry)


@pytest.fixture
def study(registry, spool):
    study = receive(registry, accession_number="A-17")
    report(registry, spool, study, decision=DECISION)
    return study


@pytest.mark.parametrize("term", ["1.2.840.1", "P-1", " A-17 "])
def test_study_is_found_by_what_a_program_knows(program, study, term):
    (found,) = program.post("/studies/find", {"term": term}).json()["studies"]
    assert found["study_id"] == study.id


def test_nothing_is_found_by_what_is_not_here(program, study):
    assert program.post("/studies/find", {"term": "A-18"}).json() == {"studies": []}
    assert program.post("/studies/find", {"term": ""}).status_code == 422


def test_pictures_and_the_cine_are_fetched(program, study):
    job_id = program.get(f"/studies/{study.id}").json()["job_id"]
    picture = program.get(f"/jobs/{job_id}/pictures/summary")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    assert program.get(f"/jobs/{job_id}/viewer/viewer.json").json() == {}
    for name in ("pictures/sr", "viewer/secret.json", "viewer/slice-00.png"):
        assert program.get(f"/jobs/{job_id}/{name}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/{job}/pictures/summary",
        "/jobs/{job}/viewer/viewer.json",
        "/studies/{study}/events",
        "/studies/{study}/decisions",
    ],
)
def test_who_fetches_something_of_a_study_has_looked_at_it_once(
    app, program, registry, study, monkeypatch, path
):
    path = path.format(job=registry.jobs.last_reported(study.id).id, study=study.id)
    seen_by = []

    def look(somebody):
        assert somebody.get(path).status_code == 200
        (*_, latest) = views = registry.audit.list(actions=["study.view"])[::-1]
        assert (latest.subject, latest.address) == (f"study {study.study_key}", "127.0.0.1")
        seen_by[:] = [one.actor for one in views]

    look(program)
    look(program)
    assert seen_by == ["reader"], "one look"
    look(Admin(app, registry))
    assert seen_by == ["reader", "admin"]
    monkeypatch.setattr("plugin.web.looks._ONE_LOOK", timedelta(0))
    look(program)
    assert seen_by == ["reader", "admin", "reader"], "later"


def test_what_is_not_there_was_not_looked_at(program, registry, study):
    job = registry.jobs.last_reported(study.id)
    for path in ("pictures/sr", "viewer/slice-00.png"):
        assert program.get(f"/jobs/{job.id}/{path}").status_code == 404
    assert registry.audit.list(actions=["study.view"]) == []


def test_history_decisions_and_feedback_are_told(program, study):
    job_id = program.get(f"/studies/{study.id}").json()["job_id"]
    opinion = {"job_id": job_id, "verdict": "agree"}
    assert program.post(f"/studies/{study.id}/feedback", opinion).status_code == 201
    texts = [one["text"] for one in program.get(f"/studies/{study.id}/events").json()["events"]]
    assert "reader: gave feedback" in texts
    assert "analysis 1 reported" in texts
    assert len(program.get(f"/feedback?study_id={study.id}").json()["feedback"]) == 1
    assert program.get(f"/feedback?study_id={study.id + 1}").json()["feedback"] == []
    (told,) = program.get(f"/studies/{study.id}/decisions").json()["decisions"]
    assert (told["level"], told["policy"]) == ("ROUTINE", default_policy().label)
    assert (told["job_id"], told["sentence"]) == (job_id, DECISION.sentence)
    assert program.get("/studies/99/events").status_code == 404


def test_result_is_withdrawn_and_the_outcome_followed(program, registry, study):
    asked = program.post(f"/studies/{study.id}/withdraw", {"reason": "Another heart."})
    assert asked.status_code == 202
    request = registry.requests.take([RequestKind.WITHDRAW_RESULT], "worker")
    assert request.asked == {"study_id": study.id, "why": "Another heart."}
    registry.requests.answer(request.id, {"generation": 1, "n_told": 2})
    path = f"/studies/{study.id}/withdrawals/{request.id}"
    assert program.get(path).json()["answer"] == {"generation": 1, "n_told": 2}
    assert program.get(f"/studies/{study.id + 1}/withdrawals/{request.id}").status_code == 404
    assert program.post(f"/studies/{study.id}/withdraw", {"reason": " "}).status_code == 422
    other = receive(registry, "1.2.840.2")
    refused = program.post(f"/studies/{other.id}/withdraw", {"reason": "Wrong."})
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith(SENTENCES[Reason.NOTHING_TO_WITHDRAW])


def test_technologist_does_not_withdraw(app, registry, study):
    technologist = Program(app, registry, "technologist")
    answer = technologist.post(f"/studies/{study.id}/withdraw", {"reason": "Wrong."})
    assert answer.status_code == 403


def test_viewer_of_the_pacs_is_linked_where_the_settings_name_one(settings, registry, spool, study):
    web = WebSettings(viewer_url="https://pacs/?study={study_instance_uid}")
    site = make_site(settings.model_copy(update={"web": web}), registry, spool, lambda: None)
    told = Program(site, registry).get(f"/studies/{study.id}").json()
    assert told["viewer_url"] == "https://pacs/?study=1.2.840.1"


def test_one_makes_and_takes_away_keys_of_ones_own(app, registry):
    person = Person(app, "reader")
    headers = {"X-CSRF-Token": person.csrf}
    body = {"label": "notebook", "days": 1}
    made = person.http.post(f"{API}/tokens", json=body, headers=headers)
    assert made.status_code == 201
    assert Accounts(registry).of_token(made.json()["key"]).name == "reader"
    assert person.http.post(f"{API}/tokens", json=body).status_code == 403, "a forged request"
    program = Admin(app, registry, "reader")
    tokens = program.get("/tokens").json()["tokens"]
    (own,) = [one for one in tokens if one["label"] == "notebook"]
    assert program.delete(f"/tokens/{own['id']}").status_code == 204
    assert program.delete(f"/tokens/{own['id']}").status_code == 404


def test_a_key_makes_no_other_key_of_its_owner(app, registry):
    program = Program(app, registry)
    assert program.post("/tokens", {"label": "heir", "days": 3650}).status_code == 403
    assert program.http.post("/account/keys", data={"label": "heir"}).status_code == 403
    assert [one.label for one in registry.users.tokens("reader")] == ["test"]
