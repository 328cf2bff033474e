"""Controls for administrators: each does what it says, is audited, and refuses what is outdated."""

import re
from datetime import datetime, timedelta

import pytest

from plugin.domain.access import Role
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.job import DeliveryState
from plugin.settings import Settings, load_settings
from plugin.web.administration.routes import CARDS
from plugin.web.server import make_site
from tests.plugin.web.conftest import Person, receive, report

HOME = "/administration"
PEERS = f"{HOME}/peers"
DESTINATIONS = f"{HOME}/destinations"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def clock_of_retention(monkeypatch):
    """Let the page believe that it is later."""

    def later(**passed):
        class Later(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + timedelta(**passed)

        monkeypatch.setattr("plugin.web.administration.storage.datetime", Later)

    return later


def mark_on(page):
    return re.search(r'name="mark" value="([0-9a-f]{16})"', page.text)[1]


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_only_admins_administer_and_auditors_see_the_audit(app, role):
    person = Person(app, role)
    for page in (HOME, *(f"{HOME}/{card.key}" for card in CARDS), "/users"):
        assert person.get(page).status_code == (200 if role == "admin" else 403)
    assert person.get("/audit").status_code == (200 if role in {"admin", "auditor"} else 403)
    answer = person.post(f"{PEERS}/add", {"ae_title": "NEW"})
    assert answer.status_code == (303 if role == "admin" else 403)
    answer = person.post("/users/add", {"name": "new"})
    assert answer.status_code == (200 if role == "admin" else 403)


def test_refused_sender_is_allowed_with_one_click(admin, registry):
    reason = Reason.UNKNOWN_CALLING_AE_TITLE
    registry.associations.rejected("STRANGER", "CMRTRIAGE", "10.0.0.9", reason)
    assert "Allow STRANGER from 10.0.0.9" in admin.get(PEERS).text
    form = {"ae_title": "STRANGER", "host": "10.0.0.9"}
    assert admin.post(f"{PEERS}/add", form).status_code == 303
    peer = registry.peers.get("STRANGER")
    assert (peer.host, peer.enabled) == ("10.0.0.9", True)
    assert "Allow STRANGER" not in admin.get(PEERS).text
    entry = registry.audit.list()[0]
    assert (entry.actor, entry.action) == ("admin", "peer.add")


def test_the_second_of_two_admins_is_told_and_undoes_nothing(app, admin, registry):
    registry.peers.add("PACS", host="10.0.0.1")
    registry.users.edit("technologist", role=Role.ADMIN, actor="test")
    other = Person(app, "technologist")
    mark = mark_on(admin.get(PEERS))
    assert mark in other.get(PEERS).text
    form = {"name": "PACS", "ae_title": "PACS", "mark": mark, "kind": "archive", "enabled": "on"}
    assert other.post(f"{PEERS}/edit", {**form, "host": "10.0.0.2"}).status_code == 303
    answer = admin.post(f"{PEERS}/edit", {**form, "host": "10.0.0.3"})
    assert answer.status_code == 409
    assert SENTENCES[Reason.CHANGED_MEANWHILE] in answer.text
    assert registry.peers.get("PACS").host == "10.0.0.2"


def test_a_sender_that_was_seen_meanwhile_may_still_be_edited(admin, registry):
    registry.peers.add("PACS")
    mark = mark_on(admin.get(PEERS))
    registry.peers.seen("PACS")
    form = {"name": "PACS", "ae_title": "PACS", "mark": mark, "kind": "modality"}
    assert admin.post(f"{PEERS}/edit", form).status_code == 303
    assert registry.peers.get("PACS").enabled is False


@pytest.mark.parametrize(
    "form",
    [
        {"ae_title": ""},
        {"ae_title": "A" * 17},
        {"ae_title": "X", "port": "http"},
        {"ae_title": "X", "port": "70000"},
    ],
)
def test_values_that_cannot_be_used_come_back_with_a_sentence(admin, registry, form):
    answer = admin.post(f"{PEERS}/add", form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert registry.peers.list() == []


def test_destination_is_added_changed_and_removed(admin, registry):
    form = {"name": "archive", "ae_title": "PACS", "host": "10.0.0.1", "port": "104"}
    assert admin.post(f"{DESTINATIONS}/add", form).status_code == 303
    mark = mark_on(admin.get(DESTINATIONS))
    changed = {"new_name": "store", "port": "105", "confirm": "query", "reject_superseded": "on"}
    form = {**form, **changed, "mark": mark, "object-summary": "on", "enabled": "on"}
    assert admin.post(f"{DESTINATIONS}/edit", form).status_code == 303
    found = registry.destinations.get("store")
    assert (found.objects, found.port, found.confirm) == (("summary",), 105, "query")
    assert found.reject_superseded
    assert admin.post(f"{DESTINATIONS}/remove", {"name": "store", "mark": mark}).status_code == 409
    assert admin.post(f"{DESTINATIONS}/remove", {"name": "store"}).status_code == 303
    assert registry.destinations.list() == []
    assert admin.post(f"{DESTINATIONS}/remove", {"name": "store"}).status_code == 422


def test_destination_is_called_by_tls_from_the_first_moment(admin, registry):
    page = admin.get(DESTINATIONS).text
    form = {"name": "archive", "ae_title": "PACS", "host": "10.0.0.1", "port": "2762"}
    form |= {"tls": "on", "tls_name": "pacs.hospital"}
    assert all(f'name="{field}"' in page for field in form)
    assert admin.post(f"{DESTINATIONS}/add", form).status_code == 303
    found = registry.destinations.get("archive")
    assert (found.tls, found.tls_name) == (True, "pacs.hospital")


def test_destination_without_objects_or_with_an_odd_certificate_is_refused(admin, registry):
    form = {"name": "archive", "ae_title": "PACS", "host": "10.0.0.1", "port": "104"}
    registry.destinations.add("archive", ae_title="PACS", host="10.0.0.1", port=104)
    for odd in ({}, {"object-sr": "on", "tls_name": "x"}, {"object-sr": "on", "confirm": "never"}):
        answer = admin.post(f"{DESTINATIONS}/edit", {**form, **odd})
        assert answer.status_code in {409, 422}
        mark = mark_on(admin.get(DESTINATIONS))
        answer = admin.post(f"{DESTINATIONS}/edit", {**form, **odd, "mark": mark})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text


def test_what_was_given_up_is_sent_again(admin, registry, spool):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    job = report(registry, spool, receive(registry))
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    assert "Objects that were given up: 1" in admin.get(f"{HOME}/queue").text
    assert admin.post(f"{DESTINATIONS}/retry", {"name": "archive"}).status_code == 303
    assert registry.deliveries.get(delivery.id).state is DeliveryState.PENDING
    assert registry.audit.list()[0].action == "delivery.retry"


def test_switches_hold_and_let_go(admin, registry):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    assert admin.post(f"{HOME}/overview/off").status_code == 303
    assert registry.switches.state().everything_is_off
    assert admin.post(f"{HOME}/overview/on").status_code == 303
    assert admin.post(f"{DESTINATIONS}/off", {"name": "archive"}).status_code == 303
    assert "Sending to archive is switched off by admin" in admin.get("/").text
    assert admin.post(f"{DESTINATIONS}/on", {"name": "archive"}).status_code == 303
    assert registry.switches.state().off == ()


def test_learnt_fallback_is_shown_and_forgotten(admin, registry):
    found = registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    registry.health.takes_implicit(found.id)
    assert "in Implicit VR only" in admin.get(DESTINATIONS).text
    assert admin.post(f"{DESTINATIONS}/forget", {"name": "archive"}).status_code == 303
    assert registry.health.get(found.id).implicit_since is None
    assert registry.audit.list(1)[0].action == "destination.forget"
    assert admin.post(f"{DESTINATIONS}/forget", {"name": "nothing"}).status_code == 422


def test_chosen_objects_are_sent_again_and_failed_studies_analysed_again(admin, registry, spool):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    job = report(registry, spool, receive(registry))
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    queue = f"{HOME}/queue"
    for wrong in ({}, {"dead-x": "on"}):
        assert admin.post(f"{queue}/replay", wrong).status_code == 422
    answer = admin.post(f"{queue}/replay", {f"dead-{delivery.id}": "on", "dead-99": "on"})
    assert "1 of 2 objects wait to be sent again" in answer.text
    assert registry.deliveries.get(delivery.id).state is DeliveryState.PENDING
    study = receive(registry, uid="1.2.840.2")
    failed = registry.studies.mark_complete(study.id, revision=study.revision)
    claimed = registry.jobs.claim(failed.id, "host:7", 60)
    assert registry.jobs.fail(failed.id, claimed.fence, Reason.HEART_NOT_FOUND)
    assert SENTENCES[Reason.HEART_NOT_FOUND] in admin.get(queue).text
    assert "Analyse again" in admin.get(queue).text
    answer = admin.post(f"{queue}/requeue", {"study": str(study.id)})
    assert "waits to be analysed again" in answer.text
    assert admin.post(f"{queue}/requeue", {"study": "99"}).status_code == 422


def test_processes_show_their_load(admin, registry):
    facts = {"cpu_percent": 37.0, "n_processors": 8, "memory_total_bytes": 2**33}
    facts |= {"memory_used_bytes": 2**32, "process_bytes": 2**30, "device": "cuda"}
    card = {"name": "H200", "used_percent": 81.0}
    card |= {"memory_used_bytes": 2**34, "memory_total_bytes": 2**37}
    facts |= {"bundle": "unet 1.0.0", "problem": "", "gpus": [card]}
    registry.heartbeats.beat("host:7", "worker", facts)
    text = admin.get(f"{HOME}/queue").text
    for shown in ("host:7", "37 %", "50 %", "H200", "81 %", "unet 1.0.0", "16.0 GiB of 128.0 GiB"):
        assert shown in text
    assert "No process was heard of" not in text


def test_hostile_names_are_text_on_every_card(admin, registry):
    registry.associations.rejected(
        "<b>X</b>", HOSTILE[:16], HOSTILE, Reason.UNKNOWN_CALLING_AE_TITLE
    )
    registry.peers.add("<i>PEER</i>", host=HOSTILE)
    registry.destinations.add(HOSTILE, ae_title="<u>D</u>", host=HOSTILE, port=104)
    registry.heartbeats.beat(HOSTILE, "worker", {"problem": HOSTILE, "bundle": HOSTILE})
    facts = {"licence": HOSTILE, "intended_use": HOSTILE, "training_data": HOSTILE}
    registry.bundles.verified("a" * 64, HOSTILE, "1", "/b", facts, HOSTILE)
    receive(registry, uid="1.2.3", patient_id=HOSTILE, patient_name=HOSTILE)
    receive(registry, uid="1.2.4", patient_id=HOSTILE, description=HOSTILE)
    pages = [admin.get(f"{HOME}/{card.key}").text for card in CARDS]
    pages.append(admin.post(f"{HOME}/dry-run/ask", {"term": HOSTILE}).text)
    pages.append(admin.post(f"{PEERS}/add", {"ae_title": "<b>X</b>", "port": HOSTILE}).text)
    pages.append(admin.post(f"{HOME}/policy/check", {"text": HOSTILE}).text)
    for text in pages:
        assert not re.search(r"<(script>|[biu]>[XPD])", text)


def test_expired_session_changes_nothing_and_leads_to_the_log_in(app, registry):
    person = Person(app, "admin")
    form = {"csrf": person.csrf, "ae_title": "NEW"}
    person.http.cookies.clear()
    answer = person.http.post(f"{PEERS}/add", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    asked = person.http.get(f"{HOME}/requests/1", headers={"HX-Request": "true"})
    assert asked.headers["hx-redirect"] == "/login"
    upload = person.http.post(f"{HOME}/bundles/upload", content=b"x")
    assert upload.status_code == 303
    assert registry.peers.list() == []


def test_forms_without_the_token_or_far_too_large_are_refused(admin, app, spool):
    assert admin.http.post(f"{PEERS}/add", data={"ae_title": "NEW"}).status_code == 403
    assert admin.http.post(f"{HOME}/bundles/upload", content=b"x").status_code == 403
    assert list(spool.uploads.iterdir()) == []
    assert admin.post(f"{HOME}/policy/check", {"text": "x" * 600_000}).status_code == 413
    many = {f"dead-{number}": "on" for number in range(200)}
    assert admin.post(f"{HOME}/queue/replay", many).status_code == 413


def test_last_change_is_taken_back_once(admin, registry):
    registry.peers.add("PACS", host="10.0.0.1", actor="other")
    registry.peers.edit("PACS", host="10.0.0.2", actor="other")
    entry = registry.audit.list(1)[0].id
    assert "Take back: peer.edit peer PACS" in admin.get(HOME).text
    assert admin.post(f"{HOME}/overview/undo", {"entry": str(entry)}).status_code == 303
    assert registry.peers.get("PACS").host == "10.0.0.1"
    assert admin.post(f"{HOME}/overview/undo", {"entry": str(entry)}).status_code == 409
    for wrong in ("", "99", "x"):
        assert admin.post(f"{HOME}/overview/undo", {"entry": wrong}).status_code == 422


def test_storage_tells_what_goes_next(admin, registry, spool, clock_of_retention):
    study = receive(registry, n_bytes=3 * 2**20)
    report(registry, spool, study)
    assert "Go within a minute: 0" in admin.get(f"{HOME}/storage").text
    clock_of_retention(days=8)
    text = admin.get(f"{HOME}/storage").text
    assert "Go within a minute: 1" in text
    assert f"study {study.id}" in text
    assert "3.0 MiB" in text


def test_settings_say_where_they_come_from(tmp_path, spool, registry, monkeypatch):
    path = tmp_path / "settings.toml"
    path.write_text(f'[spool]\nfolder = "{spool.folder}"\n')
    monkeypatch.setenv("CMR_TRIAGE_NODE__PORT", "2222")
    site = make_site(load_settings(path), registry, spool, lambda: None)
    text = Person(site, "admin").get(f"{HOME}/settings").text
    assert f"file {path}" in text
    assert "environment CMR_TRIAGE_NODE__PORT" in text


def test_unknown_buttons_do_not_exist(admin):
    for path in (f"{PEERS}/explode", f"{HOME}/x/add", "/users/admin/explode"):
        assert admin.post(path).status_code == 404


def test_passwords_in_settings_are_hidden(tmp_path, spool, registry):
    url = "redis://:hunter2@10.0.0.1/0"
    settings = Settings(spool={"folder": spool.folder}, queue={"url": url})
    text = (
        Person(make_site(settings, registry, spool, lambda: None), "admin")
        .get(f"{HOME}/settings")
        .text
    )
    assert "queue.url" in text
    assert "hunter2" not in text


def test_users_are_added_changed_and_disabled(app, admin, registry):
    text = admin.post("/users/add", {"name": "New.Person", "role": "technologist"}).text
    given = re.search(r"new\.person: ([a-z0-9-]{23})<", text)[1]
    assert given not in admin.get("/users").text
    person = Person(app)
    answer = person.http.post("/login", data={"name": "new.person", "password": given})
    assert answer.headers["location"] == "/password"
    assert admin.post("/users/new.person/role", {"role": "reader"}).status_code == 303
    assert admin.post("/users/new.person/disable").status_code == 303
    assert person.get("/password").status_code == 303
    assert admin.post("/users/add", {"name": "new.person"}).status_code == 422
    assert admin.post("/users/add", {"name": "<b>"}).status_code == 422
    assert registry.users.get("new.person").role is Role.READER


def test_the_last_admin_stays(admin):
    for path, form in (("/users/admin/disable", {}), ("/users/admin/role", {"role": "reader"})):
        answer = admin.post(path, form)
        assert answer.status_code == 422
        assert SENTENCES[Reason.LAST_ADMIN] in answer.text


def test_audit_is_paged_and_shows_what_changed(admin, registry):
    registry.peers.add("PACS", host="10.0.0.1")
    registry.peers.edit("PACS", host="<b>10.0.0.2", actor="someone")
    classes = {"1.2.840.10008.5.1.4.1.1.88.34": 1, "1.2.3": 2}
    registry.audit.add("delivery", "study.send", "study x", after={"sop_classes": classes})
    for number in range(120):
        registry.audit.add("test", "thing.do", f"thing {number}")
    first = admin.get("/audit").text
    assert "thing 119" in first
    assert "10.0.0.2" not in first
    older = re.search(r'href="(/audit\?before=\d+)"', first)[1]
    second = admin.get(older).text
    assert "host &lt;b&gt;10.0.0.2" in second
    assert "1 x 3D SR + 2 x 1.2.3" in second
    assert "someone" in second
