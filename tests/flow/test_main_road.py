"""What a hospital relies on, with real processes: results come back, whatever is pulled out."""

import signal
import time
from contextlib import closing

import httpx
import psutil
import pydicom
import pytest
import redis

from plugin.broker import broker_socket
from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.objects import DEFAULT_OBJECTS
from plugin.domain.study import StudyState
from plugin.spool import Spool
from tests.flow.conftest import LEASE_SECONDS, wait_until

# Seconds on a free machine; a busy one may take its time without being called broken.
pytestmark = pytest.mark.timeout(900)


def test_study_comes_back_as_report_and_images(installation):
    uid = installation.send()
    job = installation.wait_for_result(uid)
    arrived = [pydicom.dcmread(item.path) for item in installation.archive.arrived(uid)]
    modalities = sorted(dataset.Modality for dataset in arrived)
    assert modalities == ["KO", "OT", "OT", "OT", "PR", "SEG", "SR"]
    report = next(dataset for dataset in arrived if dataset.Modality == "SR")
    assert report.VerificationFlag == "UNVERIFIED"
    assert 10 < job.summary["lvef_percent"] < 90
    installation.assert_one_result(uid)
    with closing(log_in_first(installation)) as pages:
        assert f"/studies/{job.study_id}" in pages.get("/").text
        assert f'data-job="{job.id}"' in pages.get(f"/studies/{job.study_id}").text
        assert pages.get(f"/jobs/{job.id}/summary.png").content[:4] == b"\x89PNG"
        cine = pages.get(f"/jobs/{job.id}/viewer/viewer.json").json()
        assert len(cine["contours"]["endocardium"]) == cine["n_phases"]


def log_in_first(installation):
    """Log in with the one-time password that the first start left, and choose another one."""
    path = installation.settings.spool.folder / "first-password"
    assert path.stat().st_mode & 0o777 == 0o600
    given, chosen = path.read_text().strip(), "chosen by the flow test"
    pages = httpx.Client(base_url=installation.page, follow_redirects=True)
    form = pages.post("/login", data={"name": "admin", "password": given}).text
    csrf = form.split('name="csrf" value="')[1][:64]
    values = {"csrf": csrf, "old": given, "new": chosen, "again": chosen}
    assert pages.post("/password", data=values).url.path == "/"
    assert not path.exists()
    return pages


def test_own_results_that_come_back_are_not_analysed(installation):
    uid = installation.send()
    job = installation.wait_for_result(uid)
    ours = [item.path for item in installation.archive.arrived(uid)]
    installation.archive.send(ours, "127.0.0.1", installation.port, "CMRTRIAGE")
    study = installation.registry.studies.get(uid)
    wait_until(lambda: not Spool(installation.settings.spool.folder).incoming_files(), "indexed")
    time.sleep(3)
    after = installation.registry.studies.get(uid)
    assert after.state is StudyState.COMPLETE
    assert after.generation == study.generation
    assert installation.job(uid).id == job.id


def test_nothing_is_lost_when_redis_is_emptied(installation):
    (worker,) = running(installation, "worker")
    worker.suspend()  # so that the hint still lies in the queue
    try:
        uid = installation.send()
        installation.wait_for_job(uid, JobState.QUEUED)
        socket = broker_socket(Spool(installation.settings.spool.folder))
        client = redis.Redis(unix_socket_path=str(socket))
        wait_until(lambda: client.llen("analyse") > 0, "the hint in Redis")
        client.flushall()
    finally:
        worker.resume()
    installation.wait_for_result(uid)
    installation.assert_one_result(uid)


@pytest.mark.parametrize("with_parent", [True, False], ids=["power_cut", "out_of_memory"])
def test_killed_worker_loses_no_job(installation, with_parent):
    uid = installation.send()
    killed = installation.kill_running_worker(uid, with_parent=with_parent)
    job = installation.wait_for_result(uid)
    assert job.fence >= 2
    assert not job.worker.endswith(f":{killed}")
    installation.assert_one_result(uid)


def test_worker_stopped_past_its_lease_and_continued_publishes_nothing(installation):
    second = installation.start("worker")
    try:
        uid = installation.send()
        stopped = psutil.Process(installation.worker_pid(uid))
        family = [stopped.parent(), stopped]
        for process in family:
            process.suspend()
        time.sleep(LEASE_SECONDS)
        job = installation.wait_for_result(uid)
        for process in family:
            process.resume()
        assert job.fence >= 2
        assert not job.worker.endswith(f":{stopped.pid}")
        wait_until(
            lambda: '"lease_lost"' in installation.log.read_text(errors="replace"),
            "the first worker noticing",
        )
        installation.assert_one_result(uid)
    finally:
        second.terminate()
        second.wait(60)


def test_results_wait_for_a_destination_that_is_down(installation):
    port = installation.archive.port
    elsewhere = type(installation.archive)("PACS", installation.folder / "elsewhere")
    installation.archive.stop()
    try:
        sender, installation.archive = installation.archive, elsewhere
        uid = installation.send()
        job = installation.wait_for_job(uid, JobState.REPORTED)
        wait_until(
            lambda: any(
                delivery.last_reason is Reason.DESTINATION_UNREACHABLE
                for delivery in installation.registry.deliveries.for_job(job.id)
            ),
            "a failed attempt",
        )
    finally:
        installation.archive = sender
        sender.start(port)
    wait_until(lambda: len(sender.arrived(uid)) == len(DEFAULT_OBJECTS), "results after all")
    wait_until(
        lambda: all(
            delivery.state in (DeliveryState.SENT, DeliveryState.CONFIRMED)
            for delivery in installation.registry.deliveries.for_job(job.id)
        ),
        "deliveries noted as sent",
    )


def test_sigterm_drains_and_leaves_no_process(installation):
    children = psutil.Process(installation.process.pid).children(recursive=True)
    assert len(children) >= 6
    installation.process.send_signal(signal.SIGTERM)
    assert installation.process.wait(90) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    said = installation.log.read_text(errors="replace")
    assert "was killed" not in said
    assert "Traceback (most recent call last)" not in said


def running(installation, name):
    """Return the processes of the supervisor that run the command ``name``."""
    return [
        child
        for child in psutil.Process(installation.process.pid).children()
        if f"plugin.cli {name}" in " ".join(child.cmdline())
    ]
