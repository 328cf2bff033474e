"""Administration through the interface: what the pages do, with the same checks and trail."""

import pytest

from plugin.accounts import Accounts
from plugin.domain.access import Role
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.job import DeliveryState
from plugin.domain.request import RequestKind
from plugin.domain.triage import default_policy_text
from tests.plugin.web.conftest import Person, receive, report
from tests.plugin.web.test_api import API, Program

PACS = {"name": "archive", "ae_title": "PACS", "host": "10.0.0.1", "port": 104}
ANOTHER = default_policy_text().replace('version = "', 'version = "9.', 1)


class Admin(Program):
    """A program with an admin's key."""

    def __init__(self, app, registry, name="admin"):
        super().__init__(app, registry, name)

    def patch(self, path, body):
        return self.http.patch(API + path, json=body)

    def delete(self, path):
        return self.http.delete(API + path)


@pytest.fixture
def program(app, registry):
    return Admin(app, registry)


def actions(registry, n=1):
    return [(one.actor, one.action) for one in registry.audit.list(n)]


@pytest.mark.parametrize("role", ["reader", "technologist", "auditor"])
def test_only_an_admin_administers(app, registry, role):
    program = Admin(app, registry, role)
    for path in ("/peers", "/destinations", "/deliveries", "/bundles", "/users", "/settings"):
        assert program.get(path).status_code == 403, path
    for path in ("/peers", "/destinations", "/policies", "/users", "/switch/off"):
        assert program.post(path).status_code == 403, path
    assert program.get("/switch").status_code == (403 if role == "auditor" else 200)


def test_a_peer_is_added_changed_and_removed(program, registry):
    registry.associations.rejected(
        "STRANGER", "CMRTRIAGE", "10.0.0.9", Reason.WRONG_CALLED_AE_TITLE
    )
    added = program.post("/peers", {"ae_title": "SCANNER", "kind": "modality", "port": 104})
    assert added.status_code == 201
    path = f"/peers/{added.json()['id']}"
    changed = program.patch(path, {"host": "10.0.0.2", "mark": added.json()["mark"]}).json()
    assert (changed["host"], changed["port"], changed["kind"]) == ("10.0.0.2", 104, "modality")
    assert actions(registry) == [("admin", "peer.edit")]
    listed = program.get("/peers").json()
    assert listed["peers"] == [changed] == [program.get(path).json()]
    assert [one["calling_ae_title"] for one in listed["refused"]] == ["STRANGER"]
    assert program.delete(f"{path}?mark={added.json()['mark']}").status_code == 409
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404


def test_what_is_added_may_need_tls_from_the_first_moment(program, registry):
    destination = {**PACS, "tls": True, "tls_name": "pacs.hospital"}
    added = program.post("/destinations", destination).json()
    assert (added["tls"], added["tls_name"], added["enabled"]) == (True, "pacs.hospital", True)
    peer = {"ae_title": "SCANNER", "tls": "required", "certificate_name": "mr.hospital"}
    assert program.post("/peers", peer).status_code == 201
    found = registry.peers.get("SCANNER")
    assert (found.tls, found.certificate_name) == ("required", "mr.hospital")
    refused = {"ae_title": "OTHER", "certificate_fingerprint": "none"}
    assert program.post("/peers", {**refused, "tls": "required"}).status_code == 422


def test_the_second_of_two_programs_is_told_what_the_first_one_changed(program, registry):
    added = program.post("/peers", {"ae_title": "SCANNER", "port": 104}).json()
    path = f"/peers/{added['id']}"
    assert program.patch(path, {"port": 105, "mark": added["mark"]}).status_code == 200
    answer = program.patch(path, {"port": 106, "mark": added["mark"]})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(SENTENCES[Reason.CHANGED_MEANWHILE])
    assert "port: 104 -> 105 by admin" in answer.json()["detail"]
    assert registry.peers.get("SCANNER").port == 105


@pytest.mark.parametrize(
    "body", [{"ae_title": "A" * 17}, {"ae_title": "A", "port": 0}, {"ae_title": "A", "x": 1}, {}]
)
def test_values_that_cannot_be_are_refused(program, registry, body):
    assert program.post("/peers", body).status_code == 422
    assert registry.peers.list() == []


