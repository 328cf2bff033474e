"""The pages in a real browser: logging in, a list that follows, a cine that plays, by keyboard."""

import threading

import pytest
import uvicorn
from argon2 import PasswordHasher
from playwright.sync_api import expect, sync_playwright

from plugin.demo.stage import free_ports
from plugin.domain.access import Role
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.server import make_site
from tests.generated import TruthSegmenter, small_cine, write_small_study
from tests.plugin.web.conftest import PASSWORD, receive
from tests.programs import find_program
from tests.worker.test_tasks import receive as receive_images
from worker.tasks import Analyst

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
HOSTILE = "<img src=x onerror=document.title='broken'>"


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """One analysed study, one with a hostile name, and the pages on a port."""
    folder = tmp_path_factory.mktemp("pages")
    settings = Settings(
        spool={"folder": folder / "spool", "minimum_free_bytes": 0}, operation={"mode": "live"}
    )
    spool = Spool(settings.spool.folder)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        registry.users.add("reader", Role.READER, weak, one_time=False, actor="test")
        job = receive_images(registry, write_small_study(folder / "images"))
        segmenter = TruthSegmenter(small_cine())
        Analyst(settings, registry, spool, segmenter, "test").analyse(job.id)
        receive(registry, uid="1.2.840.99", patient_name=HOSTILE, description=HOSTILE)
        (port,) = free_ports(1)
        app = make_site(settings, registry, spool, lambda: None)
        config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield registry, job.study_id, f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def browser():
    program = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, installation):
    """Give a page of a hospital PC whose reader is logged in; it may not complain of anything."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, reduced_motion="reduce", base_url=installation[2]
    )
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.set_default_timeout(30_000)
    page.goto("/login")
    page.fill("#name", "reader")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    yield page
    assert complaints == []
    context.close()


def test_list_follows_what_arrives_without_being_loaded_again(page, installation):
    registry, *_ = installation
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.sameDocument = true")
    receive(registry, uid="1.2.840.7", patient_name="Late^Comer")
    expect(page.get_by_text("Late, Comer")).to_be_visible()
    page.fill("#words", "comer")
    expect(page.locator("a.open")).to_have_count(1)
    registry.studies.purge(registry.studies.get("1.2.840.7").id, "test")
    expect(page.locator("a.open")).to_have_count(0)
    assert page.evaluate("window.sameDocument") is True
    assert "comer" not in page.url


def test_hostile_names_are_text(page):
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert page.title() == "Worklist · cmr-triage"


def test_list_is_used_by_keyboard_and_fits_the_screen(page, installation):
    page.keyboard.press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("a.open").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


COUNT = """() => {
  const canvas = document.getElementById('frame');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let coloured = 0, grey = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (Math.abs(data[i] - data[i + 2]) > 60) coloured++;
    else if (data[i] > 60) grey++;
  }
  return [coloured, grey];
}"""


def drawn(page):
    """Return how many pixels of the cine are coloured (contours) and how many are grey."""
    return page.evaluate(COUNT)


def test_cine_plays_and_its_contours_can_be_switched_off(page, installation):
    page.goto(f"/studies/{installation[1]}")
    page.wait_for_selector("#cine[data-ready]")
    at_ed, grey = drawn(page)
    assert at_ed > 1000
    assert grey > 10_000
    page.get_by_label("Contours", exact=True).click()
    assert drawn(page)[0] == 0
    page.get_by_label("Contours", exact=True).click()
    assert drawn(page)[0] > 1000
    page.get_by_role("button", name="ES", exact=True).click()
    expect(page.locator("#phase-words")).to_contain_text("ES")
    assert 500 < drawn(page)[0] < at_ed, "the ventricles are smaller at end-systole"
    page.locator("#frame").press(" ")
    expect(page.locator("#play")).to_have_text("Pause")
    before = page.locator("#phase").input_value()
    expect(page.locator("#phase")).not_to_have_value(before)
    page.locator("#frame").press(" ")
    page.locator("#frame").press("m")
    expect(page.locator("#slice-label")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_study_is_claimed_and_corrected(page, installation):
    registry, study_id, _ = installation
    page.goto(f"/studies/{study_id}")
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("claimed by reader")).to_be_visible()
    page.get_by_label("I correct it").check()
    page.fill("[name=lvef_percent]", "58")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("LVEF 58 %")).to_be_visible()
    page.get_by_role("button", name="Mark as read").click()
    assert registry.readings.get(study_id).read_by == "reader"
    page.get_by_role("button", name="Mark as unread").click()
    expect(page.get_by_role("button", name="Claim")).to_be_visible()
