"""Senders and destinations: checked, audited, live."""

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.objects import OBJECT_KINDS
from plugin.domain.study import PeerKind
from plugin.registry.marks import mark_of


def test_peer_is_found_by_its_exact_title(registry):
    added = registry.peers.add(" PACS ", host="10.0.0.1", kind="modality", quiet_seconds=30)

    assert added.ae_title == "PACS"
    assert added.kind is PeerKind.MODALITY
    assert registry.peers.get("PACS") == added
    assert registry.peers.get("pacs") is None
    assert registry.peers.list() == [added]


def test_peer_edit_changes_only_what_is_named(registry):
    registry.peers.add("PACS", host="10.0.0.1", port=104)

    edited = registry.peers.edit("PACS", enabled=False, host=None, actor="somebody")

    assert (edited.enabled, edited.host, edited.port) == (False, None, 104)
    entry = registry.audit.list()[0]
    assert (entry.actor, entry.action, entry.subject) == ("somebody", "peer.edit", "peer PACS")
    assert entry.before["enabled"] is True
    assert entry.after["enabled"] is False


def test_peer_may_be_renamed(registry):
    registry.peers.add("OLD")
    assert registry.peers.edit("OLD", ae_title="NEW").ae_title == "NEW"
    assert registry.peers.get("OLD") is None


def test_peer_seen_is_noted(registry, clock):
    registry.peers.add("PACS")
    registry.peers.seen("PACS")
    registry.peers.seen("STRANGER")
    assert registry.peers.get("PACS").last_seen_at == clock.now


def test_peer_remove_is_audited(registry):
    registry.peers.add("PACS")
    registry.peers.remove("PACS", actor="somebody")
    assert registry.peers.list() == []
    assert [e.action for e in registry.audit.list()] == ["peer.remove", "peer.add"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ae_title": ""}, "''"),
        ({"ae_title": "SEVENTEENLETTERSX"}, "SEVENTEENLETTERSX"),
        ({"ae_title": "A\\B"}, "A"),
        ({"ae_title": "A", "port": 70000}, "port"),
        ({"ae_title": "A", "kind": "scanner"}, "archive, modality"),
        ({"ae_title": "A", "quiet_seconds": 0}, "quiet_seconds"),
        ({"ae_title": "A", "cap_seconds": float("nan")}, "cap_seconds"),
    ],
)
def test_peer_add_refuses_what_cannot_be(registry, values, words):
    with pytest.raises(ConfigurationError) as refused:
        registry.peers.add(**values)
    assert words in refused.value.detail
    assert registry.peers.list() == []


def test_peer_add_refuses_a_second_one(registry):
    registry.peers.add("PACS")
    with pytest.raises(ConfigurationError, match="exists already"):
        registry.peers.add("PACS")
    assert len(registry.audit.list()) == 1


@pytest.mark.parametrize("subject", ["peers", "destinations"])
def test_edit_and_remove_of_nothing_say_so(registry, subject):
    repository = getattr(registry, subject)
    for change in (lambda: repository.edit("X", enabled=True), lambda: repository.remove("X")):
        with pytest.raises(ConfigurationError) as refused:
            change()
        assert refused.value.reason is Reason.NOT_FOUND


def test_edit_refuses_a_field_that_does_not_exist(registry):
    registry.peers.add("PACS")
    with pytest.raises(TypeError, match="prot"):
        registry.peers.edit("PACS", prot=104)
    with pytest.raises(TypeError, match="id"):
        registry.peers.edit("PACS", id=7)


def test_destination_keeps_objects_in_one_order(registry):
    added = registry.destinations.add(
        "pacs", ae_title="PACS", host="h", port=104, objects=("contours", "sr")
    )
    assert added.objects == ("sr", "contours")
    edited = registry.destinations.edit("pacs", objects=("summary",), port=105)
    assert (edited.objects, edited.port, edited.host) == (("summary",), 105, "h")
    assert registry.destinations.get("pacs") == edited
    assert [e.action for e in registry.audit.list()] == ["destination.edit", "destination.add"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objects": ()}, "objects"),
        ({"objects": ("film",)}, ", ".join(OBJECT_KINDS)),
        ({"host": " "}, "host"),
        ({"port": 0}, "port"),
        ({"port": None}, "port"),
        ({"name": ""}, "name"),
        ({"ae_title": "\n"}, ""),
    ],
)
def test_destination_refuses_what_cannot_be(registry, change, words):
    values = {"name": "pacs", "ae_title": "PACS", "host": "h", "port": 104}
    with pytest.raises(ConfigurationError) as refused:
        registry.destinations.add(**(values | change))
    assert words in refused.value.detail


def test_destination_names_are_unique(registry):
    registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)
    with pytest.raises(ConfigurationError, match="exists already"):
        registry.destinations.add("pacs", ae_title="PACS2", host="h", port=104)


def test_who_comes_second_is_told_what_was_changed_by_whom(registry):
    mark = mark_of(registry.peers.add("PACS", port=104))
    registry.peers.edit("PACS", port=105, actor="kate", expected=mark)
    for change in (
        lambda: registry.peers.edit("PACS", port=106, expected=mark),
        lambda: registry.peers.remove("PACS", expected=mark),
    ):
        with pytest.raises(ConfigurationError) as refused:
            change()
        assert refused.value.reason is Reason.CHANGED_MEANWHILE
        assert refused.value.detail == "port: 104 -> 105 by kate"


def test_what_was_changed_at_a_destination_is_told_past_other_entries(registry):
    mark = mark_of(registry.destinations.add("pacs", ae_title="PACS", host="h", port=104))
    registry.destinations.edit("pacs", objects=("sr",), actor="kate")
    registry.destinations.retry("pacs", actor="bob")
    with pytest.raises(ConfigurationError, match=r"objects: .*summary.* -> sr by kate\)"):
        registry.destinations.edit("pacs", enabled=False, expected=mark)


def test_peer_bound_to_a_certificate_must_come_by_tls(registry):
    registry.peers.add("PACS", tls="required", certificate_fingerprint="AB:" * 31 + "AB")
    assert registry.peers.get("PACS").certificate_fingerprint == "ab" * 32
    with pytest.raises(ConfigurationError, match="tls is required"):
        registry.peers.edit("PACS", tls="allowed")
    registry.peers.edit("PACS", tls="allowed", certificate_fingerprint="")
    with pytest.raises(ConfigurationError, match="tls is required"):
        registry.peers.edit("PACS", certificate_name="pacs.hospital")


def test_destination_without_tls_has_no_certificates(registry):
    there = {"ae_title": "PACS", "host": "10.0.0.5", "port": 2762}
    with pytest.raises(ConfigurationError, match="with TLS"):
        registry.destinations.add("pacs", **there, ca_file="/ca.pem")
    registry.destinations.add("pacs", **there, tls=True, ca_file="/ca.pem", tls_name="pacs")
    plain = registry.destinations.edit("pacs", tls=False)
    assert (plain.tls, plain.ca_file, plain.tls_name) == (False, None, None)
    registry.destinations.edit("pacs", tls=True, tls_name="pacs")
    web = registry.destinations.edit("pacs", url="https://pacs/dicom-web", ca_file="/ca.pem")
    assert (web.tls, web.tls_name, web.ca_file) == (False, None, "/ca.pem")
