"""The whole system as processes of its own, a played PACS, and small studies to send."""

import signal
import subprocess
import time
from functools import cache
from itertools import count

import psutil
import pytest

from dicom_node.archive import PlayedArchive
from plugin.demo.stage import free_ports
from plugin.domain.job import JobState
from plugin.domain.objects import DEFAULT_OBJECTS
from plugin.domain.study import PeerKind
from plugin.registry import Registry
from plugin.settings import load_settings
from plugin.supervisor import command_of, environment
from worker.phantom.cine import Protocol
from worker.phantom.study import generate, write_study

WAIT_SECONDS = 280.0
LEASE_SECONDS = 4.0
_QUICK = Protocol(
    n_slices=7,
    n_phases=8,
    slice_distance_mm=12.0,
    pixel_mm=2.0,
    n_rows=112,
    n_columns=96,
    breath_hold_mm=0.0,
)
_CONFIG = """\
[operation]
mode = "live"
[node]
host = "127.0.0.1"
port = {node_port}
[spool]
folder = "{spool}"
minimum_free_bytes = 1
[assembly]
archive_quiet_seconds = 1.0
tick_seconds = 0.2
[worker]
lease_seconds = {lease_seconds}
heartbeat_seconds = 1.0
[delivery]
poll_seconds = 0.1
first_retry_seconds = 0.5
maximum_retry_seconds = 2.0
connection_timeout_seconds = 5.0
[web]
port = {web_port}
"""


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Return the first true value of ``condition``."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)


@cache
def _instances():
    return generate("healthy", 3, protocol=_QUICK).instances()


class Installation:
    """One system under ``cmr-triage up``, seen from outside."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "cmr-triage.toml"
        node_port, web_port = free_ports(2)
        self.config.write_text(
            _CONFIG.format(
                node_port=node_port,
                web_port=web_port,
                spool=folder / "spool",
                lease_seconds=LEASE_SECONDS,
            )
        )
        self.settings = load_settings(self.config)
        self.settings.spool.folder.mkdir(parents=True)
        self.registry = Registry(self.settings.registry_url)
        self.registry.migrate()
        self.archive = PlayedArchive("PACS", folder / "archive")
        self.archive.start()
        where = {"host": "127.0.0.1", "port": self.archive.port}
        self.registry.peers.add("PACS", kind=PeerKind.ARCHIVE, **where)
        self.registry.destinations.add("pacs", ae_title="PACS", **where)
        self.port = node_port
        self.page = f"http://127.0.0.1:{web_port}"
        self.log = folder / "up.log"
        self._numbers = count(1)
        self._extra = []
        self.process = self.start("up")

    def start(self, name):
        """Start one command of the system beside the others."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command_of(name, self.config),
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment(), "OMP_NUM_THREADS": "2"},
                process_group=0,
            )
        self._extra.append(process)
        return process

    def stop(self):
        """Stop everything, whatever state it is in."""
        for process in reversed(self._extra):
            for child in _family(process.pid):
                child.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._extra:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                for child in _family(process.pid):
                    child.kill()
                process.kill()
                process.wait()
        self.registry.close()
        self.archive.stop()

    def wait_for_node(self):
        """Wait until C-ECHO is answered."""
        wait_until(lambda: self.archive.echo("127.0.0.1", self.port, "CMRTRIAGE"), "node")

    def send(self):
        """Send a study of its own; return its Study Instance UID."""
        number = next(self._numbers)
        folder = self.folder / f"sent{number}"
        instances = [_with_own_uids(instance, number) for instance in _instances()]
        self.archive.send(write_study(instances, folder), "127.0.0.1", self.port, "CMRTRIAGE")
        return str(instances[0].StudyInstanceUID)

    def job(self, uid, *states):
        """Return the newest job of a study if it is in one of ``states``."""
        study = self.registry.studies.get(uid)
        job = None if study is None else self.registry.jobs.latest(study.id)
        return job if job is not None and (not states or job.state in states) else None

    def wait_for_job(self, uid, *states):
        """Wait until the newest job of a study is in one of ``states``."""
        return wait_until(lambda: self.job(uid, *states), f"job {states}")

    def wait_for_result(self, uid):
        """Wait until every object is in the archive; return the job."""
        job = self.wait_for_job(uid, JobState.REPORTED, JobState.FAILED)
        assert job.state is JobState.REPORTED, job
        wait_until(
            lambda: len(self.archive.arrived(uid)) >= len(DEFAULT_OBJECTS), "results in the archive"
        )
        return job

    def assert_one_result(self, uid):
        """Check that one result was published and what the archive gets of it arrived once."""
        study = self.registry.studies.get(uid)
        reported = [
            job for job in self.registry.jobs.list(study.id) if job.state is JobState.REPORTED
        ]
        assert len(reported) == 1
        objects = {
            item.sop_instance_uid
            for item in self.registry.jobs.result_objects(reported[0].id)
            if item.kind in DEFAULT_OBJECTS
        }
        assert {item.sop_instance_uid for item in self.archive.arrived(uid)} == objects

    def worker_pid(self, uid):
        """Return the process that has the job now."""
        return int(self.wait_for_job(uid, JobState.RUNNING).worker.rpartition(":")[2])

    def kill_running_worker(self, uid, *, with_parent):
        """Kill the process that computes; with the one above it, as a power cut would.

        Alone it dies when the machine runs out of memory.
        """
        pool = psutil.Process(self.worker_pid(uid))
        for process in [pool.parent(), pool] if with_parent else [pool]:
            process.kill()
        return pool.pid


def _with_own_uids(instance, number):
    """Copy a dataset into another study: UIDs differ, pixels are shared."""
    copied = type(instance)(instance)
    copied.file_meta = type(instance.file_meta)(instance.file_meta)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(copied, keyword, f"{getattr(instance, keyword)[:50].rstrip('.')}.{number}")
    copied.file_meta.MediaStorageSOPInstanceUID = copied.SOPInstanceUID
    return copied


def _family(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Run a system; its log is shown when a test fails."""
    installed = Installation(tmp_path_factory.mktemp("flow"))
    try:
        installed.wait_for_node()
        yield installed
    finally:
        installed.stop()
        print(installed.log.read_text(errors="replace")[-6000:])
