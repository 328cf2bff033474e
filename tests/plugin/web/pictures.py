"""Pictures of the pages for ``docs/images``, taken in Chromium at the size of a hospital's PC.

``python -m tests.plugin.web.pictures --demo URL --password P`` photographs a running demo
(``cmr-triage demo --keep``, account ``demo``); without ``--demo`` only what is drawn: the quality
page of a long record (no four studies of a demo make figures of quality), and the administration
of a hospital's installation. Look at every picture before it goes in. ``docs/screens.md`` shows
them all.
"""

import argparse
import tempfile
import threading
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import uvicorn
from argon2 import PasswordHasher
from PIL import Image
from playwright.sync_api import sync_playwright

from plugin.demo.stage import free_ports
from plugin.domain.access import Role
from plugin.registry import Registry
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.administration.routes import CARDS
from plugin.web.server import make_site
from tests.plugin.web.administered import draw_administration
from tests.plugin.web.drawn_record import draw_record
from tests.programs import find_program

OUT = Path(__file__).parents[3] / "docs" / "images"
_PASSWORD = "correct horse battery"
_N_STUDIES = 1800
_MAXIMUM_HEIGHT = 2400
"""Of a picture, in pixels; what is below is cut."""
_VIEWER_LOADS_MS = 4000
_N_COLOURS = 128
"""Of a picture; flat pages lose nothing that can be seen."""
_DEMO_PAGES = {
    "login": "/login",
    "worklist": "/",
    "study": "/",
    "users": "/users",
    "audit": "/audit",
    "account": "/account",
}


@contextmanager
def drawn_site(role, draw):
    """Serve the pages over what ``draw`` puts into registry and spool; yields address, drawn."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            spool={"folder": Path(folder) / "spool", "minimum_free_bytes": 0},
            operation={"mode": "live"},
        )
        spool = Spool(settings.spool.folder)
        with Registry(settings.registry_url) as registry:
            registry.migrate()
            hashed = PasswordHasher().hash(_PASSWORD)
            registry.users.add(role.value, role, hashed, one_time=False, actor="pictures")
            drawn = draw(registry, spool)
            (port,) = free_ports(1)
            config = uvicorn.Config(
                make_site(settings, registry, spool, lambda: None),
                port=port,
                log_config=None,
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", drawn
            server.should_exit = True
            thread.join(10)


def photograph(address, user, password, pages, out):
    """Log in and save a picture of every page."""
    with sync_playwright() as playwright:
        program = find_program("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": 1366, "height": 768}, reduced_motion="reduce", base_url=address
        )
        page.goto("/login")
        page.fill("#name", user)
        page.fill("#password", password)
        page.press("#password", "Enter")
        page.wait_for_load_state("networkidle")
        for name, where in pages.items():
            page.goto(where)
            if name == "study":
                page.locator("main a[href^='/studies/']").first.click()
                page.wait_for_url("**/studies/*")
                page.evaluate("scrollTo(0, document.body.scrollHeight)")
                page.wait_for_timeout(_VIEWER_LOADS_MS)
                page.evaluate("scrollTo(0, 0)")
            page.wait_for_load_state("load")
            size = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
            shown = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], _MAXIMUM_HEIGHT)}
            taken = page.screenshot(full_page=True, clip=shown)
            with Image.open(BytesIO(taken)) as picture:
                small = picture.convert("RGB").quantize(_N_COLOURS, dither=Image.Dither.NONE)
                small.save(out / f"{name}.png", optimize=True)
        browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", help="address of a running demo")
    parser.add_argument("--password", help="of its account demo")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.demo:
        photograph(given.demo, "demo", given.password, _DEMO_PAGES, given.out)
    with drawn_site(Role.READER, lambda registry, _: draw_record(registry, _N_STUDIES)) as site:
        photograph(site[0], "reader", _PASSWORD, {"quality": "/quality"}, given.out)
    with drawn_site(Role.ADMIN, draw_administration) as (address, asked):
        pages = {"administration": "/administration", "orders": "/orders"}
        pages |= {card.key: f"/administration/{card.key}" for card in CARDS[1:]}
        pages["dry-run"] = f"/administration/dry-run?asked={asked}"
        photograph(address, "admin", _PASSWORD, pages, given.out)


if __name__ == "__main__":
    main()
