"""Destinations: where results go, what they get, whether they answer and confirm."""

from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.job import ConfirmMode
from plugin.domain.objects import OBJECT_KINDS, with_class
from plugin.domain.request import RequestKind
from plugin.registry import DestinationRecord
from plugin.registry.marks import mark_of
from plugin.web.administration.card import Card, Done, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change


def _show(site: Site) -> Shown:
    registry = site.registry
    destinations = registry.destinations.list()
    return {
        "destinations": destinations,
        "health": {one.id: registry.health.get(one.id) for one in destinations},
        "substitutions": registry.health.substitutions(),
        "open_commitments": {
            one.id: registry.commitments.open_transactions(one.id) for one in destinations
        },
        "counts": registry.deliveries.counts(),
        "object_kinds": OBJECT_KINDS,
        "confirm_modes": ConfirmMode,
        "with_class": with_class,
        "mark_of": mark_of,
        "sentences": SENTENCES,
    }


def _add(site: Site, change: Change) -> None:
    site.registry.destinations.add(
        change["name"],
        ae_title=change["ae_title"],
        host=change["host"] or None,
        port=whole(change, "port"),
        url=change["url"] or None,
        tls=change["tls"] == "on",
        tls_name=change["tls_name"] or None,
        actor=change.visitor.name,
    )


def _edit(site: Site, change: Change) -> None:
    site.registry.destinations.edit(
        change["name"],
        actor=change.visitor.name,
        expected=change["mark"],
        name=change["new_name"] or change["name"],
        ae_title=change["ae_title"],
        host=change["host"] or None,
        port=whole(change, "port"),
        url=change["url"] or None,
        tls=change["tls"] == "on",
        tls_name=change["tls_name"] or None,
        credentials_file=change["credentials_file"] or None,
        ca_file=change["ca_file"] or None,
        confirm=change["confirm"] or ConfirmMode.AUTO,
        objects=tuple(kind for kind in OBJECT_KINDS if change[f"object-{kind}"] == "on"),
        reject_superseded=change["reject_superseded"] == "on",
        enabled=change["enabled"] == "on",
    )


def _remove(site: Site, change: Change) -> None:
    site.registry.destinations.remove(
        change["name"], actor=change.visitor.name, expected=change["mark"] or None
    )


def _retry(site: Site, change: Change) -> None:
    """Have everything that was given up at one destination sent again."""
    site.registry.destinations.retry(change["name"], actor=change.visitor.name)


def _forget(site: Site, change: Change) -> None:
    forget_learnt(site, _wanted(site, change), change.visitor.name)


def forget_learnt(site: Site, destination: DestinationRecord, actor: str) -> None:
    """Forget what was learnt of a destination, so that it gets every kind again."""
    site.registry.health.forget(destination.id)
    site.registry.audit.add(actor, "destination.forget", f"destination {destination.name}")


def _test(site: Site, change: Change) -> Done:
    """Have the delivering process ask what the destination takes and how it confirms."""
    found = _wanted(site, change)
    return site.registry.requests.ask(
        RequestKind.TEST_DESTINATION,
        {"name": found.name},
        change.visitor.name,
        f"destination {found.name}",
    )


def _switch_off(site: Site, change: Change) -> None:
    site.registry.switches.switch_off(change.visitor.name, change["name"])


def _switch_on(site: Site, change: Change) -> None:
    site.registry.switches.switch_on(change.visitor.name, change["name"])


def _wanted(site: Site, change: Change) -> DestinationRecord:
    found = site.registry.destinations.get(change["name"])
    if found is None:
        raise ConfigurationError(Reason.NOT_FOUND, "destination")
    return found


CARD = Card(
    "destinations",
    "Destinations",
    _show,
    {
        "add": _add,
        "edit": _edit,
        "remove": _remove,
        "retry": _retry,
        "forget": _forget,
        "test": _test,
        "off": _switch_off,
        "on": _switch_on,
    },
)
