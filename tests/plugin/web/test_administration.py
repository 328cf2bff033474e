"""Controls for administrators: each does what it says, is audited, and refuses what is outdated."""

import re

import pytest

from plugin.domain.access import Role
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.job import DeliveryState
from tests.plugin.web.conftest import Person, receive, report

HOME = "/administration"


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_only_admins_administer_and_auditors_see_the_audit(app, role):
    person = Person(app, role)
    for page in (HOME, "/users"):
        assert person.get(page).status_code == (200 if role == "admin" else 403)
    assert person.get("/audit").status_code == (200 if role in {"admin", "auditor"} else 403)
    answer = person.post(f"{HOME}/peers/add", {"ae_title": "NEW"})
    assert answer.status_code == (303 if role == "admin" else 403)
    answer = person.post("/users/add", {"name": "new"})
    assert answer.status_code == (200 if role == "admin" else 403)


def test_refused_sender_is_allowed_with_one_click(admin, registry):
    reason = Reason.UNKNOWN_CALLING_AE_TITLE
    registry.associations.rejected("STRANGER", "CMRTRIAGE", "10.0.0.9", reason)
    assert "Allow STRANGER from 10.0.0.9" in admin.get(HOME).text
    form = {"ae_title": "STRANGER", "host": "10.0.0.9"}
    assert admin.post(f"{HOME}/peers/add", form).status_code == 303
    peer = registry.peers.get("STRANGER")
    assert (peer.host, peer.enabled) == ("10.0.0.9", True)
    assert "Allow STRANGER" not in admin.get(HOME).text
    entry = registry.audit.list()[0]
    assert (entry.actor, entry.action) == ("admin", "peer.add")


def test_the_second_of_two_admins_is_told_and_undoes_nothing(app, admin, registry):
    registry.peers.add("PACS", host="10.0.0.1")
    registry.users.edit("technologist", role=Role.ADMIN, actor="test")
    other = Person(app, "technologist")
    mark = re.search(r'name="mark" value="([0-9a-f]{16})"', admin.get(HOME).text)[1]
    assert mark in other.get(HOME).text
    form = {"name": "PACS", "mark": mark, "kind": "archive", "enabled": "on"}
    assert other.post(f"{HOME}/peers/edit", {**form, "host": "10.0.0.2"}).status_code == 303
    answer = admin.post(f"{HOME}/peers/edit", {**form, "host": "10.0.0.3"})
    assert answer.status_code == 409
    assert SENTENCES[Reason.CHANGED_MEANWHILE] in answer.text
    assert registry.peers.get("PACS").host == "10.0.0.2"


def test_a_sender_that_was_seen_meanwhile_may_still_be_edited(admin, registry):
    registry.peers.add("PACS")
    mark = re.search(r'name="mark" value="([0-9a-f]{16})"', admin.get(HOME).text)[1]
    registry.peers.seen("PACS")
    form = {"name": "PACS", "mark": mark, "kind": "modality"}
    assert admin.post(f"{HOME}/peers/edit", form).status_code == 303
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
    answer = admin.post(f"{HOME}/peers/add", form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert registry.peers.list() == []


def test_destination_is_added_changed_and_removed(admin, registry):
    form = {"name": "archive", "ae_title": "PACS", "host": "10.0.0.1", "port": "104"}
    assert admin.post(f"{HOME}/destinations/add", form).status_code == 303
    mark = re.search(r'name="mark" value="([0-9a-f]{16})"', admin.get(HOME).text)[1]
    form = {"name": "archive", "mark": mark, "object-summary": "on", "enabled": "on"}
    assert admin.post(f"{HOME}/destinations/edit", form).status_code == 303
    assert registry.destinations.get("archive").objects == ("summary",)
    assert admin.post(f"{HOME}/destinations/remove", {"name": "archive"}).status_code == 303
    assert registry.destinations.list() == []
    assert admin.post(f"{HOME}/destinations/remove", {"name": "archive"}).status_code == 422


def test_what_was_given_up_is_sent_again(admin, registry, spool):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    job = report(registry, spool, receive(registry))
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    assert "1 objects were given up" in admin.get(HOME).text
    assert admin.post(f"{HOME}/destinations/retry", {"name": "archive"}).status_code == 303
    assert registry.deliveries.get(delivery.id).state is DeliveryState.PENDING
    assert registry.audit.list()[0].action == "delivery.retry"


def test_switches_hold_and_let_go(admin, registry):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    assert admin.post(f"{HOME}/switches/off").status_code == 303
    assert registry.switches.state().everything_is_off
    assert admin.post(f"{HOME}/switches/on").status_code == 303
    assert admin.post(f"{HOME}/switches/off", {"name": "archive"}).status_code == 303
    assert "Sending to archive is switched off by admin" in admin.get("/").text


def test_unknown_buttons_do_not_exist(admin):
    for path in (f"{HOME}/peers/explode", f"{HOME}/x/add", "/users/admin/explode"):
        assert admin.post(path).status_code == 404


def test_passwords_in_settings_are_hidden(tmp_path, spool, registry):
    from plugin.settings import Settings
    from plugin.web.server import make_site

    url = "redis://:hunter2@10.0.0.1/0"
    settings = Settings(spool={"folder": spool.folder}, queue={"url": url})
    text = Person(make_site(settings, registry, spool, lambda: None), "admin").get(HOME).text
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
    for number in range(120):
        registry.audit.add("test", "thing.do", f"thing {number}")
    first = admin.get("/audit").text
    assert "thing 119" in first
    assert "10.0.0.2" not in first
    older = re.search(r'href="(/audit\?before=\d+)"', first)[1]
    second = admin.get(older).text
    assert "host &lt;b&gt;10.0.0.2" in second
    assert "someone" in second
