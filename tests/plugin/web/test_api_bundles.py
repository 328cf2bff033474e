"""Model bundles through the interface: uploaded, verified, activated, rolled back, removed."""

import pytest

from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.request import RequestKind
from tests.plugin.web.test_api import API
from tests.plugin.web.test_api_administration import Admin

FACTS = {"licence": "CC0-1.0", "intended_use": "tests", "training_data": "none"}


@pytest.fixture
def program(app, registry):
    return Admin(app, registry)


@pytest.fixture
def one(registry):
    return registry.bundles.verified("d" * 64, "tower", "1.0", "/nowhere", FACTS, "test")


def test_bundle_is_verified_activated_and_rolled_back(program, one):
    before = program.get("/bundles").json()
    assert (before["in_force"], before["history"]) == (None, [])
    facts = before["bundles"][0]["facts"]
    assert (facts["licence"], facts["permits"]) == ("CC0-1.0", "commercial use too")
    asked = program.post(f"/bundles/{one.id}/verify")
    assert (asked.status_code, asked.json()["kind"]) == (202, "bundle.verify")
    answer = program.post(f"/bundles/{one.id}/activate", {"expected_id": 0}).json()
    assert (answer["in_force"], answer["bundles"][0]["is_intact"]) == (one.id, True)
    assert program.post(f"/bundles/{one.id}/activate", {"expected_id": 0}).status_code == 409
    assert program.post("/bundles/rollback", {}).json()["in_force"] is None
    program.post(f"/bundles/{one.id}/activate", {})
    answer = program.post("/bundles/of-settings", {}).json()
    assert [line["label"] for line in answer["history"]] == [None, "tower 1.0", None, "tower 1.0"]
    assert program.post("/bundles/99/activate", {}).status_code == 404


def test_bundle_is_uploaded_and_a_worker_asked(program, registry, spool, monkeypatch):
    zipped = {"Content-Type": "application/zip"}
    asked = program.http.post(f"{API}/bundles", content=b"PK-bytes", headers=zipped)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    request = registry.requests.take([RequestKind.INSTALL_BUNDLE], "worker")
    assert (request.id, request.asked_by) == (asked.json()["id"], "admin")
    assert spool.upload(request.asked["upload"]).read_bytes() == b"PK-bytes"
    monkeypatch.setattr("plugin.web.administration.upload.MAXIMUM_UPLOAD_BYTES", 4)
    large = program.http.post(f"{API}/bundles", content=b"12345", headers=zipped)
    assert (large.status_code, large.json()["detail"]) == (413, "The request is too large.")
    assert len(list(spool.uploads.iterdir())) == 1


def test_bundle_is_removed_unless_it_is_needed(program, registry, one):
    other = registry.bundles.verified("e" * 64, "tower", "2.0", "/nowhere", FACTS, "test")
    registry.bundles.activate(other.id, "test")
    needed = {
        line["version"]: line["is_needed"] for line in program.get("/bundles").json()["bundles"]
    }
    assert needed == {"1.0": False, "2.0": True}
    refused = program.delete(f"/bundles/{other.id}")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith(SENTENCES[Reason.BUNDLE_IN_USE])
    asked = program.delete(f"/bundles/{one.id}")
    assert (asked.status_code, asked.json()["kind"]) == (202, "bundle.remove")
    assert program.delete("/bundles/99").status_code == 404


def test_only_an_admin_changes_bundles(app, registry, spool):
    reader = Admin(app, registry, "reader")
    assert reader.http.post(f"{API}/bundles", content=b"PK").status_code == 403
    assert reader.delete("/bundles/1").status_code == 403
    assert list(spool.uploads.iterdir()) == []
