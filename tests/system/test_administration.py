"""The administration in a real browser: each main control once, as an administrator uses it."""

import threading
import time
import zipfile

import pytest
import uvicorn
from argon2 import PasswordHasher
from playwright.sync_api import expect, sync_playwright

from dicom_node.requests import make_desk as make_delivery_desk
from plugin.demo.stage import free_ports
from plugin.domain.access import Role
from plugin.domain.job import DeliveryState
from plugin.domain.triage import default_policy_text
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.administration.routes import CARDS
from plugin.web.server import make_site
from tests.plugin.web.administered import draw_administration
from tests.plugin.web.conftest import PASSWORD
from tests.programs import find_program
from tests.worker.bundle.small_bundle import write_small_bundle
from worker.requests import make_desk as make_worker_desk

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def registry(tmp_path):
    """Serve the pages, and both processes that answer what they ask."""
    settings = Settings(
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0},
        operation={"mode": "live"},
        worker={"language_model": False, "threads": 1},
        delivery={"connection_timeout_seconds": 2},
    )
    spool = Spool(settings.spool.folder)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        registry.users.add("admin", Role.ADMIN, weak, one_time=False, actor="test")
        draw_administration(registry, spool)
        (port,) = free_ports(1)
        app = make_site(settings, registry, spool, lambda: None)
        config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        registry.address = f"http://127.0.0.1:{port}"
        with (
            make_delivery_desk(settings, registry),
            make_worker_desk(settings, registry, spool, "test:1", dict),
        ):
            yield registry
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def page(registry):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1366, "height": 768}, base_url=registry.address)
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto("/login")
        page.fill("#name", "admin")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url("**/")
        yield page
        assert complaints == []
        browser.close()


def go(page, title):
    page.locator(".tabs").get_by_role("link", name=title, exact=True).click()
    expect(page.locator(".tabs a[aria-current]")).to_have_text(title)


def test_administrator_uses_every_main_control(page, registry, tmp_path):
    page.goto("/administration")
    for card in CARDS:
        go(page, card.title)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), card.title

    go(page, "Peers")
    page.get_by_role("button", name="Allow MR15T from 10.1.4.21").click()
    expect(page.get_by_label("Address of MR15T")).to_have_value("10.1.4.21")
    page.get_by_label("Address of MR15T").fill("127.0.0.1")
    page.get_by_label("Port of MR15T").fill("1")
    page.get_by_label("Port of MR15T").press("Enter")
    expect(page.get_by_label("Port of MR15T")).to_have_value("1")
    page.get_by_role("button", name="C-ECHO: MR15T").click()
    expect(page.locator("#answer")).to_contain_text("ask for firewalls")

    go(page, "Queue and workers")
    page.get_by_role("button", name="Choose all shown").click()
    page.get_by_role("button", name="Send chosen again").click()
    expect(page.get_by_text("1 of 1 objects wait to be sent again")).to_be_visible()
    assert registry.deliveries.list(states=[DeliveryState.DEAD]) == []

    try_policies(page, registry, tmp_path)
    install_a_bundle(page, registry, tmp_path)

    go(page, "What would happen?")
    page.get_by_label("Study UID, accession number or patient ID").fill("P-2")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_contain_text("The images were deleted")
    assert "P-2" not in page.url

    go(page, "Overview")
    page.get_by_role("button", name="Take back: bundle.activate").first.click()
    expect(page.get_by_text("model bundle phantom-unet 1.2.0")).to_be_visible()
    page.get_by_role("button", name="Switch everything off").click()
    expect(page.get_by_text("Everything is switched off.")).to_be_visible()
    assert registry.switches.state().everything_is_off


def try_policies(page, registry, tmp_path):
    """Open a broken file, see its lines; open a good one, simulate and activate it."""
    go(page, "Triage policy")
    broken, good = tmp_path / "broken.toml", tmp_path / "good.toml"
    text = default_policy_text().replace('version = "', 'version = "next-', 1)
    good.write_text(text)
    broken.write_text(text.replace("lv_ejection_fraction", "lv_ejektion_fraction"))
    page.locator("input[type=file]").set_input_files(broken)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("did you mean")
    page.locator("input[type=file]").set_input_files(good)
    page.get_by_role("button", name="Check and simulate").click()
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#h-policy")).to_contain_text("next-")
    assert registry.policies.current().text == text


def install_a_bundle(page, registry, tmp_path):
    """Upload an archive; a worker verifies it; only then it is activated."""
    made, archive = tmp_path / "made", tmp_path / "bundle.zip"
    write_small_bundle(made)
    with zipfile.ZipFile(archive, "w") as written:
        for path in made.rglob("*"):
            if path.is_file():
                written.write(path, path.relative_to(made).as_posix())
    go(page, "Model bundles")
    page.get_by_label("Archive of a bundle (zip)").set_input_files(archive)
    page.get_by_role("button", name="Upload and verify").click()
    expect(page.locator("#answer")).to_contain_text("small 1.0.0 is intact")
    page.get_by_role("link", name="show it").click()
    page.get_by_role("button", name="Activate: small 1.0.0").click()
    expect(page.get_by_text("The next analysis uses small 1.0.0")).to_be_visible()
    assert registry.bundles.in_force().name == "small"