def test_a_destination_is_added_held_and_sent_to_again(program, registry, spool):
    added = program.post("/destinations", {**PACS, "objects": ["summary"]}).json()
    path = f"/destinations/{added['id']}"
    job = report(registry, spool, receive(registry))
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    assert program.get(path).json()["deliveries"]["DEAD"] == 1
    (given_up,) = program.get("/deliveries?state=DEAD").json()["deliveries"]
    assert given_up["why"] == SENTENCES[Reason.DESTINATION_REFUSED_INSTANCE]
    assert program.post("/deliveries/retry", {"ids": [given_up["id"]]}).json() == {"n_objects": 1}
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    assert program.post(f"{path}/retry").json() == {"n_objects": 1}
    assert registry.deliveries.get(delivery.id).state is DeliveryState.PENDING
    off = program.post("/switch/off", {"destination_id": added["id"]}).json()
    assert [one["destination"] for one in off["off"]] == ["archive"]
    assert program.get(path).json()["is_held"]
    assert program.post("/switch/on", {"destination_id": added["id"]}).json()["off"] == []
    edited = program.patch(path, {"objects": ["sr"], "enabled": False}).json()
    assert (edited["objects"], edited["enabled"], edited["host"]) == (["sr"], False, "10.0.0.1")
    assert program.delete(path).status_code == 204
    assert registry.destinations.list() == []


def test_deliveries_come_in_pages_that_join(program, registry, spool):
    for name in ("a", "b", "c"):
        registry.destinations.add(**{**PACS, "name": name}, objects=("summary",))
    report(registry, spool, receive(registry))
    first = program.get("/deliveries?limit=2").json()
    second = program.get(f"/deliveries?limit=2&before_id={first['next']}").json()
    names = [one["destination_name"] for one in first["deliveries"] + second["deliveries"]]
    assert sorted(names) == ["a", "b", "c"]
    assert second["next"] is None
    assert len(program.get("/deliveries?destination=b").json()["deliveries"]) == 1


def test_everything_is_switched_off_and_on(program, registry):
    assert program.post("/switch/off").json()["off"][0]["destination"] is None
    assert registry.switches.state().everything_is_off
    assert program.post("/switch/on").json() == {"mode": "live", "off": []}
    assert actions(registry) == [("admin", "switch.on")]


def test_what_another_process_does_is_asked_for_and_followed(program, registry):
    peer = program.post("/peers", {"ae_title": "SCANNER"}).json()
    asked = program.post(f"/peers/{peer['id']}/echo")
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    taken = registry.requests.take({RequestKind.ECHO_PEER}, "test")
    registry.requests.answer(taken.id, {"milliseconds": 3})
    answered = program.get(f"/requests/{asked.json()['id']}").json()
    assert (answered["state"], answered["answer"]) == ("done", {"milliseconds": 3})
    assert program.get("/requests/999").status_code == 404


def test_a_policy_is_checked_tried_activated_and_rolled_back(program, registry, spool):
    report(registry, spool, receive(registry))
    problems = program.post("/policies/check", {"text": "nonsense"}).json()["problems"]
    assert problems[0]["sentence"]
    assert program.post("/policies/check", {"text": ANOTHER}).json() == {"problems": []}
    assert program.post("/policies/simulate", {"text": ANOTHER}).json()["changed"] == []
    assert program.post("/policies", {"text": "nonsense"}).status_code == 422
    shipped = program.get("/policies/current").json()
    assert shipped["activation"] is None
    assert shipped["rules"][0]["source"]
    first = program.post("/policies", {"text": ANOTHER, "expected_id": 0})
    assert first.status_code == 201
    late = program.post("/policies", {"text": ANOTHER, "expected_id": 0})
    assert late.status_code == 409
    assert late.json()["detail"].startswith(SENTENCES[Reason.POLICY_CHANGED])
    assert first.json()["version"].startswith("9.")
    assert program.post("/policies/rollback", {"expected_id": 999}).status_code == 409
    assert program.post("/policies/rollback", {}).json()["version"] == shipped["version"]
    first = program.get("/policies?limit=1").json()
    second = program.get(f"/policies?before_id={first['next']}").json()
    (again,), (before,) = first["activations"], second["activations"]
    assert (again["version"], before["version"][:2]) == (shipped["version"], "9.")
    assert second["next"] is None


