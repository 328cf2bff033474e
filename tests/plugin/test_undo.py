"""Taking changes back: as it was before, audited, and never over somebody else's later change."""

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.triage import default_policy_text
from plugin.registry import Registry
from plugin.undo import CHANGES, can_take_back, take_back

PEER = {"host": "10.0.0.1", "port": 104, "quiet_seconds": 30.0}
DICOM = {"ae_title": "PACS", "host": "10.0.0.1", "port": 104}
WEB = {"url": "https://pacs.example:8443/dicom-web"}


@pytest.fixture
def registry(tmp_path):
    with Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}") as registry:
        registry.migrate()
        yield registry


def undo_last(registry):
    entry = registry.audit.list(1)[0]
    assert can_take_back(entry)
    take_back(registry, entry.id, "admin")
    return registry.audit.list(1)[0]


def test_peer_comes_back_as_it_was(registry):
    first = registry.peers.add("PACS", **PEER)
    registry.peers.edit("PACS", ae_title="OTHER", host=None, enabled=False)
    assert undo_last(registry).actor == "admin"
    assert registry.peers.get("PACS") == first
    registry.peers.remove("PACS")
    undo_last(registry)
    assert registry.peers.get("PACS").port == 104
    undo_last(registry)
    assert registry.peers.list() == []


@pytest.mark.parametrize("where", [DICOM, WEB])
def test_destination_comes_back_as_it_was(registry, where):
    first = registry.destinations.add("archive", objects=("sr", "summary"), **where)
    registry.destinations.edit("archive", name="other", objects=("sr",), reject_superseded=True)
    undo_last(registry)
    assert registry.destinations.get("archive") == first
    registry.destinations.remove("archive")
    undo_last(registry)
    back = registry.destinations.get("archive")
    assert (back.objects, back.url, back.host) == (first.objects, first.url, first.host)
    undo_last(registry)
    assert registry.destinations.list() == []


def test_address_of_a_destination_comes_back(registry):
    registry.destinations.add("archive", **DICOM)
    registry.destinations.edit("archive", **WEB)
    undo_last(registry)
    back = registry.destinations.get("archive")
    assert (back.url, back.host, back.ae_title) == (None, "10.0.0.1", "PACS")


def test_what_was_changed_since_is_not_undone(registry):
    registry.peers.add("PACS")
    registry.peers.edit("PACS", host="10.0.0.2")
    entry = registry.audit.list(1)[0]
    registry.peers.edit("PACS", port=104, actor="somebody else")
    with pytest.raises(ConfigurationError) as refused:
        take_back(registry, entry.id, "admin")
    assert refused.value.reason is Reason.CHANGED_MEANWHILE
    assert registry.peers.get("PACS").host == "10.0.0.2"


def test_switches_turn_back_once(registry):
    registry.destinations.add("archive", **DICOM)
    for destination in (None, "archive"):
        registry.switches.switch_off("someone", destination)
        entry = registry.audit.list(1)[0]
        take_back(registry, entry.id, "admin")
        assert registry.switches.state().off == ()
        with pytest.raises(ConfigurationError):
            take_back(registry, entry.id, "admin")


def test_policy_and_bundle_go_back(registry):
    text = default_policy_text().replace('version = "', 'version = "x', 1)
    registry.policies.activate(text, "admin")
    undo_last(registry)
    assert registry.policies.current().text == default_policy_text()
    bundle = registry.bundles.verified("a" * 64, "unet", "1.0.0", "/b", {}, "worker")
    registry.bundles.activate(bundle.id, "admin")
    undo_last(registry)
    assert registry.bundles.in_force() is None


@pytest.mark.parametrize("action", ["study.requeue", ""])
def test_other_entries_are_not_taken_back(registry, action):
    registry.audit.add("admin", "study.requeue", "study x")
    number = registry.audit.list(1)[0].id if action else 99
    with pytest.raises(ConfigurationError) as refused:
        take_back(registry, number, "admin")
    assert refused.value.reason is Reason.NOT_FOUND
    assert registry.audit.list(actions=CHANGES) == []
