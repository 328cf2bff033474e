"""Operation through the interface: queue, processes, analyses, quarantine, storage, dry runs."""

from datetime import UTC, datetime

import pytest

from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.request import RequestKind
from tests.plugin.web.administered import LOOK, draw_administration
from tests.plugin.web.conftest import receive, report
from tests.plugin.web.test_api import API
from tests.plugin.web.test_api_administration import Admin


@pytest.fixture
def program(app, registry):
    return Admin(app, registry)


@pytest.fixture
def drawn(registry, spool):
    """Draw the installation that the pages are drawn with; return the id of its dry run."""
    return draw_administration(registry, spool)


def test_queue_processes_and_failures_are_told(program, registry, drawn):
    queue = program.get("/queue").json()
    assert (queue["jobs"]["REPORTED"], queue["jobs"]["FAILED"]) == (1, 1)
    assert queue["n_objects_given_up"] == 1
    study = receive(registry, "1.2.840.3")
    job = registry.studies.mark_complete(study.id, revision=study.revision)
    registry.jobs.claim(job.id, "gpu1:512", 60)
    deliver, worker = program.get("/processes").json()["processes"]
    assert (deliver["kind"], worker["facts"]["bundle"]) == ("deliver", "phantom-unet 1.2.0")
    assert worker["is_alive"]
    assert [one["study_id"] for one in worker["works_on"]] == [study.id]
    (failed,) = program.get("/jobs?state=FAILED").json()["jobs"]
    assert failed["why"] == SENTENCES[Reason.HEART_NOT_FOUND]


def test_jobs_come_in_pages_that_join(program, registry, spool):
    studies = [receive(registry, f"1.2.840.{number}") for number in range(3)]
    expected = [report(registry, spool, study).id for study in studies][::-1]
    first = program.get("/jobs?limit=2").json()
    second = program.get(f"/jobs?limit=2&before_id={first['next']}").json()
    assert [one["id"] for one in first["jobs"] + second["jobs"]] == expected
    assert second["next"] is None
    one = program.get(f"/jobs?study_id={studies[0].id}").json()["jobs"]
    assert [job["id"] for job in one] == expected[2:]
    nobody = "00000000-0000-0000-0000-000000000000"
    assert program.get(f"/jobs?before_id={nobody}").status_code == 404


def test_quarantine_comes_in_pages_that_join(program, registry):
    for number in range(3):
        registry.studies.quarantine_add(
            f"/q/{number}", Reason.NOT_DICOM, "SCANNER", datetime.now(UTC)
        )
    first = program.get("/quarantine?limit=2").json()
    second = program.get(f"/quarantine?limit=2&before_id={first['next']}").json()
    assert [one["id"] for one in first["files"] + second["files"]] == [3, 2, 1]
    assert first["files"][0]["why"] == SENTENCES[Reason.NOT_DICOM]
    assert "/q/" not in str(first)


def test_storage_says_what_lies_here_and_what_goes(program, drawn):
    shown = program.get("/storage").json()
    assert shown["free_bytes"] <= shown["total_bytes"]
    assert shown["image_bytes"] == 1 + 180 * 2**20
    assert set(shown["by_state"]) >= {"RECEIVING", "COMPLETE"}
    assert (shown["due"], shown["n_due"]) == ([], 0)


def test_dry_run_is_asked_for_and_says_what_would_happen(program, registry):
    registry.destinations.add("archive", ae_title="P", host="h", port=104, objects=("sr",))
    study = receive(registry)
    asked = program.post(f"/studies/{study.id}/dry-run")
    assert asked.status_code == 202
    path = f"/dry-runs/{asked.json()['id']}"
    assert program.get(path).json()["prospect"] is None
    request = registry.requests.take([RequestKind.LOOK_AT_STUDY], "worker")
    registry.requests.answer(request.id, LOOK)
    prospect = program.get(path).json()["prospect"]
    assert (prospect["study_id"], prospect["suggested"]) == (study.id, "")
    assert prospect["seen"]["series"][0]["role"] == "short_axis_cine"
    assert prospect["gets"] == [{"name": "archive", "kinds": ["sr"], "why_not": ""}]
    assert {one["truth"] for one in prospect["rules"]} <= {"not measured", "not met"}
    assert not prospect["is_measured"]
    echo = registry.requests.ask(RequestKind.ECHO_PEER, {}, "admin", "peer X")
    assert program.get(f"/dry-runs/{echo.id}").status_code == 404
    assert program.post("/studies/99/dry-run").status_code == 404


def test_dry_run_of_uploaded_images(program, registry):
    zipped = {"Content-Type": "application/zip"}
    where = f"{API}/dry-runs?order_priority=STAT"
    asked = program.http.post(where, content=b"PK-bytes", headers=zipped)
    assert (asked.status_code, asked.json()["kind"]) == (202, "upload.look")
    request = registry.requests.take([RequestKind.LOOK_AT_UPLOAD], "worker")
    registry.requests.answer(request.id, LOOK)
    prospect = program.get(f"/dry-runs/{request.id}").json()["prospect"]
    assert (prospect["study_id"], prospect["seen"]["n_phases"]) == (None, 25)
    assert prospect["sentence"]
    assert prospect["is_first"]


def test_what_a_destination_taught_is_forgotten(program, registry, drawn):
    archive = registry.destinations.get("archive")
    before = program.get(f"/destinations/{archive.id}").json()
    assert before["confirms_by"] == "commitment"
    after = program.post(f"/destinations/{archive.id}/forget").json()
    assert (after["confirms_by"], after["n_open_commitments"]) == (None, 0)
    entry = registry.audit.list(1)[0]
    assert (entry.action, entry.subject) == ("destination.forget", "destination archive")


def test_peers_tell_what_they_sent_within_a_day(program, drawn):
    peers = {one["ae_title"]: one["last_day"] for one in program.get("/peers").json()["peers"]}
    assert peers["ARCHIVE1"] == {"n_associations": 2, "n_aborted": 0, "n_images": 586}
    assert peers["MR3T"]["n_images"] == 0


@pytest.mark.parametrize("role", ["reader", "technologist", "auditor"])
def test_only_an_admin_sees_operation(app, registry, role):
    somebody = Admin(app, registry, role)
    for path in ("/queue", "/processes", "/jobs", "/quarantine", "/storage", "/dry-runs/1"):
        assert somebody.get(path).status_code == 403, path
    assert somebody.post("/studies/1/dry-run").status_code == 403
