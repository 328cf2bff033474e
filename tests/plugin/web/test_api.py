"""The REST interface: who may, what it gives, what it refuses."""

import re

import pytest

from plugin.accounts import Accounts
from tests.plugin.web.conftest import Person, receive, report

API = "/api/v1"


class Program:
    """Something with a key."""

    def __init__(self, app, registry, name="reader"):
        self.http = Person(app).http
        key = Accounts(registry).add_token(registry.users.get(name), "test", 1)
        self.http.headers["Authorization"] = f"Bearer {key}"

    def get(self, path, **more):
        return self.http.get(API + path, **more)

    def post(self, path, body=None):
        return self.http.post(API + path, json=body if body is not None else {})


@pytest.fixture
def program(app, registry):
    return Program(app, registry)


@pytest.fixture
def study(registry, spool):
    study = receive(registry)
    report(registry, spool, study)
    return study


def test_nobody_gets_anything_without_a_key(anybody, study):
    for path in ("/worklist/counts", f"/studies/{study.id}", "/audit", "/feedback", "/health"):
        answer = anybody.get(API + path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    answer = anybody.http.post(f"{API}/worklist/search", json={})
    assert answer.status_code == 401


def test_every_address_is_described_and_asks_who_it_is(app, anybody):
    described = anybody.get(f"{API}/openapi.json").json()
    assert len(described["paths"]) >= 40
    for path, methods in described["paths"].items():
        for method in methods:
            answer = anybody.http.request(method, re.sub(r"\{\w+\}", "1", path), json={})
            assert answer.status_code == 401, (method, path)


OF_ONE_THING = {
    "/studies/{study_id}",
    "/studies/{study_id}/events",
    "/studies/{study_id}/orders",
    "/orders/{order_id}",
    "/policies/current",
    "/processes",
    "/quality",
    "/settings",
    "/storage",
    "/switch",
}
"""Addresses whose lists are as long as one study, one installation or one page is large."""


def test_lists_come_in_pages_unless_they_are_of_one_thing(anybody):
    described = anybody.get(f"{API}/openapi.json").json()
    models = described["components"]["schemas"]
    whole = set()
    for path, methods in described["paths"].items():
        asked = methods.get("get", {"responses": {"200": {}}})
        content = asked["responses"]["200"].get("content", {}).get("application/json", {})
        model = models.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
        lists = [one for one in model.get("properties", {}).values() if one.get("type") == "array"]
        if any("$ref" in one["items"] for one in lists):
            names = {one["name"] for one in asked.get("parameters", [])}
            paged = {"limit", "before_id"} <= names and "next" in model["required"]
            whole |= set() if paged else {path.removeprefix(API)}
    assert whole == OF_ONE_THING


def test_search_gives_pages_that_join(program, registry):
    for number in range(7):
        receive(registry, uid=f"1.2.840.{number + 5}", patient_name=f"N{number}^X")
    first = program.post("/worklist/search", {"limit": 4}).json()
    second = program.post("/worklist/search", {"limit": 4, "cursor": first["next"]}).json()
    names = [one["patient_name"] for one in first["studies"] + second["studies"]]
    assert sorted(names) == [f"N{number}^X" for number in range(7)]
    assert second["next"] == ""
    assert first["studies"][0]["notice"].startswith("AI, not verified")
    found = program.post("/worklist/search", {"words": "n3"}).json()["studies"]
    assert [one["patient_name"] for one in found] == ["N3^X"]


def test_study_tells_its_numbers_objects_and_deliveries(program, registry, study):
    answer = program.get(f"/studies/{study.id}").json()
    assert answer["summary"]["lvef_percent"] == 31.4
    assert [one["kind"] for one in answer["objects"]] == ["summary"]
    file = program.get(f"/jobs/{answer['job_id']}/files/summary.dcm")
    assert file.content == b"dicom"
    assert program.get(f"/studies/{study.id}/result").status_code == 404
    assert program.get("/studies/99").status_code == 404


def test_reading_and_feedback_work_as_on_the_page(app, program, registry, study):
    assert program.post(f"/studies/{study.id}/reading/claim").json()["claimed_by"] == "reader"
    other = Program(app, registry, "admin")
    assert other.post(f"/studies/{study.id}/reading/claim").status_code == 409
    job = registry.jobs.last_reported(study.id)
    body = {"job_id": job.id, "verdict": "correct", "lvef_percent": 55.5}
    assert program.post(f"/studies/{study.id}/feedback", body).status_code == 201
    (kept,) = program.get("/feedback").json()["feedback"]
    assert (kept["lvef_percent"], kept["result"]["lvef_percent"]) == (55.5, 31.4)
    for wrong in ({"lvef_percent": None}, {"lvef_percent": 300}, {"verdict": "x"}, {"more": 1}):
        answer = program.post(f"/studies/{study.id}/feedback", {**body, **wrong})
        assert answer.status_code == 422


def test_a_refused_body_is_not_repeated(program):
    answer = program.post("/worklist/search", {"words": "Secret" * 100})
    assert answer.status_code == 422
    assert "Secret" not in answer.text
    assert "words" in answer.text


def test_longest_policy_is_taken(app, registry):
    text = "# \u00e9\n" * 25_000
    answer = Program(app, registry, "admin").post("/policies/check", {"text": text})
    assert answer.status_code == 200


def test_roles_count_as_on_the_pages(app, registry, program, study):
    assert program.get("/audit").status_code == 403
    assert program.get("/health").status_code == 403
    assert program.post(f"/studies/{study.id}/requeue").status_code == 403
    auditor = Program(app, registry, "auditor")
    assert auditor.get("/audit").json()["entries"]
    assert auditor.get(f"/studies/{study.id}").status_code == 403
    technologist = Program(app, registry, "technologist")
    assert technologist.post(f"/studies/{study.id}/requeue").status_code == 202


def test_a_browser_session_needs_the_token_of_its_page(reader, study):
    path = f"{API}/studies/{study.id}/reading/claim"
    assert reader.http.post(path).status_code == 403
    assert reader.http.post(path, headers={"X-CSRF-Token": reader.csrf}).status_code == 200


def test_a_one_time_password_opens_no_interface(app, registry):
    from plugin.domain.access import Role

    accounts = Accounts(registry)
    user, _ = accounts.add("new", Role.READER, "test")
    key = accounts.add_token(user, "x", 1)
    answer = Person(app).get(f"{API}/feedback", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