def test_an_account_is_added_changed_and_gets_a_key(app, program, registry):
    added = program.post("/users", {"name": "New.Person", "role": "technologist"})
    assert added.status_code == 201
    given = added.json()["one_time_password"]
    person = Person(app)
    form = {"name": "new.person", "password": given}
    assert person.http.post("/login", data=form).headers["location"] == "/password"
    assert program.patch("/users/new.person", {"role": "auditor"}).json()["role"] == "auditor"
    assert program.post("/users/new.person/password").json()["one_time_password"] != given
    registry.users.edit("new.person", role=Role.READER, actor="test")
    key = program.post("/users/reader/tokens", {"label": "RIS", "days": 1}).json()["key"]
    assert Accounts(registry).of_token(key).name == "reader"
    (token,) = program.get("/users/reader/tokens").json()["tokens"]
    headers = {"Authorization": f"Bearer {key}"}
    assert program.http.get(f"{API}/tokens", headers=headers).json()["tokens"] == [token]
    assert program.delete(f"/users/reader/tokens/{token['id']}").status_code == 204
    assert program.delete(f"/users/reader/tokens/{token['id']}").status_code == 404
    assert actions(registry, 2) == [("admin", "token.remove"), ("admin", "token.add")]
    assert program.patch("/users/new.person", {"enabled": False}).json()["enabled"] is False
    assert program.patch("/users/admin", {"role": "reader"}).status_code == 422
    assert program.patch("/users/nobody", {"enabled": True}).status_code == 404
    names = [one["name"] for one in program.get("/users").json()["users"]]
    assert "new.person" in names


@pytest.mark.parametrize(
    "path", ["/peers", "/destinations", "/users", "/bundles", "/users/reader/tokens"]
)
def test_lists_of_the_administration_come_in_pages_newest_first(program, registry, path):
    facts = {"licence": "CC0-1.0", "intended_use": "tests", "training_data": "none"}
    for number in range(3):
        registry.peers.add(f"PEER{number}")
        registry.destinations.add(f"d{number}", ae_title="D", host="10.0.0.1", port=104)
        registry.bundles.verified(f"{number}" * 64, "unet", f"1.0.{number}", "/b", facts, "worker")
        program.post("/users/reader/tokens", {"label": f"key {number}", "days": 1})
    kind = path.rpartition("/")[2]
    whole = program.get(path).json()
    assert whole["next"] is None
    first = program.get(f"{path}?limit=2").json()
    second = program.get(f"{path}?before_id={first['next']}").json()
    assert first[kind] + second[kind] == whole[kind]
    assert len(first[kind]) == 2
    made = [str(one.get("name", one.get("ae_title", one.get("label")))) for one in whole[kind]]
    if kind != "users":
        assert made == sorted(made, reverse=True)
    assert program.get(f"{path}?limit=0").status_code == 422


def test_a_change_is_taken_back_unless_something_followed(program, registry):
    added = program.post("/peers", {"ae_title": "SCANNER", "port": 104}).json()
    program.patch(f"/peers/{added['id']}", {"port": 105})
    (entry, *_) = program.get("/audit").json()["entries"]
    assert program.post(f"/audit/{entry['id']}/take-back").status_code == 204
    assert registry.peers.get("SCANNER").port == 104
    assert program.post(f"/audit/{entry['id']}/take-back").status_code == 409
    assert program.post("/audit/9999/take-back").status_code == 404


def test_settings_are_told_without_secrets_and_reporting_where_there_is_some(program):
    rows = {one["key"]: one for one in program.get("/settings").json()["settings"]}
    assert rows["node.port"]["value"] == "11112"
    assert rows["openid.client_secret"]["value"] == '""'
    assert program.get("/audit/reporting").status_code == 404


def test_reporting_of_the_audit_trail_is_told(settings, registry, spool):
    from plugin.settings import AuditSettings
    from plugin.web.server import make_site

    audit = AuditSettings(repository="tls://arr.example")
    site = make_site(settings.model_copy(update={"audit": audit}), registry, spool, lambda: None)
    registry.audit_reports.begin()
    registry.audit.add("kate", "thing.do", "thing")
    registry.audit_reports.failed(Reason.AUDIT_REPOSITORY_UNREACHABLE)
    answer = Admin(site, registry).get("/audit/reporting").json()
    assert answer["n_waiting"] >= 1
    assert answer["reason"] == "audit_repository_unreachable"
    page = Person(site, "admin").get("/administration").text
    assert SENTENCES[Reason.AUDIT_REPOSITORY_UNREACHABLE].split("(")[0] in page
