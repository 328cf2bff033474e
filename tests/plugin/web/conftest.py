"""One installation with its pages, and people who are logged in to them."""

import re
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from plugin.domain.access import Role
from plugin.registry import IndexedInstance, PublishedResult, Registry, ResultObject
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.web.server import make_site

BASE = "http://127.0.0.1:8480"
PASSWORD = "correct horse battery"
SUMMARY = {
    "lvef_percent": 31.4,
    "lvedv_ml": 250.2,
    "rvef_percent": None,
    "lv_mass_g": 130.0,
    "finding": "Severely reduced LV ejection fraction.",
    "priority": "URGENT",
    "priority_reason": "because",
}


class Person:
    """Somebody with a browser: keeps cookies, sends the token of the page as its forms do."""

    def __init__(self, app, name=None, client=("127.0.0.1", 50000)):
        self.name = name
        self.http = TestClient(app, base_url=BASE, follow_redirects=False, client=client)
        if name is not None:
            answer = self.http.post("/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text

    @property
    def csrf(self):
        return re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/account").text)[1]

    def get(self, path, **more):
        return self.http.get(path, **more)

    def post(self, path, form=None, **more):
        return self.http.post(path, data={"csrf": self.csrf, **(form or {})}, **more)

    def rows(self, **form):
        """Return the list as htmx fetches it."""
        return self.post("/", form, headers={"HX-Request": "true"}).text


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """Real argon2id, as weak as it can be: a test logs in often."""
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("plugin.accounts.PasswordHasher", lambda: weak)


@pytest.fixture
def settings(tmp_path):
    return Settings(
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0}, operation={"mode": "live"}
    )


@pytest.fixture
def spool(settings):
    return Spool(settings.spool.folder)


@pytest.fixture
def registry(settings, spool):
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        for role in Role:
            registry.users.add(role.value, role, weak, one_time=False, actor="test")
        yield registry


@pytest.fixture
def queue():
    """Say whether the queue answers."""
    return {"error": None}


@pytest.fixture
def app(settings, registry, spool, queue):
    def ask():
        if queue["error"] is not None:
            raise queue["error"]

    return make_site(settings, registry, spool, ask)


@pytest.fixture
def anybody(app):
    return Person(app)


@pytest.fixture
def reader(app):
    return Person(app, "reader")


@pytest.fixture
def admin(app):
    return Person(app, "admin")


def receive(registry, uid="1.2.840.1", **changes):
    values = {
        "study_instance_uid": uid,
        "series_instance_uid": f"{uid}.1",
        "sop_instance_uid": f"{uid}.1.1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": "MR",
        "path": "/nowhere",
        "sha256": "0" * 64,
        "n_bytes": 1,
        "received_at": datetime.now(UTC),
        "calling_ae_title": "PACS",
        "patient_id": "P-1",
        "patient_name": "Doe^Jane",
        "description": "MR heart",
    }
    registry.studies.add_instances([IndexedInstance(**(values | changes))])
    return registry.studies.get(uid)


def report(registry, spool, study, summary=SUMMARY, figures=None, decision=None):
    job = registry.studies.mark_complete(study.id, revision=study.revision)
    claimed = registry.jobs.claim(job.id, "test", 60)
    folder = spool.result_folder(job.id, claimed.fence)
    (folder / "summary.dcm").write_bytes(b"dicom")
    (folder / "summary.png").write_bytes(b"\x89PNG picture")
    (folder / "viewer").mkdir()
    (folder / "viewer" / "viewer.json").write_text("{}")
    (folder / "secret.json").write_text("{}")
    item = ResultObject(
        "summary", "1.2", f"1.2.3.{study.id}", "1.2.4", str(folder / "summary.dcm"), "0", 5
    )
    result = PublishedResult((item,), "d", summary, figures=figures, decision=decision)
    assert registry.jobs.publish(job.id, claimed.fence, result)
    return job
