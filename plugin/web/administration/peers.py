"""Peers: who may send here, how much they send, who was refused, and whether they answer."""

from datetime import UTC, datetime, timedelta

from plugin.domain.certificates import PeerTls
from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.request import RequestKind
from plugin.domain.study import PeerKind
from plugin.registry.associations import Traffic
from plugin.registry.marks import mark_of
from plugin.web.administration.card import Card, Done, Shown, seconds, whole
from plugin.web.site import Site
from plugin.web.visitor import Change

_RATE_OF = timedelta(hours=24)


def _show(site: Site) -> Shown:
    registry = site.registry
    return {
        "peers": registry.peers.list(),
        "traffic": traffic_of_last_day(site),
        "rejected": registry.associations.list_rejected(),
        "kinds": PeerKind,
        "tls_modes": PeerTls,
        "mark_of": mark_of,
        "sentences": SENTENCES,
        "unknown_peer": Reason.UNKNOWN_CALLING_AE_TITLE,
    }


def traffic_of_last_day(site: Site) -> dict[str, Traffic]:
    """Return by AE title what was sent within 24 hours; senders of nothing are left out."""
    return site.registry.associations.traffic(datetime.now(UTC) - _RATE_OF)


def _add(site: Site, change: Change) -> None:
    site.registry.peers.add(
        change["ae_title"],
        host=change["host"] or None,
        port=whole(change, "port"),
        kind=_kind(change),
        actor=change.visitor.name,
    )


def _edit(site: Site, change: Change) -> None:
    site.registry.peers.edit(
        change["name"],
        actor=change.visitor.name,
        expected=change["mark"],
        ae_title=change["ae_title"],
        host=change["host"] or None,
        port=whole(change, "port"),
        kind=_kind(change),
        quiet_seconds=seconds(change, "quiet_seconds"),
        cap_seconds=seconds(change, "cap_seconds"),
        tls=change["tls"] or PeerTls.ALLOWED,
        certificate_name=change["certificate_name"] or None,
        certificate_fingerprint=change["certificate_fingerprint"] or None,
        enabled=change["enabled"] == "on",
    )


def _remove(site: Site, change: Change) -> None:
    site.registry.peers.remove(
        change["name"], actor=change.visitor.name, expected=change["mark"] or None
    )


def _echo(site: Site, change: Change) -> Done:
    """Have the delivering process send a C-ECHO."""
    peer = site.registry.peers.get(change["name"])
    if peer is None:
        raise ConfigurationError(Reason.NOT_FOUND, "peer")
    return site.registry.requests.ask(
        RequestKind.ECHO_PEER,
        {"ae_title": peer.ae_title},
        change.visitor.name,
        f"peer {peer.ae_title}",
    )


def _kind(change: Change) -> PeerKind:
    return PeerKind(change["kind"]) if change["kind"] in set(PeerKind) else PeerKind.ARCHIVE


CARD = Card(
    "peers",
    "Peers",
    _show,
    {"add": _add, "edit": _edit, "remove": _remove, "echo": _echo},
)
