"""Logging in at an identity provider: who gets in, as whom, and every way of not getting in."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from plugin.accounts import Accounts
from plugin.domain.access import Role
from plugin.domain.errors import SENTENCES, Reason, TransientError
from plugin.openid.provider import Provider
from plugin.web.visitor import SESSION_COOKIE
from tests.plugin.web.conftest import BASE, PASSWORD, Person


@pytest.fixture
def settings(settings, openid):
    return settings.model_copy(update={"openid": openid})


def come_back(person, provider, to="/"):
    """Log in at the provider as a browser does; return our answer to the way back."""
    there = person.get("/login/hospital", params={"to": to})
    assert there.status_code == 303, there.text
    return person.get(provider.authorize(there.headers["location"]).removeprefix(BASE))


def refused(answer, reason, status=403):
    assert answer.status_code == status
    assert SENTENCES[reason].split("'")[0] in answer.text
    assert SESSION_COOKIE not in answer.cookies
    return True


def test_somebody_with_a_role_gets_in_and_is_recorded(anybody, provider, registry):
    page = anybody.get("/login?to=/studies/7").text
    assert 'href="/login/hospital?to=/studies/7"' in page
    assert "Log in with St. Mary&#39;s" in page
    answer = come_back(anybody, provider, "/studies/7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/studies/7")
    assert anybody.get("/").status_code == 200
    user = registry.users.get("kate.reader")
    assert (user.role, user.issuer, user.subject) == (Role.READER, provider.issuer, "4711")
    actions = [entry.action for entry in registry.audit.list(2)]
    assert actions == ["user.login", "user.add"]


def test_the_provider_gives_name_and_role_anew_at_every_login(anybody, provider, registry):
    come_back(anybody, provider)
    provider.person = {**provider.person, "preferred_username": "kate.new", "groups": "cmr-admins"}
    come_back(anybody, provider)
    assert registry.users.get("kate.new") is None
    assert registry.users.get("kate.reader").role is Role.ADMIN
    assert anybody.get("/administration").status_code == 200


def test_a_name_that_a_local_account_has_is_not_shared(anybody, provider, registry):
    provider.person = {**provider.person, "preferred_username": "Admin"}
    come_back(anybody, provider)
    assert registry.users.get("admin").subject is None
    (other,) = [user for user in registry.users.list() if user.subject]
    assert other.name.startswith("admin@")
    assert other.role is Role.READER


@pytest.mark.parametrize("name", ["<b>", "", "a" * 200])
def test_a_name_that_cannot_be_one_is_replaced(anybody, provider, registry, name):
    provider.person = {**provider.person, "preferred_username": name}
    assert come_back(anybody, provider).status_code == 303
    (user,) = [user for user in registry.users.list() if user.subject]
    assert user.name.startswith("person-")


def test_groups_that_only_userinfo_tells_count_for_the_same_person(anybody, provider, registry):
    provider.person = {"sub": "4711", "preferred_username": "kate"}
    provider.userinfo = {"sub": "4711", "groups": ["cmr-audit"]}
    assert come_back(anybody, provider).status_code == 303
    assert registry.users.get("kate").role is Role.AUDITOR


def test_userinfo_of_somebody_else_gives_no_role(settings, registry, anybody, provider):
    provider.person = {"sub": "4711", "preferred_username": "kate"}
    provider.userinfo = {"sub": "666", "groups": ["cmr-admins"]}
    assert refused(come_back(anybody, provider), Reason.NO_ROLE)


@pytest.mark.parametrize("groups", [[], ["staff"], None, 7, [["cmr-admins"]], {"cmr-admins": 1}])
def test_nobody_without_a_mapped_role_gets_in(anybody, provider, registry, groups):
    provider.person = {**provider.person, "groups": groups}
    assert refused(come_back(anybody, provider), Reason.NO_ROLE)
    assert all(user.subject is None for user in registry.users.list())
    assert registry.audit.list(1)[0].action == "user.refused"


def test_a_disabled_account_stays_out(anybody, provider, registry):
    come_back(anybody, provider)
    registry.users.edit("kate.reader", enabled=False, actor="test")
    assert anybody.get("/").status_code == 303
    assert refused(come_back(anybody, provider), Reason.ACCOUNT_DISABLED)


def test_state_belongs_to_one_browser_and_is_used_once(app, anybody, provider):
    there = anybody.get("/login/hospital").headers["location"]
    back = provider.authorize(there).removeprefix(BASE)
    assert refused(Person(app).get(back), Reason.LOGIN_EXPIRED)
    wrong = back.replace("state=", "state=x")
    assert refused(anybody.get(wrong), Reason.LOGIN_EXPIRED)
    assert refused(anybody.get("/login/hospital/answer"), Reason.LOGIN_EXPIRED)
    assert anybody.get(back).status_code == 303
    assert refused(anybody.get(back), Reason.LOGIN_EXPIRED)


def test_two_tabs_log_in_side_by_side(anybody, provider):
    backs = [
        provider.authorize(anybody.get("/login/hospital").headers["location"]) for _ in range(2)
    ]
    assert [anybody.get(back.removeprefix(BASE)).status_code for back in backs] == [303, 303]


def test_an_answer_in_another_issuers_name_is_refused(anybody, provider):
    back = provider.authorize(anybody.get("/login/hospital").headers["location"])
    head, _, _ = back.removeprefix(BASE).partition("&iss=")
    answer = anybody.get(f"{head}&iss=https%3A%2F%2Fevil.example&code=x")
    assert refused(answer, Reason.PROVIDER_ANSWER_UNUSABLE)


def test_a_refusal_of_the_provider_is_said(anybody, provider):
    provider.denies = True
    assert refused(come_back(anybody, provider), Reason.PROVIDER_REFUSED)


def test_local_accounts_work_while_the_provider_is_down(anybody, provider):
    provider.is_down = True
    assert refused(anybody.get("/login/hospital"), Reason.PROVIDER_UNREACHABLE, 503)
    form = {"name": "reader", "password": PASSWORD}
    assert anybody.http.post("/login", data=form).headers["location"] == "/"


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/x\n",
        "evil",
        "",
        "/" + "x" * 500,
    ],
)
def test_nobody_is_led_to_another_site(anybody, provider, to):
    assert come_back(anybody, provider, to).headers["location"] == "/"


def test_logging_out_here_logs_out_there(anybody, provider):
    come_back(anybody, provider)
    page = anybody.post("/logout")
    assert page.status_code == 200
    assert 'http-equiv="refresh"' in page.text
    address = page.text.split('<a href="')[-1].split('"')[0].replace("&amp;", "&")
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["post_logout_redirect_uri"] == f"{BASE}/login"
    assert asked["id_token_hint"].count(".") == 2
    assert anybody.get("/").status_code == 303


def test_logging_out_works_while_the_provider_is_down(app, anybody, provider, monkeypatch):
    come_back(anybody, provider)
    down = TransientError(Reason.PROVIDER_UNREACHABLE)
    monkeypatch.setattr(Provider, "metadata", lambda _: (_ for _ in ()).throw(down))
    assert anybody.post("/logout").headers["location"] == "/login"
    assert anybody.get("/").status_code == 303


def test_password_and_role_are_the_providers(app, anybody, provider, registry, admin):
    come_back(anybody, provider)
    accounts, name = Accounts(registry), "kate.reader"
    assert accounts.verify(name, "") is None
    for form in ({"name": name, "password": ""}, {"name": name, "password": PASSWORD}):
        assert anybody.http.post("/login", data=form).status_code == 401
    for path, form in (("password", {}), ("role", {"role": "admin"})):
        answer = admin.post(f"/users/{name}/{path}", form)
        assert answer.status_code == 422
        assert SENTENCES[Reason.ACCOUNT_OF_PROVIDER].split("'")[0] in answer.text
    assert admin.post(f"/users/{name}/disable").status_code == 303


def test_a_key_rests_when_its_owner_no_longer_logs_in(anybody, provider, settings):
    from datetime import UTC, datetime, timedelta

    from plugin.registry import Registry

    now = [datetime.now(UTC)]
    with Registry(settings.registry_url, clock=lambda: now[0]) as registry:
        come_back(anybody, provider)
        accounts = Accounts(registry)
        key = accounts.add_token(registry.users.get("kate.reader"), "script", 90)
        local = accounts.add_token(registry.users.get("reader"), "script", 90)
        now[0] += timedelta(days=31)
        assert accounts.of_token(key) is None
        assert accounts.of_token(local).name == "reader"


def test_there_is_no_hospital_login_where_none_is_set(tmp_path, registry, spool):
    from plugin.settings import Settings
    from plugin.web.server import make_site

    site = make_site(Settings(spool={"folder": spool.folder}), registry, spool, lambda: None)
    assert Person(site).get("/login/hospital").status_code == 404
    assert "hospital" not in Person(site).get("/login").text
