"""The first card: is everything well, is anything held back, what was changed last."""

from plugin.undo import CHANGES, can_take_back, take_back
from plugin.web.administration.card import Card, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change

_N_CHANGES = 20


def _show(site: Site) -> Shown:
    return {
        "lights": site.lights(),
        "held": site.registry.switches.state(),
        "policy": site.registry.policies.in_force(),
        "bundle": site.registry.bundles.in_force(),
        "changes": site.registry.audit.list(_N_CHANGES, actions=CHANGES),
        "can_take_back": can_take_back,
    }


def _switch_off(site: Site, change: Change) -> None:
    site.registry.switches.switch_off(change.visitor.name)


def _switch_on(site: Site, change: Change) -> None:
    site.registry.switches.switch_on(change.visitor.name)


def _take_back(site: Site, change: Change) -> None:
    take_back(site.registry, whole(change, "entry") or 0, change.visitor.name)


CARD = Card(
    "overview",
    "Overview",
    _show,
    {"off": _switch_off, "on": _switch_on, "undo": _take_back},
)
