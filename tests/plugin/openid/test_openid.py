"""The protocol of logging in elsewhere: every answer that must not be believed."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.openid import HospitalLogin
from plugin.settings import Settings, load_settings, setting_rows
from tests.plugin.identity_provider import CLIENT, SECRET

BACK = "http://127.0.0.1:8480/login/hospital/answer"


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def login(openid, clock):
    return HospitalLogin(openid, clock)


def come_back(login, provider):
    begun = login.begin(BACK, "/")
    back = dict(parse_qsl(urlsplit(provider.authorize(begun.address)).query))
    return login.finish(back, begun.browser)


@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "MissingRequiredClaim"),
        ({"exp": 1_000_000_000}, "ExpiredSignature"),
        ({"iat": 4_000_000_000}, "ImmatureSignature"),
        ({"aud": "another-client"}, "InvalidAudience"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"iss": "http://127.0.0.1:1"}, "InvalidIssuer"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
    ],
)
def test_a_token_that_breaks_a_rule_opens_nothing(login, provider, claims, rule):
    provider.claims = claims
    with pytest.raises(ConfigurationError) as refused:
        come_back(login, provider)
    assert refused.value.reason is Reason.PROVIDER_ANSWER_UNUSABLE
    assert refused.value.detail == f"id_token: {rule}"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_without_a_signature_of_the_provider_opens_nothing(login, provider, algorithm):
    provider.algorithm = algorithm
    with pytest.raises(ConfigurationError, match="id_token: algorithm"):
        come_back(login, provider)


def test_a_changed_key_is_found_and_a_foreign_one_refused(login, provider, clock):
    assert come_back(login, provider).subject == "4711"
    provider.new_key()
    with pytest.raises(ConfigurationError, match="id_token: key"):
        come_back(login, provider)  # nobody makes us ask for keys all the time
    clock.seconds = 11
    assert come_back(login, provider).subject == "4711"
    key_id = provider.key_id
    provider.new_key()
    provider.key_id = key_id  # another key under the known name
    with pytest.raises(ConfigurationError, match="id_token: InvalidSignature"):
        come_back(login, provider)


def test_what_began_too_long_ago_is_refused(login, provider, clock):
    begun = login.begin(BACK, "/")
    back = dict(parse_qsl(urlsplit(provider.authorize(begun.address)).query))
    clock.seconds = 601
    with pytest.raises(ConfigurationError) as late:
        login.finish(back, begun.browser)
    assert late.value.reason is Reason.LOGIN_EXPIRED


def test_a_provider_that_nobody_hears_is_unreachable(openid):
    nobody = openid.model_copy(update={"issuer": "http://127.0.0.1:9"})
    with pytest.raises(TransientError) as down:
        HospitalLogin(nobody).begin(BACK, "/")
    assert down.value.reason is Reason.PROVIDER_UNREACHABLE


def test_a_provider_that_is_silent_is_not_asked_by_everybody(login, provider, clock):
    provider.is_down = True
    with pytest.raises(TransientError):
        login.begin(BACK, "/")
    provider.is_down = False
    with pytest.raises(TransientError):
        login.begin(BACK, "/")
    clock.seconds = 11
    assert login.begin(BACK, "/").address.startswith(provider.issuer)


@pytest.mark.parametrize("browser", ["", "x", "x" * 60_000])
def test_what_a_browser_cannot_have_of_us_is_replaced(login, browser):
    assert len(login.begin(BACK, "/", browser).browser) == 43


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"issuer": "https://idp.example"}, "another issuer"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"token_endpoint": "http://idp.example/token"}, "not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not https"),
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(openid, provider, said, words):
    provider.metadata = said
    with pytest.raises(ConfigurationError, match=words):
        HospitalLogin(openid).begin(BACK, "/")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "http://idp.example"}, "https"),
        ({"client_id": ""}, "client_id"),
        ({"scopes": "profile"}, "openid.scopes"),
        ({"roles": {}}, "openid.roles"),
        ({"roles": {"x": "king"}}, "openid.roles.x"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(tmp_path, change, words):
    values = {"issuer": "https://idp.example", "client_id": "x", "roles": {"a": "reader"}}
    values.update(change)
    roles = "".join(
        f"{group} = {json.dumps(role)}\n" for group, role in values.pop("roles").items()
    )
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    path = tmp_path / "settings.toml"
    path.write_text(f"[openid]\n{lines}[openid.roles]\n{roles}")
    with pytest.raises(ConfigurationError, match=words):
        load_settings(path)


def test_the_secret_is_never_shown(openid):
    rows = {row.key: row for row in setting_rows(Settings(openid=openid))}
    assert rows["openid.client_secret"].value == '"***"'
    assert SECRET not in repr(openid)
    assert rows["openid.roles"].value == (
        '{ "cmr-readers" = "reader", "cmr-admins" = "admin", "cmr-audit" = "auditor" }'
    )
