import errno
import json
import socket
import subprocess
import time
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from plugin.domain.errors import SENTENCES, ConfigurationError, Reason, TransientError
from plugin.registry import IndexedInstance, PublishedResult, Registry, ResultObject
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.supervisor import command_of, environment
from plugin.web.server import is_this_machine, listen, make_site
from plugin.web.status import PROCESSES_NAME, process_lights

NASTY = "<script>alert('x')</script>"


@pytest.fixture
def settings(tmp_path):
    return Settings(spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0})


@pytest.fixture
def spool(settings):
    return Spool(settings.spool.folder)


@pytest.fixture
def registry(settings, spool):
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        yield registry


@pytest.fixture
def queue():
    """Say whether the queue answers."""
    return {"error": None}


@pytest.fixture
def page(settings, registry, spool, queue):
    def ask():
        if queue["error"] is not None:
            raise queue["error"]

    site = make_site(settings, registry, spool, ask)
    return TestClient(site, base_url="http://127.0.0.1:8480")


def receive(registry, uid="1.2.840.1", patient_id="P-1", description="MR heart"):
    now = datetime.now(UTC)
    registry.studies.add_instances(
        [
            IndexedInstance(
                study_instance_uid=uid,
                series_instance_uid=f"{uid}.1",
                sop_instance_uid=f"{uid}.1.1",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                modality="MR",
                path="/nowhere",
                sha256="0" * 64,
                n_bytes=1,
                received_at=now,
                calling_ae_title="PACS",
                patient_id=patient_id,
                description=description,
            )
        ]
    )
    return registry.studies.get(uid)


def report(registry, spool, study, summary):
    job = registry.studies.mark_complete(study.id, revision=study.revision)
    claimed = registry.jobs.claim(job.id, "test", 60)
    folder = spool.result_folder(job.id, claimed.fence)
    (folder / "summary.dcm").write_bytes(b"dicom")
    (folder / "summary.png").write_bytes(b"\x89PNG picture")
    item = ResultObject("summary", "1.2", "1.2.3", "1.2.4", str(folder / "summary.dcm"), "0", 5)
    assert registry.jobs.publish(job.id, claimed.fence, PublishedResult((item,), "d", summary))
    return job


SUMMARY = {
    "lvef_percent": 31.4,
    "lvedv_ml": 250.2,
    "rvef_percent": None,
    "lv_mass_g": 130.0,
    "finding": "Severely reduced LV ejection fraction.",
    "priority": "URGENT",
    "priority_reason": "because",
}


def test_page_is_marked_as_not_verified_and_says_how_to_begin(page):
    answer = page.get("/")
    assert answer.status_code == 200
    assert "not verified by a physician" in answer.text
    assert "CMRTRIAGE" in answer.text
    assert "cmr-triage peer add" in answer.text


def test_page_shows_numbers_priority_and_deliveries_of_a_reported_study(page, registry, spool):
    registry.destinations.add("archive", ae_title="PACS", host="127.0.0.1", port=104)
    job = report(registry, spool, receive(registry), SUMMARY)
    text = page.get("/").text
    for shown in ("P-1", "31 %", "250 ml", "130 g", "URGENT", "Severely reduced", "0 of 1"):
        assert shown in text
    assert f"/jobs/{job.id}/summary.png" in text
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.sent(delivery.id)
    assert "1 of 1" in page.get("/").text


def test_page_says_why_a_study_is_not_analysed(page, registry):
    study = receive(registry)
    registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC, revision=study.revision)
    text = page.get("/").text
    assert "not analysed" in text
    assert SENTENCES[Reason.NOT_CARDIAC] in text


def test_page_shows_refused_associations_with_the_title_that_was_used(page, registry):
    registry.associations.rejected("STRANGER", "CMRTRIAG", "10.0.0.9", Reason.WRONG_CALLED_AE_TITLE)
    text = page.get("/").text
    for shown in ("STRANGER", "CMRTRIAG", "10.0.0.9"):
        assert shown in text


def test_page_shows_quarantine(page, registry):
    registry.studies.quarantine_add("/x/bad.dcm", Reason.NOT_DICOM, "PACS", datetime.now(UTC))
    text = page.get("/").text
    assert "bad.dcm" in text
    assert "/x/" not in text
    assert SENTENCES[Reason.NOT_DICOM] in text


def test_page_escapes_what_headers_say(page, registry, spool):
    study = receive(registry, patient_id=NASTY, description=NASTY)
    report(registry, spool, study, {**SUMMARY, "finding": NASTY, "priority": '"><img src=x>'})
    registry.associations.rejected("<b>BOLD", "X", "10.0.0.9", Reason.UNKNOWN_CALLING_AE_TITLE)
    text = page.get("/").text
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "<b>BOLD" not in text


