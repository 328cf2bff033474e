"""kill -9 of the deliverer at each step of a delivery: nothing is lost, nothing is there twice.

The archive kills the process at the moment that a step has just reached it; a second process
goes on from the registry. Each of the two is the real one (``cmr-triage deliver``).
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugin.domain.job import DeliveryState
from tests.dicom_node.archive import Archive
from tests.dicom_node.images import dataset_bytes
from tests.dicom_node.test_handlers import wait_for

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
RUN = "import sys; from plugin.settings import load_settings; from pathlib import Path; "
RUN += "from dicom_node.tasks import main; main(load_settings(Path(sys.argv[1])))"
# Where the archive is when the process dies: association accepted; request to store received, not
# kept; kept, not answered; all objects answered and the request for commitment received, not
# answered; that answered, and the report about to be sent.
STEPS = ("accepted", "store", "stored", "action", "report")


@pytest.fixture
def start(tmp_path, settings, registry):
    """Start a deliverer of its own; the archive's port is given."""
    config = tmp_path / "deliver.toml"
    config.write_text(
        '[operation]\nmode = "live"\n'
        f'[spool]\nfolder = "{settings.spool.folder}"\nminimum_free_bytes = 0\n'
        "[delivery]\npoll_seconds = 0.05\nfirst_retry_seconds = 0.1\nmaximum_retry_seconds = 0.5\n"
        "confirm_after_seconds = 0.05\ncommitment_wait_seconds = 1\n"
        "commitment_timeout_seconds = 1\nconnection_timeout_seconds = 2\n"
    )
    started = []

    def run():
        command = [sys.executable, "-c", RUN, str(config)]
        started.append(subprocess.Popen(command, cwd=ROOT, env=dict(os.environ)))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("step", STEPS)
def test_killed_deliverer_loses_nothing_and_doubles_nothing(registry, publish, start, step):
    there = Archive(how="same", finds=True)
    registry.destinations.add(
        "pacs", ae_title="PACS", host="127.0.0.1", port=there.port, objects=("sr", "summary")
    )
    job_id = publish("sr", "summary")
    processes = []
    killed = []

    def kill():
        if not killed:
            killed.append(step)
            processes[0].send_signal(signal.SIGKILL)
            processes[0].wait(timeout=30)

    there.hooks[step] = kill
    processes.append(start())
    wait_for(lambda: killed, seconds=60)
    survived = {one.state for one in registry.deliveries.for_job(job_id)}
    assert survived <= {DeliveryState.PENDING, DeliveryState.SENT}
    start()
    wait_for(
        lambda: (
            {one.state for one in registry.deliveries.for_job(job_id)} == {DeliveryState.CONFIRMED}
        ),
        seconds=60,
    )
    found = registry.deliveries.for_job(job_id)
    assert there.kept == {one.sop_instance_uid: dataset_bytes(Path(one.path)) for one in found}
    # At most the one object that was under way is sent a second time, and is a duplicate there.
    assert there.n_stores <= len(found) + 1
    there.stop()
