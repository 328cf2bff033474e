"""DICOM over TLS into the node: who is let in, who is not and is told why, what blocks nobody."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from pynetdicom import AE

from dicom_node.association import Address, Caller
from dicom_node.listeners import HANDSHAKE_SECONDS, MAXIMUM_PDU_BYTES
from dicom_node.sender import verify
from dicom_node.server import Node
from dicom_node.tls import Identity, client_context
from plugin.certificates import read_certificate
from plugin.domain.certificates import PeerTls
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.settings import TlsSettings
from tests.dicom_node.images import associate, dataset_bytes, encoded, mr_image, save, send
from tests.dicom_node.test_handlers import wait_for
from tests.programs import find_program


def dcmtk(program, tool, port, pair, ca_file, *options, calling="ARCHIVE", files=()):
    """Run a tool of dcmtk against a port; without a pair it speaks no TLS, or shows nothing."""
    security = []
    if pair is not None:
        security = ["+tls", pair.private_key, pair.certificate, "+cf", ca_file, "-ic"]
    command = [program(tool), *security, *options, "-aet", calling, "-aec", "CMRTRIAGE"]
    return subprocess.run(
        [*command, "127.0.0.1", str(port), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refused(registry, reason):
    found = wait_for(
        lambda: [one for one in registry.associations.list_rejected() if one.reason is reason]
    )
    return found[0]


def call(port, identity, ca_file, ae_title="ARCHIVE", **address):
    there = Address("127.0.0.1", port, "CMRTRIAGE", tls=True, ca_file=ca_file, **address)
    return verify(there, Caller(ae_title, 3.0, identity))


def identity(pair):
    return Identity(pair.certificate, pair.private_key)


def test_dcmtk_sends_by_mutual_tls_and_every_byte_arrives(
    tls_node, registry, spool, trust, program, tmp_path
):
    registry.peers.edit("ARCHIVE", tls=PeerTls.REQUIRED, certificate_name="pacs.hospital")
    images = [mr_image(PixelData=bytes(1 << 18), Rows=512, Columns=256) for _ in range(2)]
    files = [save(image, tmp_path / f"{n}.dcm") for n, image in enumerate(images)]
    sent = dcmtk(
        program, "storescu", tls_node.tls_port, trust.pacs, trust.ca_file, "-rc", files=files
    )
    assert sent.returncode == 0, sent.stderr
    arrived = {dataset_bytes(path) for path in spool.incoming_files()}
    assert arrived == {encoded(image) for image in images}


def test_peer_that_must_come_by_tls_is_refused_without(tls_node, registry):
    registry.peers.edit("ARCHIVE", tls=PeerTls.REQUIRED)
    association = associate(tls_node.port)
    assert association.is_rejected
    assert association.acceptor.primitive.result == 1
    assert refused(registry, Reason.TLS_REQUIRED).calling_ae_title == "ARCHIVE"


def test_peer_that_may_come_without_tls_may_also_come_with_it(tls_node, trust):
    assert send(tls_node.port, mr_image()) == [0]
    assert call(tls_node.tls_port, identity(trust.pacs), trust.ca_file) < 10


def test_certificate_of_somebody_else_does_not_open_the_door(tls_node, registry, trust):
    """Whoever has a certificate of the hospital must not call itself by any AE title."""
    fingerprint = read_certificate(trust.pacs.certificate).fingerprint
    bound = {"tls": PeerTls.REQUIRED, "certificate_fingerprint": fingerprint}
    registry.peers.edit("ARCHIVE", **bound)
    assert call(tls_node.tls_port, identity(trust.pacs), trust.ca_file) < 10
    with pytest.raises(TransientError) as error:
        call(tls_node.tls_port, identity(trust.renewed), trust.ca_file)
    assert error.value.reason is Reason.DESTINATION_REJECTED_ASSOCIATION
    assert refused(registry, Reason.CERTIFICATE_NOT_OF_PEER).calling_ae_title == "ARCHIVE"


@pytest.mark.parametrize(
    ("who", "ours", "theirs"),
    [
        ("nobody", Reason.CALLER_WITHOUT_CERTIFICATE, Reason.DESTINATION_WANTS_CERTIFICATE),
        ("stranger", Reason.CALLER_CERTIFICATE_NOT_TRUSTED, Reason.DESTINATION_WANTS_CERTIFICATE),
        ("expired", Reason.CALLER_CERTIFICATE_EXPIRED, Reason.DESTINATION_WANTS_CERTIFICATE),
    ],
)
def test_caller_without_a_good_certificate_is_refused_and_both_sides_say_why(
    tls_node, registry, trust, who, ours, theirs
):
    shown = Identity() if who == "nobody" else identity(getattr(trust, who))
    with pytest.raises(TransientError) as error:
        call(tls_node.tls_port, shown, trust.ca_file)
    assert error.value.reason is theirs
    noted = refused(registry, ours)
    assert (noted.address, noted.calling_ae_title) == ("127.0.0.1", "")


def test_dcmtk_without_a_certificate_is_refused(tls_node, registry, program):
    echoed = dcmtk(program, "echoscu", tls_node.tls_port, None, None, "+tla", "-ic")
    assert echoed.returncode != 0
    refused(registry, Reason.CALLER_WITHOUT_CERTIFICATE)


def test_caller_without_tls_on_the_tls_port_and_the_reverse(tls_node, registry, trust, program):
    assert dcmtk(program, "echoscu", tls_node.tls_port, None, None).returncode != 0
    assert refused(registry, Reason.CALLER_WITHOUT_TLS).address == "127.0.0.1"
    with pytest.raises(TransientError) as error:
        call(tls_node.port, identity(trust.pacs), trust.ca_file)
    assert error.value.reason is Reason.DESTINATION_WITHOUT_TLS
    refused(registry, Reason.TLS_ON_PLAIN_PORT)


def test_caller_that_distrusts_us_is_noted(tls_node, registry, trust):
    with pytest.raises(TransientError) as error:
        call(tls_node.tls_port, identity(trust.pacs), trust.stranger_ca_file)
    assert error.value.reason is Reason.DESTINATION_CERTIFICATE
    refused(registry, Reason.CALLER_DISTRUSTS_US)


def test_old_tls_is_refused(tls_node, registry, program):
    asked = subprocess.run(
        [program("openssl"), "s_client", "-connect", f"127.0.0.1:{tls_node.tls_port}", "-tls1_1",
         "-cipher", "DEFAULT@SECLEVEL=0"],
        capture_output=True, input=b"", timeout=30, check=False,
    )  # fmt: skip
    assert asked.returncode != 0
    refused(registry, Reason.CALLER_TLS_NOT_AGREED)


def test_silent_connections_hold_nobody_up(tls_node, trust):
    """The handshake is done in a thread of each connection, not where they are accepted."""
    silent = [
        socket.create_connection(("127.0.0.1", port))
        for port in (tls_node.tls_port, tls_node.port)
        for _ in range(20)
    ]
    started = time.monotonic()
    assert call(tls_node.tls_port, identity(trust.pacs), trust.ca_file) < HANDSHAKE_SECONDS / 2
    assert send(tls_node.port, mr_image()) == [0]
    assert time.monotonic() - started < HANDSHAKE_SECONDS, "one after the other"
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("moment", ["before it asks", "inside a request", "inside an image"])
def test_connection_that_dies_inside_a_pdu_is_given_up_on_the_plain_port(
    settings, spool, registry, moment
):
    """It would hold two threads and a socket for ever: no timer runs while a PDU is read."""
    patience = settings.node.model_copy(update={"idle_timeout_seconds": 1.0})
    node = Node(settings.model_copy(update={"node": patience}), spool, registry)
    node.start()
    before = set(threading.enumerate())
    association = None
    if moment == "inside an image":
        association = associate(node.port)
        connection = association.dul.socket.socket
        association.dul.socket.socket = None  # its own threads would read and close it
        connection.sendall(b"\x04\0" + (5000).to_bytes(4, "big") + bytes(100))
    else:
        connection = socket.create_connection(("127.0.0.1", node.port))
        connection.sendall(b"\x01" if moment == "before it asks" else b"\x01\0\0\0\1\0\0\1")
    wait_for(node._active)
    connection.settimeout(10)
    with contextlib.suppress(ConnectionError):
        while connection.recv(4096):  # until the node closes it
            pass
    wait_for(lambda: not node._active())
    ours = {
        thread
        for thread in set(threading.enumerate()) - before
        if association is None or thread not in {association, association.dul}
    }
    wait_for(lambda: not any(thread.is_alive() for thread in ours))
    connection.close()
    node.stop(drain_seconds=1)


def test_no_instance_is_sent_as_one_pdu(tls_node, trust):
    """The idle timer starts again with each whole PDU, so none may be as long as an instance."""
    association = associate(tls_node.port)
    assert 0 < association.acceptor.maximum_length == MAXIMUM_PDU_BYTES
    association.release()


def test_slow_sender_is_not_taken_for_a_silent_one(settings, spool, registry):
    patience = settings.node.model_copy(update={"idle_timeout_seconds": 1.0})
    node = Node(settings.model_copy(update={"node": patience}), spool, registry)
    node.start()
    association = associate(node.port)
    n_sent, connection = 0, association.dul.socket.socket
    send_bytes = connection.send

    class Slow:
        """Sends about 400 KiB a second."""

        def send(self, data):
            nonlocal n_sent
            n_sent += 1
            time.sleep(0.05)
            return send_bytes(data[: 20 << 10])

        def __getattr__(self, name):
            return getattr(connection, name)

    association.dul.socket.socket = Slow()
    image = mr_image(PixelData=bytes(1 << 20), Rows=1024, Columns=512)
    started = time.monotonic()
    assert association.send_c_store(image).Status == 0
    assert time.monotonic() - started > 2.0, "longer than the idle timeout"
    association.release()
    node.stop(drain_seconds=1)


def test_plain_port_can_be_switched_off(tls_settings, spool, registry, trust):
    node_settings = tls_settings.node.model_copy(update={"plain": False})
    node = Node(tls_settings.model_copy(update={"node": node_settings}), spool, registry)
    node.start()
    assert call(node.tls_port, identity(trust.pacs), trust.ca_file) < 10
    assert len(node._listeners) == 1
    node.stop(drain_seconds=1)


def test_client_certificate_may_be_left_out_where_the_setting_says_so(
    tls_settings, spool, registry, trust
):
    tls = tls_settings.tls.model_copy(update={"require_client_certificate": False})
    node = Node(tls_settings.model_copy(update={"tls": tls}), spool, registry)
    node.start()
    assert call(node.tls_port, Identity(), trust.ca_file) < 10
    with pytest.raises(TransientError):
        call(node.tls_port, identity(trust.stranger), trust.ca_file)
    node.stop(drain_seconds=1)


def test_new_certificate_is_taken_and_the_open_association_goes_on(
    tls_settings, spool, registry, trust, tmp_path
):
    mine = tls_settings.tls.model_copy(
        update={
            "certificate": shutil.copy(trust.node.certificate, tmp_path / "node.pem"),
            "private_key": shutil.copy(trust.node.private_key, tmp_path / "node.key"),
        }
    )
    node = Node(tls_settings.model_copy(update={"tls": mine}), spool, registry)
    node.start()
    before, after = (Path(one.certificate) for one in (trust.node, trust.renewed))
    assert shown(node) == before.read_text()
    sender = associate(node.port)
    shutil.copy(trust.renewed.certificate, tmp_path / "node.pem")
    node.renew()
    node.tend()  # half of the pair: refused, the one before stays in use
    assert shown(node) == before.read_text()
    shutil.copy(trust.renewed.private_key, tmp_path / "node.key")
    node.renew()
    node.tend()
    assert shown(node) == after.read_text()
    assert sender.send_c_store(mr_image()).Status == 0
    sender.release()
    node.stop(drain_seconds=5)


def shown(node):
    return ssl.get_server_certificate(("127.0.0.1", node.tls_port))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("exposed", Reason.PRIVATE_KEY_EXPOSED),
        ("other key", Reason.CERTIFICATE_UNUSABLE),
        ("passphrase", Reason.CERTIFICATE_UNUSABLE),
        ("gone", Reason.CERTIFICATE_UNUSABLE),
        ("no certificates", Reason.CERTIFICATE_UNUSABLE),
    ],
)
def test_files_that_cannot_be_used_stop_the_start(
    settings, spool, registry, trust, tmp_path, change, reason
):
    key, ca_file = tmp_path / "key.pem", trust.ca_file
    shutil.copy(trust.node.private_key, key)
    key.chmod(0o644 if change == "exposed" else 0o600)
    if change == "other key":
        shutil.copy(trust.pacs.private_key, key)
    if change == "passphrase":
        protect(trust.node.private_key, key)
    if change == "gone":
        key.unlink()
    if change == "no certificates":
        ca_file = str(save(mr_image(), tmp_path / "ca.pem"))
    tls = TlsSettings(
        port=0, certificate=trust.node.certificate, private_key=str(key), ca_file=ca_file
    )
    node = Node(settings.model_copy(update={"tls": tls}), spool, registry)
    with pytest.raises(ConfigurationError) as error:
        node.start()
    assert error.value.reason is reason
    assert str(tmp_path) in error.value.detail


def protect(private_key, path):
    options = ["-in", private_key, "-aes128", "-passout", "pass:x", "-out", str(path)]
    subprocess.run([find_program("openssl"), "ec", *options], check=True, capture_output=True)
    path.chmod(0o600)


def test_association_that_breaks_off_loses_nothing_that_was_acknowledged(
    tls_node, registry, spool, trust
):
    entity = AE(ae_title="ARCHIVE")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
    context = client_context(identity(trust.pacs), trust.ca_file)
    association = entity.associate(
        "127.0.0.1", tls_node.tls_port, ae_title="CMRTRIAGE", tls_args=(context, "localhost")
    )
    image = mr_image()
    assert association.send_c_store(image).Status == 0
    (stored,) = spool.incoming_files()
    assert dataset_bytes(stored) == encoded(image)
    association.dul.socket.socket.close()
    wait_for(lambda: tls_node.n_associations() == 0)
    (path,) = spool.incoming_files()
    assert dataset_bytes(path) == encoded(image)
