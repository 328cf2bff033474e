"""What an administrator sees: health, senders, destinations, what was refused or not delivered.

Every control stands for something that the registry can do; a change is made on the state that the
page showed, or refused when somebody else changed it meanwhile.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import SENTENCES, ConfigurationError, Reason
from plugin.domain.job import DeliveryState
from plugin.domain.objects import OBJECT_KINDS
from plugin.domain.study import PeerKind
from plugin.registry.marks import mark_of
from plugin.settings import setting_rows
from plugin.web.site import Site
from plugin.web.status import lights
from plugin.web.visitor import Change, Door, Visitor

ADDRESS = "/administration"
_N_SHOWN = 100


def administration_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of the administration page."""
    routes = APIRouter(include_in_schema=False)
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    admin_change = Annotated[Change, Depends(door.change(Permission.ADMINISTER))]

    @routes.get(ADDRESS)
    def administration(request: Request, visitor: admin) -> Response:
        return _page(site, request, visitor)

    @routes.post(f"{ADDRESS}/{{what}}/{{action}}")
    def act(request: Request, what: str, action: str, change: admin_change) -> Response:
        do = ACTIONS.get((what, action))
        if do is None:
            raise HTTPException(404)
        try:
            do(site, change)
        except ConfigurationError as error:
            status_code = 409 if error.reason is Reason.CHANGED_MEANWHILE else 422
            return _page(site, request, change.visitor, error.sentence, status_code)
        return RedirectResponse(f"{ADDRESS}#{what}", 303)

    return routes


def _page(
    site: Site, request: Request, visitor: Visitor, words: str = "", status_code: int = 200
) -> Response:
    registry = site.registry
    dead = registry.deliveries.list(states=[DeliveryState.DEAD], limit=_N_SHOWN)
    destinations = registry.destinations.list()
    shown: dict[str, Any] = {
        "words": words,
        "lights": lights(site.settings, site.spool, site.ask_queue),
        "peers": registry.peers.list(),
        "destinations": destinations,
        "health": {one.id: registry.health.get(one.id) for one in destinations},
        "substitutions": registry.health.substitutions(),
        "counts": registry.deliveries.counts(),
        "dead": dead,
        "rejected": registry.associations.list_rejected(),
        "quarantine": registry.studies.quarantine_list(),
        "policy": registry.policies.in_force().label,
        "policies": registry.policies.history(limit=10),
        "settings": setting_rows(site.settings),
        "sentences": SENTENCES,
        "kinds": PeerKind,
        "object_kinds": OBJECT_KINDS,
        "mark_of": mark_of,
        "held": site.registry.switches.state(),
    }
    return site.page(request, "administration.html", visitor, status_code, **shown)


def _add_peer(site: Site, change: Change) -> None:
    site.registry.peers.add(
        change["ae_title"],
        host=change["host"] or None,
        port=_whole(change, "port"),
        kind=_kind(change),
        actor=change.visitor.name,
    )


def _edit_peer(site: Site, change: Change) -> None:
    site.registry.peers.edit(
        change["name"],
        actor=change.visitor.name,
        expected=change["mark"],
        host=change["host"] or None,
        port=_whole(change, "port"),
        kind=_kind(change),
        enabled=change["enabled"] == "on",
    )


def _remove_peer(site: Site, change: Change) -> None:
    site.registry.peers.remove(change["name"], actor=change.visitor.name)


def _add_destination(site: Site, change: Change) -> None:
    url = change["url"] or None
    site.registry.destinations.add(
        change["name"],
        ae_title=change["ae_title"],
        host=change["host"] or None,
        port=_whole(change, "port"),
        url=url,
        actor=change.visitor.name,
    )


def _edit_destination(site: Site, change: Change) -> None:
    objects = tuple(kind for kind in OBJECT_KINDS if change[f"object-{kind}"] == "on")
    site.registry.destinations.edit(
        change["name"],
        actor=change.visitor.name,
        expected=change["mark"],
        objects=objects,
        enabled=change["enabled"] == "on",
    )


def _remove_destination(site: Site, change: Change) -> None:
    site.registry.destinations.remove(change["name"], actor=change.visitor.name)


def _retry(site: Site, change: Change) -> None:
    """Have everything that was given up at one destination sent again."""
    site.registry.destinations.retry(change["name"], actor=change.visitor.name)


def _switch_off(site: Site, change: Change) -> None:
    site.registry.switches.switch_off(change.visitor.name, change["name"] or None)


def _switch_on(site: Site, change: Change) -> None:
    site.registry.switches.switch_on(change.visitor.name, change["name"] or None)


def _roll_back(site: Site, change: Change) -> None:
    site.registry.policies.rollback(change.visitor.name)


ACTIONS: dict[tuple[str, str], Callable[[Site, Change], None]] = {
    ("peers", "add"): _add_peer,
    ("peers", "edit"): _edit_peer,
    ("peers", "remove"): _remove_peer,
    ("destinations", "add"): _add_destination,
    ("destinations", "edit"): _edit_destination,
    ("destinations", "remove"): _remove_destination,
    ("destinations", "retry"): _retry,
    ("switches", "off"): _switch_off,
    ("switches", "on"): _switch_on,
    ("policy", "rollback"): _roll_back,
}
"""What the page can do, by section and button."""


def _whole(change: Change, field: str) -> int | None:
    text = change[field]
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 5:  # noqa: PLR2004
        raise ConfigurationError(Reason.SETTING_INVALID, f"{field} is a number")
    return int(text)


def _kind(change: Change) -> PeerKind:
    return PeerKind(change["kind"]) if change["kind"] in set(PeerKind) else PeerKind.ARCHIVE
