"""How fast the worklist is with ten thousand studies: pages, updates, and event to screen.

``python -m tests.benchmarks.worklist_pages [--studies 10000]`` on a quiet machine. Everything is
measured through HTTP on a real port with a SQLite registry: the page as a browser loads it, the
rows as htmx fetches them, a search, a page deep in the list, what is asked for open pages,
a study's page, the quality page, and the time from a committed change to the event in an open page.
"""

import argparse
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from argon2 import PasswordHasher
from sqlalchemy import insert

from plugin.demo.stage import free_ports
from plugin.domain.access import Role
from plugin.domain.quality.figures import QUANTITIES
from plugin.registry import Registry
from plugin.registry.quality_tables import result_figures, study_origins
from plugin.registry.tables import deliveries, destinations, jobs, result_objects, studies
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.server import make_site

PASSWORD = "correct horse battery"
N_REPEATS = 20
N_EVENTS = 8
_CHUNK = 2000


def fill(registry, n_studies):
    """Write studies with a result, three objects and their deliveries each."""
    now = datetime.now(UTC)
    database = registry.worklist._database
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    with database.read() as connection:
        destination_id = connection.execute(destinations.select()).one().id
    for first in range(0, n_studies, _CHUNK):
        numbers = range(first, min(first + _CHUNK, n_studies))
        with database.write() as connection:
            connection.execute(insert(studies), [_study(n, now) for n in numbers])
            connection.execute(insert(jobs), [_job(n, now) for n in numbers])
            connection.execute(insert(study_origins), [_origin(n) for n in numbers])
            connection.execute(insert(result_figures), [_figures(n, now) for n in numbers])
            objects = [_object(n, kind) for n in numbers for kind in range(3)]
            connection.execute(insert(result_objects), objects)
            sent = [_delivery(item, destination_id, now) for item in objects]
            connection.execute(insert(deliveries), sent)


def _study(n, now):
    at = now - timedelta(minutes=n)
    return {
        "id": n + 1,
        "study_instance_uid": f"1.2.840.{n}",
        "state": "COMPLETE",
        "patient_name": f"Family{n % 3000}^Given{n % 700}",
        "patient_id": f"P{n % 8000}",
        "accession_number": f"A{n}",
        "study_date": "20261122",
        "description": "MR heart",
        "calling_ae_title": "PACS",
        "first_received_at": at,
        "receiving_since": at,
        "last_received_at": at,
        "completed_at": at,
        "n_instances": 250,
        "n_bytes": 1,
        "revision": 250,
        "generation": 1,
        "needs_person": False,
        "order_urgency": 1 + (n % 50 == 0),
        "policy_urgency": 0,
    }


def _job(n, now):
    return {
        "id": f"00000000-0000-0000-0000-{n:012d}",
        "study_id": n + 1,
        "generation": 1,
        "state": "REPORTED",
        "fence": 1,
        "automatic": True,
        "created_at": now,
        "hinted_at": now,
        "reported_at": now,
        "triage_urgency": 2 if n % 20 == 0 else 0,
        "wants_review": False,
        "summary": {"lvef_percent": 30.0 + n % 40, "lvedv_ml": 150.0, "finding": "A finding. " * 6},
    }


def _origin(n):
    scanner = ("GENERATED One", "GENERATED Two")[n % 2]
    return {"study_id": n + 1, "site": "Generated", "scanner": scanner, "field_strength_t": 1.5}


def _figures(n, now):
    return {
        "job_id": f"00000000-0000-0000-0000-{n:012d}",
        # Over half a year, as the quality page shows it.
        "at": now - timedelta(days=180) * (n / 10_000),
        "seconds_to_result": 60.0 + n % 100,
        "level": "ROUTINE",
        "wants_review": False,
        "measured": {one.key: 1.0 + n % 37 for one in QUANTITIES},
        "notes": [],
        "group": "normal",
        "confidence_percent": 80,
        "bundle": "generated 1",
    }


def _object(n, kind):
    return {
        "id": 3 * n + kind + 1,
        "job_id": f"00000000-0000-0000-0000-{n:012d}",
        "kind": ("sr", "summary", "contours")[kind],
        "sop_class_uid": "1.2",
        "sop_instance_uid": f"1.2.3.{n}.{kind}",
        "series_instance_uid": "1.2",
        "path": f"/nowhere/{n}/{kind}.dcm",
        "sha256": "0" * 64,
        "n_bytes": 1,
    }


def _delivery(item, destination_id, now):
    return {
        "job_id": item["job_id"],
        "destination_id": destination_id,
        "destination_name": "archive",
        "object_id": item["id"],
        "state": "CONFIRMED",
        "next_attempt_at": now,
        "created_at": now,
        "sent_at": now,
    }


def measure(name, act):
    """Print median and worst wall time of repeated calls, in ms."""
    act()
    times = []
    for _ in range(N_REPEATS):
        started = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - started))
    print(f"{name:<44} median {statistics.median(times):7.1f} ms   worst {max(times):7.1f} ms")


def run(n_studies):
    """Fill, serve, measure."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            spool={"folder": Path(folder) / "spool", "minimum_free_bytes": 0},
            operation={"mode": "live"},
        )
        spool = Spool(settings.spool.folder)
        with Registry(settings.registry_url) as registry:
            registry.migrate()
            started = time.perf_counter()
            fill(registry, n_studies)
            print(f"{n_studies} studies written in {time.perf_counter() - started:.1f} s")
            hashed = PasswordHasher().hash(PASSWORD)
            registry.users.add("reader", Role.READER, hashed, one_time=False, actor="bench")
            (port,) = free_ports(1)
            app = make_site(settings, registry, spool, lambda: None)
            server = uvicorn.Server(
                uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
            )
            threading.Thread(target=server.run, daemon=True).start()
            while not server.started:
                time.sleep(0.05)
            measure("pulse, asked ten times a second", registry.worklist.pulse)
            measure("stamp, asked after a pulse", registry.worklist.stamp)
            pages(registry, f"http://127.0.0.1:{port}")
            server.should_exit = True


def pages(registry, address):
    """Measure what a browser asks for, then how fast an open page hears of a change."""
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True) as client:
        text = client.post("/login", data={"name": "reader", "password": PASSWORD}).text
        form = {"csrf": text.split('data-csrf="')[1][:64]}
        headers = {"HX-Request": "true"}

        def rows(**more):
            return client.post("/", data={**form, **more}, headers=headers).raise_for_status()

        cursor = ""
        for _ in range(20):
            cursor = rows(goto=cursor).text.split('name="goto" value="')[-1].partition('"')[0]
        measure("worklist page (50 rows)", lambda: client.get("/").raise_for_status())
        measure("rows after an event", rows)
        measure("rows of the 21st page", lambda: rows(goto=cursor))
        measure("search for a name", lambda: rows(words="family29"))
        measure("promoted only", lambda: rows(promoted="on"))
        measure("all, newest first", lambda: rows(shown="all", order="newest"))
        measure("page of a study", lambda: client.get("/studies/5").raise_for_status())
        measure("quality page, 26 weeks", lambda: client.get("/quality").raise_for_status())
        with client.stream("GET", "/events") as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("event"))
            next(lines)
            time.sleep(1.5)
            delays = []
            for number in range(N_EVENTS):
                started = time.perf_counter()
                registry.readings.claim(number + 1, "reader")
                next(lines)
                delays.append(time.perf_counter() - started)
                time.sleep(0.37)
        worst = max(delays)
        print(f"event to page: median {statistics.median(delays):.2f} s, worst {worst:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10_000)
    run(parser.parse_args().studies)
