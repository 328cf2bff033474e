"""Logging in at an identity provider in a real browser: cookies, redirects and our own CSP."""

import threading

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from plugin.demo.stage import free_ports
from plugin.domain.access import Role
from plugin.registry import Registry
from plugin.settings import AuditSettings, OpenIdSettings, Settings
from plugin.spool import Spool
from plugin.web.server import make_site
from tests.plugin.identity_provider import CLIENT, ROLES, SECRET, FakeProvider
from tests.programs import find_program

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def provider():
    provider = FakeProvider()
    yield provider
    provider.close()


@pytest.fixture
def installation(tmp_path, provider):
    """Serve the pages on a port; there is a provider, and an audit repository that is down."""
    openid = OpenIdSettings(
        issuer=provider.issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        label="the hospital account",
        roles=ROLES,
    )
    settings = Settings(
        spool={"folder": tmp_path, "minimum_free_bytes": 0},
        openid=openid,
        audit=AuditSettings(repository="tls://127.0.0.1:9"),
    )
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        registry.users.add("admin", Role.ADMIN, "", one_time=False, actor="test")
        (port,) = free_ports(1)
        app = make_site(settings, registry, Spool(tmp_path), lambda: None)
        config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield registry, f"http://localhost:{port}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def page(installation):
    with sync_playwright() as playwright:
        program = find_program("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, base_url=installation[1]
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def test_browser_logs_in_there_and_out_there(page, provider, installation):
    """The provider is another site (another host): what is strict about our cookies shows."""
    registry, address = installation
    page.goto("/quality")
    page.get_by_role("link", name="Log in with the hospital account").click()
    page.wait_for_url("**/quality")
    expect(page.get_by_text("kate.reader")).to_be_visible()
    assert registry.users.get("kate.reader").role is Role.READER
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    (asked,) = provider.logged_out
    assert asked["post_logout_redirect_uri"] == f"{address}/login"
    page.goto("/")
    expect(page.get_by_role("button", name="Log in with an account of this system")).to_be_visible()
    provider.person = {**provider.person, "groups": []}
    page.get_by_role("link", name="Log in with the hospital account").click()
    expect(page.get_by_role("alert")).to_contain_text("none of your groups has a role here")
