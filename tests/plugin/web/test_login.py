"""Getting in, staying in, being refused."""

import pytest

from plugin.accounts import Accounts, digest_of
from plugin.domain.access import Role
from plugin.web.visitor import SESSION_COOKIE
from tests.plugin.web.conftest import BASE, PASSWORD, Person, receive

SECRET_PAGES = ("/", "/studies/1", "/studies/1/state", "/account", "/events", "/password")


@pytest.mark.parametrize("path", SECRET_PAGES)
def test_nobody_sees_a_page_without_logging_in(anybody, registry, path):
    receive(registry)
    answer = anybody.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_login_leads_back_to_the_page_that_was_asked_for(app, registry):
    study = receive(registry)
    person = Person(app)
    address = person.get(f"/studies/{study.id}").headers["location"]
    assert f'value="/studies/{study.id}"' in person.get(address).text
    form = {"name": "Reader ", "password": PASSWORD, "to": f"/studies/{study.id}"}
    answer = person.http.post("/login", data=form)
    assert answer.headers["location"] == f"/studies/{study.id}"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_login_leads_nowhere_else(app, to):
    person = Person(app)
    form = {"name": "reader", "password": PASSWORD, "to": to}
    assert person.http.post("/login", data=form).headers["location"] == "/"


def test_wrong_name_and_wrong_password_are_told_apart_by_nobody(anybody, registry):
    answers = [
        anybody.http.post("/login", data={"name": name, "password": "wrong"})
        for name in ("reader", "nobody-of-that-name")
    ]
    assert [one.status_code for one in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    subjects = [one.subject for one in registry.audit.list() if one.action == "user.refused"]
    assert subjects == ["user unknown name", "user reader"]


@pytest.mark.parametrize("written", ["reader", " reader", "Reader\t"])
def test_guessing_is_slowed_down_per_name_however_it_is_written(anybody, written):
    for _ in range(8):
        anybody.http.post("/login", data={"name": written, "password": "guess"})
    answer = anybody.http.post("/login", data={"name": "reader", "password": PASSWORD})
    assert answer.status_code == 429
    answer = anybody.http.post("/login", data={"name": "admin", "password": PASSWORD})
    assert answer.status_code == 303


def test_session_ends_when_nobody_does_anything(reader, registry, monkeypatch):
    assert reader.get("/").status_code == 200
    users = registry.users
    now = users._database.now()
    monkeypatch.setattr(users._database, "now", lambda: now.replace(year=now.year + 1))
    assert reader.get("/").status_code == 303


def test_refreshing_pages_keep_no_session_alive(settings, registry):
    from datetime import timedelta

    accounts = Accounts(registry)
    _, secret = accounts.sign_in("reader", PASSWORD)
    clock = registry.users._database.now
    start = clock()

    def at(minutes, *, touch):
        registry.users._database.now = lambda: start + timedelta(minutes=minutes)
        return accounts.of_session(secret, 30 * 60, touch=touch)

    assert at(20, touch=False)
    assert at(29, touch=True)
    assert at(50, touch=False)
    assert at(61, touch=False) is None
    registry.users._database.now = clock


def test_logout_ends_the_session_for_good(reader):
    secret = reader.http.cookies[SESSION_COOKIE]
    assert reader.post("/logout").status_code == 303
    reader.http.cookies.set(SESSION_COOKIE, secret, domain="127.0.0.1")
    assert reader.get("/").status_code == 303


def test_disabled_account_is_out_at_once(reader, registry):
    registry.users.edit("reader", enabled=False, actor="test")
    assert reader.get("/").status_code == 303


def test_one_time_password_must_be_changed_before_anything_else(app, registry):
    user, given = Accounts(registry).add("new", Role.READER, "test")
    assert user.one_time
    person = Person(app)
    answer = person.http.post("/login", data={"name": "new", "password": given})
    assert answer.headers["location"] == "/password"
    assert person.get("/").headers["location"] == "/password"
    page = person.get("/password").text
    csrf = page.split('name="csrf" value="')[1][:64]
    new = "a much longer secret"

    def change(**form):
        values = {"csrf": csrf, "old": given, "new": new, "again": new, **form}
        return person.http.post("/password", data=values)

    assert change(csrf="0" * 64).status_code == 403
    assert change(old="wrong").status_code == 422
    assert change(again="other").status_code == 422
    assert change(new="short", again="short").status_code == 422
    assert change().status_code == 303
    assert person.get("/").status_code == 200
    assert Accounts(registry).verify("new", given) is None


@pytest.mark.parametrize(("name", "stays"), [("admin", False), ("reader", True)])
def test_the_first_password_stays_until_its_owner_has_changed_it(app, spool, name, stays):
    path = spool.folder / "first-password"
    path.touch()
    new = "a much longer secret"
    form = {"old": PASSWORD, "new": new, "again": new}
    assert Person(app, name).post("/password", form).status_code == 303
    assert path.exists() is stays


def test_database_holds_no_secret(reader, registry, settings):
    secret = reader.http.cookies[SESSION_COOKIE]
    key = Accounts(registry).add_token(registry.users.get("reader"), "x", 1)
    raw = (settings.spool.folder / "registry.sqlite").read_bytes()
    raw += (settings.spool.folder / "registry.sqlite-wal").read_bytes()
    assert digest_of(secret).encode() in raw
    for hidden in (secret, key, PASSWORD):
        assert hidden.encode() not in raw


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_change_without_the_token_of_the_page_is_refused(reader, registry, token):
    study = receive(registry)
    answer = reader.http.post(f"/studies/{study.id}/reading/claim", data={"csrf": token})
    assert answer.status_code == 403
    assert registry.readings.get(study.id) is None


def test_a_change_sent_by_another_site_is_refused(reader, registry):
    study = receive(registry)
    form = {"csrf": reader.csrf}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": BASE},
    ):
        path = f"/studies/{study.id}/reading/claim"
        assert reader.http.post(path, data=form, headers=headers).status_code == 403
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": BASE}
    assert reader.http.post(path, data=form, headers=headers).status_code == 303


def test_large_bodies_are_refused(reader):
    assert reader.post("/", {"words": "x" * 100_000}).status_code == 413


ALLOWED = {
    "/": {"reader", "technologist", "admin"},
    "/studies/1": {"reader", "technologist", "admin"},
}


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_each_role_sees_what_it_may_and_nothing_else(app, registry, role):
    study = receive(registry)
    person = Person(app, role)
    for path, roles in ALLOWED.items():
        assert person.get(path).status_code == (200 if role in roles else 403), path
    claimed = person.post(f"/studies/{study.id}/reading/claim")
    assert claimed.status_code == (303 if role in {"reader", "admin"} else 403)
    again = person.post(f"/studies/{study.id}/requeue")
    assert again.status_code == (303 if role in {"technologist", "admin"} else 403)


def test_api_key_acts_for_its_owner_until_it_is_removed(app, reader, anybody):
    page = reader.post("/account/keys", {"label": "script"}).text
    key = page.split('<code class="key">')[1].split("<")[0]
    headers = {"Authorization": f"Bearer {key}"}
    assert anybody.get("/", headers=headers).status_code == 200
    key_id = page.split("/account/keys/")[1].split("/")[0]
    assert reader.post(f"/account/keys/{key_id}/remove").status_code == 303
    assert anybody.get("/", headers=headers).status_code == 303
