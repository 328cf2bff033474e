import sqlite3
import time
from contextlib import suppress

import pytest
from pynetdicom.sop_class import Verification

from dicom_node.server import Node
from plugin.domain.errors import ConfigurationError, Reason
from tests.dicom_node.images import associate, dataset_bytes, encoded, mr_image, send
from tests.dicom_node.test_handlers import wait_for


def test_node_stores_bytes_exactly_and_a_complete_header(node, spool):
    image = mr_image()
    assert send(node.port, image) == [0x0000]
    (path,) = spool.incoming_files()
    assert dataset_bytes(path) == encoded(image)


def test_node_answers_echo(node):
    association = associate(node.port, contexts=[(Verification, None)])
    assert association.send_c_echo().Status == 0x0000
    association.release()


@pytest.mark.parametrize(
    ("calling", "called", "source", "diagnostic", "reason"),
    [
        ("STRANGER", "CMRTRIAGE", 1, 3, Reason.UNKNOWN_CALLING_AE_TITLE),
        ("ARCHIVE", "OTHER", 1, 7, Reason.WRONG_CALLED_AE_TITLE),
        ("ARCHIVE", "cmrtriage", 1, 7, Reason.WRONG_CALLED_AE_TITLE),
        ("archive", "CMRTRIAGE", 1, 3, Reason.UNKNOWN_CALLING_AE_TITLE),
    ],
)
def test_node_rejects_and_notes_the_title_that_was_used(
    node, registry, calling, called, source, diagnostic, reason
):
    association = associate(node.port, calling, called)
    assert association.is_rejected
    answer = association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (1, source, diagnostic)
    (noted,) = wait_for(registry.associations.list_rejected)
    assert (noted.calling_ae_title, noted.called_ae_title, noted.reason) == (
        calling,
        called,
        reason,
    )
    assert noted.address == "127.0.0.1"


def test_node_rejects_disabled_peer_and_other_address_live(node, registry):
    registry.peers.edit("ARCHIVE", enabled=False)
    assert associate(node.port).is_rejected
    registry.peers.edit("ARCHIVE", enabled=True, host="192.0.2.7")
    assert associate(node.port).is_rejected
    registry.peers.edit("ARCHIVE", host="127.0.0.1")
    association = associate(node.port)
    assert association.is_established
    association.release()
    expected = {Reason.PEER_DISABLED, Reason.CALLING_ADDRESS_MISMATCH}
    wait_for(lambda: {one.reason for one in registry.associations.list_rejected()} == expected)


def test_unknown_peer_is_admitted_only_when_the_setting_says_so(settings, spool, registry):
    open_door = settings.node.model_copy(update={"accept_unknown_peers": True})
    node = Node(settings.model_copy(update={"node": open_door}), spool, registry)
    node.start()
    assert send(node.port, mr_image(), calling="STRANGER") == [0]
    assert associate(node.port, "STRANGER", "OTHER").is_rejected
    node.stop(drain_seconds=5)


def test_fault_of_ours_lets_nobody_in(node, registry, monkeypatch, capfd):
    """Pynetdicom accepts when the handler that should reject fails."""

    def faulty(_title):
        message = "Secret^Person"
        raise RuntimeError(message)

    monkeypatch.setattr(registry.peers, "get", faulty)
    association = associate(node.port, "STRANGER")
    assert association.is_rejected
    answer = association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 1)
    monkeypatch.undo()
    (noted,) = wait_for(registry.associations.list_rejected)
    assert (noted.calling_ae_title, noted.reason) == ("STRANGER", Reason.INTERNAL_ERROR)
    captured = capfd.readouterr()
    assert "Secret" not in captured.err + captured.out


def test_locked_registry_holds_no_sender_back(node, settings, spool, registry):
    """Another process writes for a long time; images are stored and answered all the same."""
    locker = sqlite3.connect(settings.spool.folder / "registry.sqlite", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert send(node.port, mr_image(), mr_image()) == [0, 0]
    assert associate(node.port, "STRANGER").is_rejected
    assert time.monotonic() - started < 5
    assert registry.associations.list() == []
    locker.execute("ROLLBACK")
    (closed,) = wait_for(lambda: [one for one in registry.associations.list() if one.closed_at])
    assert (closed.outcome, closed.n_received) == ("released", 2)
    assert len(wait_for(registry.associations.list_rejected)) == 1
    assert len(spool.incoming_files()) == 2


def test_lost_registry_stops_no_transfer_that_has_begun(node, registry, spool):
    association = associate(node.port)
    registry.close()
    database = spool.folder / "registry.sqlite"
    while not database.is_dir():  # then nothing can open it
        database.unlink(missing_ok=True)
        with suppress(FileExistsError):  # the note on the association may make it anew
            database.mkdir()
    assert association.send_c_store(mr_image()).Status == 0
    rejected = associate(node.port)
    assert rejected.is_rejected
    answer = rejected.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 1)
    association.release()
    assert len(spool.incoming_files()) == 1


def test_stopping_node_waits_for_its_notes(settings, spool, registry):
    node = Node(settings, spool, registry)
    node.start()
    send(node.port, mr_image())
    node.stop(drain_seconds=5)
    (closed,) = registry.associations.list()
    assert (closed.outcome, closed.n_received) == ("released", 1)


def test_node_says_port_in_use(node, settings, spool, registry):
    taken = settings.model_copy(
        update={"node": settings.node.model_copy(update={"port": node.port})}
    )
    with pytest.raises(ConfigurationError) as error:
        Node(taken, spool, registry).start()
    assert error.value.reason is Reason.PORT_IN_USE
    assert str(node.port) in str(error.value)


def test_node_says_when_the_address_is_not_of_this_machine(settings, spool, registry):
    elsewhere = settings.model_copy(
        update={"node": settings.node.model_copy(update={"host": "192.0.2.7"})}
    )
    with pytest.raises(ConfigurationError) as error:
        Node(elsewhere, spool, registry).start()
    assert error.value.reason is Reason.ADDRESS_NOT_USABLE
    assert "192.0.2.7" in str(error.value)
