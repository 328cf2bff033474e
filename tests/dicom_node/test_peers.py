import pytest

from dicom_node.peers import KnownPeer, Proof, reason_to_reject, same_address
from plugin.domain.errors import Reason

ANYWHERE = KnownPeer(host=None, enabled=True)


@pytest.mark.parametrize(
    ("called", "peer", "unknown_allowed", "reason"),
    [
        ("NODE", ANYWHERE, False, None),
        (" NODE ", ANYWHERE, False, None),
        ("node", ANYWHERE, False, Reason.WRONG_CALLED_AE_TITLE),
        ("OTHER", None, True, Reason.WRONG_CALLED_AE_TITLE),
        ("NODE", None, False, Reason.UNKNOWN_CALLING_AE_TITLE),
        ("NODE", None, True, None),
        ("NODE", KnownPeer(None, enabled=False), True, Reason.PEER_DISABLED),
        ("NODE", KnownPeer("10.0.0.5", enabled=True), False, None),
        ("NODE", KnownPeer("10.0.0.6", enabled=True), True, Reason.CALLING_ADDRESS_MISMATCH),
    ],
)
def test_association_is_admitted_or_rejected(called, peer, unknown_allowed, reason):
    assert reason is reason_to_reject(
        called_ae_title=called,
        our_ae_title="NODE",
        address="10.0.0.5",
        peer=peer,
        proof=None,
        accept_unknown_peers=unknown_allowed,
    )


BOUND = KnownPeer(
    None,
    enabled=True,
    needs_tls=True,
    certificate_name="pacs.hospital",
    certificate_fingerprint="ab" * 32,
)
ANY_CERTIFICATE = KnownPeer(None, enabled=True, needs_tls=True)


@pytest.mark.parametrize(
    ("peer", "proof", "reason"),
    [
        (ANYWHERE, Proof((), None), None),
        (ANY_CERTIFICATE, None, Reason.TLS_REQUIRED),
        (ANY_CERTIFICATE, Proof((), None), None),  # who wants a certificate asks in the handshake
        (BOUND, None, Reason.TLS_REQUIRED),
        (BOUND, Proof((), None), Reason.CERTIFICATE_NOT_OF_PEER),
        (BOUND, Proof(("PACS.hospital",), "ab" * 32), None),
        (BOUND, Proof(("PACS", "pacs.hospital"), "ab" * 32), None),
        (BOUND, Proof(("pacs.hospital",), "cd" * 32), Reason.CERTIFICATE_NOT_OF_PEER),
        (BOUND, Proof(("x.pacs.hospital",), "ab" * 32), Reason.CERTIFICATE_NOT_OF_PEER),
    ],
)
def test_ae_title_alone_is_no_proof(peer, proof, reason):
    assert reason is reason_to_reject(
        called_ae_title="NODE",
        our_ae_title="NODE",
        address="10.0.0.5",
        peer=peer,
        proof=proof,
        accept_unknown_peers=True,
    )


@pytest.mark.parametrize(
    ("host", "address", "same"),
    [
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "::ffff:10.0.0.5", True),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("scanner", "10.0.0.7", True),
        ("scanner", "10.0.0.8", False),
        ("nowhere", "10.0.0.7", False),
    ],
)
def test_addresses_are_compared_as_addresses(host, address, same):
    names = {"scanner": ["10.0.0.7", "2001:db8::7"], "nowhere": []}
    assert same_address(host, address, names.__getitem__) is same
