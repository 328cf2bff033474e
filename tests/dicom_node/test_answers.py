"""Answers to our requests arrive though pynetdicom's own thread takes them off the queue first."""

import threading
import time

import pytest
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider

from dicom_node.archive import PlayedArchive
from dicom_node.association import Address, Caller
from dicom_node.sender import verify
from tests.dicom_node.images import mr_image, save


class Sluggish(threading.Event):
    """A checkpoint behind which the thread is always still on its way, as on a busy machine."""

    def wait(self, timeout=None):
        passed = super().wait(timeout)
        time.sleep(0.8)
        return passed


@pytest.fixture
def sluggish(monkeypatch):
    """Give every requestor a thread that passes its checkpoint slowly, and a slow reader."""

    def give(association, checkpoint):
        chosen = Sluggish() if association.is_requestor else checkpoint
        association.__dict__["_checkpoint"] = chosen

    monkeypatch.setattr(
        Association,
        "_reactor_checkpoint",
        property(lambda association: association.__dict__["_checkpoint"], give),
        raising=False,
    )
    look = DIMSEServiceProvider.get_msg

    def look_late(provider, block=False):
        if block:
            time.sleep(1.6)
        return look(provider, block)

    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", look_late)
    yield
    for thread in threading.enumerate():
        if isinstance(thread, Association) and thread.is_requestor:
            thread.join(10)


def test_archive_gets_every_answer(node, sluggish, spool, tmp_path):
    paths = [save(mr_image(), tmp_path / f"{number}.dcm") for number in range(4)]
    archive = PlayedArchive("ARCHIVE", tmp_path / "archive")
    assert archive.echo("127.0.0.1", node.port, "CMRTRIAGE")
    started = time.monotonic()
    archive.send(paths, "127.0.0.1", node.port, "CMRTRIAGE")
    assert time.monotonic() - started < 25
    assert len(spool.incoming_files()) == 4


def test_delivery_gets_every_answer(node, registry, sluggish):
    registry.peers.add("SENDER")
    assert verify(Address("127.0.0.1", node.port, "CMRTRIAGE"), Caller("SENDER", 3.0)) < 10
