"""kill -9 between acknowledgements: what a sender was told is stored, is stored."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from dicom_node.indexer import Indexer
from tests.dicom_node.images import associate, mr_image
from tests.dicom_node.test_handlers import wait_for

ROOT = Path(__file__).parents[2]
RUN = "import sys; from plugin.settings import load_settings; from pathlib import Path; "
RUN += "from dicom_node.server import main; main(load_settings(Path(sys.argv[1])))"


@pytest.fixture
def process(tmp_path, settings, registry):
    """Start the node as a process of its own; returns (process, port)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "node.toml"
    config.write_text(
        f'[node]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[spool]\nfolder = "{settings.spool.folder}"\nminimum_free_bytes = 0\n'
    )
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(config)], cwd=ROOT, env=dict(os.environ)
        )
        started.append(process)
        wait_for(lambda: _listens(port), seconds=60)
        return process, port

    yield start
    for process in started:
        process.kill()
        process.wait()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_killed_node_has_every_image_that_it_acknowledged(process, spool, registry):
    running, port = process()
    association = associate(port)
    study, acknowledged = generate_uid(), []
    for number in range(12):
        image = mr_image(study)
        if number == 9:
            running.send_signal(signal.SIGKILL)
        try:
            status = association.send_c_store(image).get("Status")
        except (RuntimeError, ValueError):
            break
        if status == 0:
            acknowledged.append(str(image.SOPInstanceUID))
        if number >= 9 and status is None:
            break
    association.kill()
    assert len(acknowledged) >= 9
    running.wait(timeout=30)
    # The next run closes the books of the last one and goes on.
    second, port = process()
    assert registry.associations.open_for("ARCHIVE") == 0
    again = associate(port)
    assert again.send_c_store(mr_image(study)).Status == 0
    again.release()
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=30) == 0
    assert Indexer(spool, registry).index_incoming()
    (record,) = registry.studies.list()
    indexed = {i.sop_instance_uid for i in registry.studies.current_instances(record.id)}
    assert set(acknowledged) <= indexed
    assert len(indexed) in {len(acknowledged) + 1, len(acknowledged) + 2}
    assert list((spool.incoming / ".tmp").iterdir()) == []


def test_sigterm_lets_a_sender_finish(process, spool):
    running, port = process()
    association = associate(port)
    assert association.send_c_store(mr_image()).Status == 0
    running.send_signal(signal.SIGTERM)
    time.sleep(1.0)
    assert not _listens(port)
    assert association.send_c_store(mr_image()).Status == 0
    association.release()
    assert running.wait(timeout=30) == 0
    assert len(spool.incoming_files()) == 2
