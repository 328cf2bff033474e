"""What senders see, with real sockets: pynetdicom and dcmtk as the sender."""

import errno
import shutil
import subprocess
import time

import pytest
from pydicom import dcmread

from plugin.domain.errors import Reason
from tests.dicom_node.images import MR, associate, dataset_bytes, mr_image, save, send

PHILIPS_PRIVATE = "1.3.46.670589.11.0.0.12.2"
UNHEARD_OF = "1.2.826.0.1.3680043.9.9999.1"


def wait_for(condition, seconds=20.0):
    """Wait until ``condition`` gives something; fail after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    return pytest.fail("did not happen in time")


@pytest.mark.system
def test_storescu_and_echoscu_are_served(node, spool, program, tmp_path):
    address = ["-aet", "ARCHIVE", "-aec", "CMRTRIAGE", "127.0.0.1", str(node.port)]
    subprocess.run([program("echoscu"), *address], check=True, timeout=60)
    paths = [save(mr_image(), tmp_path / f"{number}.dcm") for number in range(3)]
    subprocess.run([program("storescu"), *address, *map(str, paths)], check=True, timeout=60)
    kept = sorted(dataset_bytes(path) for path in spool.incoming_files())
    assert kept == sorted(dataset_bytes(path) for path in paths)


@pytest.mark.system
def test_compressed_images_are_kept_byte_for_byte(node, spool, program, samples, tmp_path):
    """Storescu proposes what is in the file; every encoding arrives as it was sent."""
    storescu = program("storescu")
    proposals = {
        "1.2.840.10008.1.2": "-xi",
        "1.2.840.10008.1.2.1": "-xe",
        "1.2.840.10008.1.2.2": "-xb",
        "1.2.840.10008.1.2.5": "-xr",
        "1.2.840.10008.1.2.4.70": "-xs",
        "1.2.840.10008.1.2.4.80": "-xt",
        "1.2.840.10008.1.2.4.90": "-xv",
    }
    for path in sorted((samples / "mr_transfer_syntaxes").glob("*.dcm")):
        syntax = str(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        command = [storescu, "-R", proposals[syntax], "-aet", "ARCHIVE", "-aec", "CMRTRIAGE"]
        command += ["127.0.0.1", str(node.port), str(path)]
        subprocess.run(command, check=True, timeout=60)
        (kept,) = spool.incoming_files()
        assert str(dcmread(kept, stop_before_pixels=True).file_meta.TransferSyntaxUID) == syntax
        sent, stored = dcmread(path), dcmread(kept)
        assert stored.PixelData == sent.PixelData
        assert stored == sent
        kept.unlink()


def test_private_and_unknown_storage_classes_are_accepted(node, spool):
    images = [mr_image(SOPClassUID=uid) for uid in (PHILIPS_PRIVATE, UNHEARD_OF)]
    assert send(node.port, *images) == [0, 0]
    classes = [
        dcmread(path, stop_before_pixels=True).SOPClassUID for path in spool.incoming_files()
    ]
    assert sorted(classes) == sorted([PHILIPS_PRIVATE, UNHEARD_OF])


def test_any_transfer_syntax_is_accepted(node):
    private = "1.2.840.113619.5.2"  # GE: implicit, big endian pixels
    association = associate(node.port, contexts=[(MR, [private]), (PHILIPS_PRIVATE, [private])])
    assert len(association.accepted_contexts) == 2
    association.release()


def test_header_names_the_sender(node, spool):
    send(node.port, mr_image())
    (path,) = spool.incoming_files()
    meta = dcmread(path).file_meta
    assert meta.SourceApplicationEntityTitle == "ARCHIVE"
    assert meta.SendingApplicationEntityTitle == "ARCHIVE"
    assert meta.ReceivingApplicationEntityTitle == "CMRTRIAGE"


def test_broken_dataset_is_acknowledged_and_kept(node, spool):
    association = associate(node.port)
    image = mr_image()
    del image.StudyInstanceUID
    assert association.send_c_store(image).Status == 0
    association.release()
    assert len(spool.incoming_files()) == 1


def test_disk_below_watermark_is_refused_and_accepted_again(node, spool, monkeypatch):
    association = associate(node.port)
    monkeypatch.setattr(type(spool), "free_bytes", lambda _self: 0)
    assert association.send_c_store(mr_image()).Status == 0xA700
    monkeypatch.undo()
    assert association.send_c_store(mr_image()).Status == 0
    association.release()
    assert len(spool.incoming_files()) == 1


def test_disk_full_while_writing_is_refused_and_leaves_nothing(node, spool, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    association = associate(node.port)
    monkeypatch.setattr("plugin.spool.os.fsync", full)
    assert association.send_c_store(mr_image()).Status == 0xA700
    monkeypatch.undo()
    association.release()
    assert spool.incoming_files() == []
    assert list((spool.incoming / ".tmp").iterdir()) == []


def test_fault_of_ours_is_answered_and_logged_without_patient_data(node, spool, monkeypatch, capfd):
    def faulty(*_arguments):
        message = "Secret^Person"
        raise RuntimeError(message)

    association = associate(node.port)
    monkeypatch.setattr(type(spool), "write_incoming", faulty)
    assert association.send_c_store(mr_image()).Status == 0x0110
    monkeypatch.undo()
    assert association.send_c_store(mr_image()).Status == 0
    association.release()
    captured = capfd.readouterr()
    assert "instance_refused" in captured.err
    assert "Secret" not in captured.err + captured.out


def test_aborted_association_keeps_what_was_acknowledged(node, spool, registry):
    association = associate(node.port)
    assert association.send_c_store(mr_image()).Status == 0
    wait_for(lambda: registry.associations.open_for("ARCHIVE") == 1)
    association.abort()
    (closed,) = wait_for(lambda: [a for a in registry.associations.list() if a.outcome is not None])
    assert (closed.outcome, closed.n_received) == ("aborted", 1)
    assert len(spool.incoming_files()) == 1


def test_association_that_breaks_in_the_middle_of_an_image_keeps_the_others(node, spool, registry):
    association = associate(node.port)
    assert association.send_c_store(mr_image()).Status == 0
    socket = association.dul.socket.socket
    # The beginning of a P-DATA-TF that never ends.
    socket.sendall(bytes([4, 0, 0, 1, 0, 0]) + b"\0" * 100)
    socket.close()
    wait_for(lambda: registry.associations.open_for("ARCHIVE") == 0 or node.handlers.tend())
    assert len(spool.incoming_files()) == 1
    association.kill()


def test_released_association_is_noted_with_its_count(node, registry):
    send(node.port, mr_image(), mr_image())
    (closed,) = wait_for(lambda: [a for a in registry.associations.list() if a.closed_at])
    assert (closed.outcome, closed.n_received) == ("released", 2)
    assert registry.peers.get("ARCHIVE").last_seen_at is not None


def test_too_many_associations_are_rejected_for_a_while(settings, spool, registry):
    from dicom_node.server import Node

    few = settings.node.model_copy(update={"maximum_associations": 1})
    node = Node(settings.model_copy(update={"node": few}), spool, registry)
    node.start()
    first = associate(node.port)
    second = associate(node.port)
    assert first.is_established
    assert second.is_rejected
    answer = second.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 2)
    first.release()
    third = wait_for(lambda: (a := associate(node.port)).is_established and a)
    third.release()
    node.stop(drain_seconds=5)
    (noted,) = registry.associations.list_rejected()  # stop() wrote all notes
    assert noted.reason is Reason.TOO_MANY_ASSOCIATIONS


def test_four_senders_at_once_lose_nothing(node, spool, program, tmp_path):
    storescu = program("storescu")
    senders = []
    for sender in range(4):
        folder = tmp_path / str(sender)
        folder.mkdir()
        for number in range(5):
            save(mr_image(), folder / f"{number}.dcm")
        command = [storescu, "+sd", "-aet", "ARCHIVE", "-aec", "CMRTRIAGE"]
        senders.append(subprocess.Popen([*command, "127.0.0.1", str(node.port), str(folder)]))
    assert [sender.wait(timeout=60) for sender in senders] == [0] * 4
    assert len(spool.incoming_files()) == 20
    shutil.rmtree(tmp_path / "0")
