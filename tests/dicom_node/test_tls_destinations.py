"""Results out by TLS: to a destination that is who it should be, and in words why not."""

import socket
import ssl
import subprocess
import time
from contextlib import contextmanager

import pytest

from dicom_node.association import Address, Caller
from dicom_node.channels import caller_of, verify
from dicom_node.destination_loop import DestinationLoop
from dicom_node.sender import verify as echo
from dicom_node.tls import NOBODY, Identity
from plugin.domain.certificates import PeerTls
from plugin.domain.errors import Reason, TransientError
from plugin.domain.job import DeliveryState
from tests.dicom_node.destination import Destination, free_port
from tests.dicom_node.real_archives import orthanc
from tests.dicom_node.test_handlers import wait_for
from tests.programs import find_program


@pytest.fixture
def there():
    """Open a destination that shows a certificate (None: speaks no TLS)."""
    opened = []

    def make(pair=None, ca_file=None):
        context = None
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.private_key)
        if ca_file is not None:
            context.load_verify_locations(ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        opened.append(Destination(ssl_context=context))
        return opened[-1].port

    yield make
    for one in opened:
        one.stop()


def ask(port, ca_file, identity=NOBODY, name=None, seconds=3.0):
    address = Address("127.0.0.1", port, "PACS", tls=True, tls_name=name, ca_file=ca_file)
    return echo(address, Caller("CMRTRIAGE", seconds, identity))


def reason_of(*arguments, **named):
    with pytest.raises(TransientError) as error:
        ask(*arguments, **named)
    assert "127.0.0.1" in error.value.detail
    return error.value.reason


def test_server_is_checked_before_anything_is_said(there, trust):
    assert ask(there(trust.pacs), trust.ca_file) < 10
    unknown, expired = there(trust.stranger), there(trust.expired)
    assert reason_of(unknown, trust.ca_file) is Reason.DESTINATION_CERTIFICATE
    assert reason_of(unknown, None) is Reason.DESTINATION_CERTIFICATE  # the system's authorities
    assert reason_of(expired, trust.ca_file) is Reason.DESTINATION_CERTIFICATE_EXPIRED


def test_name_in_the_certificate_must_be_the_one_that_is_called(there, trust):
    port = there(trust.misnamed)
    assert reason_of(port, trust.ca_file) is Reason.DESTINATION_CERTIFICATE_NAME
    assert ask(port, trust.ca_file, name="elsewhere.hospital") < 10


def test_certificate_of_the_server_itself_may_be_trusted(there, trust):
    """As many archives are set up: no authority, each trusts the other's certificate."""
    assert ask(there(trust.pacs), trust.pacs.certificate) < 10
    other = there(trust.renewed)
    assert reason_of(other, trust.pacs.certificate) is Reason.DESTINATION_CERTIFICATE


def test_server_that_wants_our_certificate(there, trust):
    port = there(trust.pacs, ca_file=trust.ca_file)
    assert reason_of(port, trust.ca_file) is Reason.DESTINATION_WANTS_CERTIFICATE
    ours = Identity(trust.node.certificate, trust.node.private_key)
    assert ask(port, trust.ca_file, ours) < 10


def test_files_of_ours_that_cannot_be_used_are_named(there, trust, tmp_path):
    port = there(trust.pacs)
    with pytest.raises(TransientError) as error:
        ask(port, str(tmp_path / "gone.pem"))
    assert error.value.reason is Reason.CERTIFICATE_UNUSABLE
    assert "gone.pem" in error.value.detail


def test_server_without_tls_is_told_from_none_at_all(there, trust, tmp_path):
    assert reason_of(there(), trust.ca_file) is Reason.DESTINATION_WITHOUT_TLS
    assert reason_of(free_port(), trust.ca_file) is Reason.DESTINATION_UNREACHABLE
    with storescp(tmp_path) as port:  # it breaks the connection
        assert reason_of(port, trust.ca_file) is Reason.DESTINATION_WITHOUT_TLS
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert reason_of(port, trust.ca_file, seconds=0.3) is Reason.DESTINATION_WITHOUT_TLS


@contextmanager
def storescp(folder, *options):
    port = free_port()
    command = [find_program("storescp"), *options, "-aet", "PACS", "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: listens(port))
            yield port
        finally:
            running.terminate()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_results_go_to_dcmtk_by_mutual_tls(tls_settings, registry, publish, trust, tmp_path):
    folder = tmp_path / "pacs"
    folder.mkdir()
    security = ["+tls", trust.pacs.private_key, trust.pacs.certificate, "+cf", trust.ca_file]
    with storescp(folder, *security) as port:
        destination = registry.destinations.add(
            "pacs", ae_title="PACS", host="127.0.0.1", port=port, tls=True, confirm="none"
        )
        assert verify(destination, caller_of(tls_settings)).instead == {}
        job_id = publish("sr", "summary")
        DestinationLoop(destination, tls_settings, registry).step()
        assert len(list(folder.iterdir())) == 2
        without = Caller("CMRTRIAGE", 3.0)
        address = Address("127.0.0.1", port, "PACS", tls=True, ca_file=trust.ca_file)
        with pytest.raises(TransientError) as error:
            echo(address, without)
        assert error.value.reason is Reason.DESTINATION_WANTS_CERTIFICATE
    states = {one.state for one in registry.deliveries.for_job(job_id)}
    assert states == {DeliveryState.SENT}


def test_failure_of_tls_rests_the_destination_and_says_why(
    tls_settings, registry, publish, there, trust
):
    """The breaker opens, nothing is given up, and the reason stands where people look."""
    port = there(trust.expired)
    destination = registry.destinations.add(
        "pacs", ae_title="PACS", host="127.0.0.1", port=port, tls=True
    )
    job_id = publish("sr")
    loop = DestinationLoop(destination, tls_settings, registry)
    for _ in range(tls_settings.delivery.failures_until_open):
        loop.step()
        time.sleep(0.3)
    health = registry.health.get(destination.id)
    assert health.last_reason is Reason.DESTINATION_CERTIFICATE_EXPIRED
    assert health.open_since is not None
    (delivery,) = registry.deliveries.for_job(job_id)
    assert delivery.state is DeliveryState.PENDING
    assert delivery.last_reason is Reason.DESTINATION_CERTIFICATE_EXPIRED


@pytest.mark.system
def test_orthanc_takes_commits_and_reports_back_by_mutual_tls(
    tls_settings, tls_node, registry, spool, publish, trust, tmp_path
):
    delivery = tls_settings.delivery.model_copy(
        update={
            "confirm_after_seconds": 0.1,
            "commitment_wait_seconds": 0.1,
            "connection_timeout_seconds": 10,
        }
    )
    settings = tls_settings.model_copy(update={"delivery": delivery})
    with orthanc(tmp_path / "orthanc", tls_node.tls_port, (trust.pacs, trust.ca_file)) as there:
        destination = registry.destinations.add(
            "pacs", ae_title="ORTHANC", host="127.0.0.1", port=there.port, tls=True
        )
        job_id = publish("sr", "summary")
        loop = DestinationLoop(destination, settings, registry)
        wait_for(lambda: (loop.step(), all_confirmed(registry, job_id))[1])
        assert all_confirmed(registry, job_id)
        assert {one.confirmed_by for one in registry.deliveries.for_job(job_id)} == {"commitment"}
        assert len(there.stored()) == 2
        # Its images come the same way.
        registry.peers.add("ORTHANC", tls=PeerTls.REQUIRED, certificate_name="pacs.hospital")
        there.ask("/modalities/triage/store", data=there.ask("/instances"))
        assert len(spool.incoming_files()) == 2
    assert registry.associations.list_rejected() == []


def all_confirmed(registry, job_id):
    found = registry.deliveries.for_job(job_id)
    return bool(found) and all(one.state is DeliveryState.CONFIRMED for one in found)