def test_page_runs_no_script_and_is_kept_nowhere(page):
    headers = page.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_addresses_hold_no_patient_data(page, registry, spool):
    report(registry, spool, receive(registry, patient_id="SECRET-ID"), SUMMARY)
    text = page.get("/").text
    links = [part.split('"')[0] for part in text.replace("src=", "href=").split('href="')[1:]]
    assert links
    assert not any("SECRET" in link or "1.2.840" in link for link in links)


def test_picture_of_a_job_is_served_by_its_id_only(page, registry, spool):
    job = report(registry, spool, receive(registry), SUMMARY)
    answer = page.get(f"/jobs/{job.id}/summary.png")
    assert answer.content == b"\x89PNG picture"
    assert answer.headers["content-type"] == "image/png"
    for wrong in (
        f"/jobs/{job.id}/sr.png",
        f"/jobs/{job.id}/contours.png",
        "/jobs/00000000-0000-0000-0000-000000000000/summary.png",
    ):
        assert page.get(wrong).status_code == 404
    assert page.get("/jobs/..%2F..%2Fetc/summary.png").status_code in {404, 422}


def test_nothing_can_be_changed_through_the_page(page):
    for method in ("post", "put", "delete", "patch"):
        assert getattr(page, method)("/").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.5:8480", "", "127.0.0.1.evil.example"])
def test_page_refuses_other_names_for_this_machine(page, host):
    assert page.get("/", headers={"host": host}).status_code == 400


def test_health_turns_bad_when_the_queue_is_gone(page, queue):
    assert page.get("/health").json()["queue"] == "answers"
    queue["error"] = TransientError(Reason.QUEUE_UNAVAILABLE)
    answer = page.get("/health")
    assert answer.status_code == 503
    assert answer.json()["queue"] == SENTENCES[Reason.QUEUE_UNAVAILABLE]


def test_health_turns_bad_when_the_disk_is_full(tmp_path, registry):
    settings = Settings(spool={"folder": tmp_path / "spool", "minimum_free_bytes": 2**60})
    site = make_site(settings, registry, Spool(tmp_path / "spool"), lambda: None)
    answer = TestClient(site, base_url="http://localhost").get("/health")
    assert answer.status_code == 503
    assert "refused" in answer.json()["disk"]


def test_page_shows_which_processes_run(page, spool):
    state = {"at": time.time(), "processes": {"node": "running", "worker": "starts in 4 s"}}
    (spool.run / PROCESSES_NAME).write_text(json.dumps(state))
    text = page.get("/").text
    assert "starts in 4 s" in text
    assert page.get("/health").status_code == 503


def test_processes_of_a_system_that_ended_are_not_called_running(tmp_path):
    path = tmp_path / PROCESSES_NAME
    path.write_text(json.dumps({"at": time.time() - 60, "processes": {"node": "running"}}))
    (light,) = process_lights(path)
    assert light.tone == "bad"
    path.write_text("{")
    assert process_lights(path) == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org"])
def test_page_is_refused_on_addresses_that_others_reach(host):
    with pytest.raises(ConfigurationError) as caught:
        listen(host, 0)
    assert caught.value.reason is Reason.PAGE_NOT_LOOPBACK


def test_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError) as caught:
            listen("127.0.0.1", taken.getsockname()[1])
    assert caught.value.reason is Reason.PORT_IN_USE


def test_address_that_the_system_refuses_is_not_called_taken(monkeypatch):
    def refuse(_socket, _address):
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refused(socket.socket):
        bind = refuse

    monkeypatch.setattr("plugin.web.server.socket.socket", Refused)
    with pytest.raises(ConfigurationError) as caught:
        listen("127.0.0.1", 80)
    assert caught.value.reason is Reason.ADDRESS_NOT_USABLE


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8480", True),
        ("localhost", True),
        ("[::1]:8480", True),
        ("[::2]", False),
        ("localhost.evil.example", False),
        ("0.0.0.0", False),
    ],
)
def test_is_this_machine(host, expected):
    assert is_this_machine(host) is expected


def test_page_that_is_asked_to_stop_ends_without_a_failure(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "cmr-triage.toml"
    config.write_text(f'[spool]\nfolder = "{tmp_path / "spool"}"\n[web]\nport = {port}\n')
    process = subprocess.Popen(command_of("web", config), env=environment())
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
