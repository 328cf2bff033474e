"""Taking a change back: what the audit trail says that it was before is put there again.

Only the newest state of a thing can be taken back: what somebody changed since is left alone. The
way back is a change like any other, checked and audited.
"""

from collections.abc import Callable, Mapping
from typing import Any

from plugin.domain.certificates import PeerTls
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.job import ConfirmMode
from plugin.domain.study import PeerKind
from plugin.domain.triage import default_policy_text
from plugin.registry import AuditRecord, Registry
from plugin.registry.marks import mark_of_values

_Undo = Callable[[Registry, AuditRecord, str], None]


def can_take_back(entry: AuditRecord) -> bool:
    """Tell whether an entry of the audit trail is of a kind that can be taken back."""
    return entry.action in _UNDO


def take_back(registry: Registry, entry_id: int, actor: str) -> None:
    """Take one change back.

    Raises
    ------
    ConfigurationError
        ``NOT_FOUND``: no such change. ``CHANGED_MEANWHILE``: something was changed since, so the
        way back would undo that too.
    """
    entry = registry.audit.get(entry_id)
    if entry is None or entry.action not in _UNDO:
        raise ConfigurationError(Reason.NOT_FOUND, "a change that can be taken back")
    _UNDO[entry.action](registry, entry, actor)


def _added_peer(registry: Registry, entry: AuditRecord, actor: str) -> None:
    after = entry.after or {}
    registry.peers.remove(after["ae_title"], actor=actor, expected=mark_of_values(after))


def _edited_peer(registry: Registry, entry: AuditRecord, actor: str) -> None:
    after = entry.after or {}
    registry.peers.edit(
        after["ae_title"], actor=actor, expected=mark_of_values(after), **_fields(entry.before)
    )


def _removed_peer(registry: Registry, entry: AuditRecord, actor: str) -> None:
    before = _fields(entry.before)
    before["kind"] = PeerKind(before["kind"])
    if "tls" in before:
        before["tls"] = PeerTls(before["tls"])
    registry.peers.add(**before, actor=actor)


def _added_destination(registry: Registry, entry: AuditRecord, actor: str) -> None:
    after = entry.after or {}
    registry.destinations.remove(after["name"], actor=actor, expected=mark_of_values(after))


def _edited_destination(registry: Registry, entry: AuditRecord, actor: str) -> None:
    after, before = entry.after or {}, _fields(entry.before)
    registry.destinations.edit(
        after["name"], actor=actor, expected=mark_of_values(after), **_located(before)
    )


def _removed_destination(registry: Registry, entry: AuditRecord, actor: str) -> None:
    before = _located(_fields(entry.before))
    before["confirm"] = ConfirmMode(before["confirm"])
    before["objects"] = tuple(before["objects"])
    registry.destinations.add(**before, actor=actor)


def _switched(registry: Registry, entry: AuditRecord, actor: str) -> None:
    everything = entry.subject == "everything"
    destination = None if everything else entry.subject.removeprefix("destination ")
    switches = registry.switches
    turn = switches.switch_on if entry.action == "switch.off" else switches.switch_off
    if not turn(actor, destination):
        raise ConfigurationError(Reason.CHANGED_MEANWHILE)


def _activated_policy(registry: Registry, entry: AuditRecord, actor: str) -> None:
    text = default_policy_text()
    if entry.before is not None:
        found = [one.text for one in registry.policies.history() if one.id == entry.before["id"]]
        if not found:
            raise ConfigurationError(Reason.NOT_FOUND, "the earlier policy")
        text = found[0]
    registry.policies.activate(text, actor, expected_id=(entry.after or {})["id"])


def _activated_bundle(registry: Registry, entry: AuditRecord, actor: str) -> None:
    bundle_id = (entry.before or {})["bundle_id"]
    registry.bundles.activate(bundle_id, actor, expected_id=(entry.after or {})["id"])


def _fields(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what people edit of a record as the audit trail keeps it."""
    return {name: value for name, value in (values or {}).items() if name != "id"}


def _located(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out host and port of a URL, which come from it."""
    if not values.get("url"):
        return values
    return {name: value for name, value in values.items() if name not in {"host", "port"}}


_UNDO: Mapping[str, _Undo] = {
    "peer.add": _added_peer,
    "peer.edit": _edited_peer,
    "peer.remove": _removed_peer,
    "destination.add": _added_destination,
    "destination.edit": _edited_destination,
    "destination.remove": _removed_destination,
    "switch.off": _switched,
    "switch.on": _switched,
    "policy.activate": _activated_policy,
    "bundle.activate": _activated_bundle,
}

CHANGES = frozenset(_UNDO)
"""Actions of the audit trail that can be taken back."""
