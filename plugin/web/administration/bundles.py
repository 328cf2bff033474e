"""Model bundles: which one decides, which there are, verified, activated, rolled back."""

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.request import RequestKind
from plugin.registry.bundles import BundleRecord
from plugin.web.administration.card import Card, Done, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change


def _show(site: Site) -> Shown:
    bundles = site.registry.bundles
    known = bundles.list()
    history = bundles.history()
    return {
        "bundles": known,
        "names": {one.id: f"{one.name} {one.version}" for one in known},
        "in_force": bundles.in_force(),
        "history": history,
        "expected": history[0].id if history else 0,
        "of_settings": site.settings.worker.bundle or "the shipped one",
        "workers": [one for one in site.registry.heartbeats.list() if one.kind == "worker"],
    }


def _verify(site: Site, change: Change) -> Done:
    """Have a worker hash every file and run the golden run."""
    found = _wanted(site, change)
    return site.registry.requests.ask(
        RequestKind.VERIFY_BUNDLE,
        {"bundle_id": found.id},
        change.visitor.name,
        f"bundle {found.name} {found.version}",
    )


def _activate(site: Site, change: Change) -> None:
    expected = whole(change, "expected")
    site.registry.bundles.activate(
        _wanted(site, change).id, change.visitor.name, expected_id=expected
    )


def _roll_back(site: Site, change: Change) -> None:
    expected = whole(change, "expected")
    site.registry.bundles.rollback(change.visitor.name, expected_id=expected)


def _of_settings(site: Site, change: Change) -> None:
    """Let the settings name the bundle again."""
    expected = whole(change, "expected")
    site.registry.bundles.activate(None, change.visitor.name, expected_id=expected)


def _wanted(site: Site, change: Change) -> BundleRecord:
    found = site.registry.bundles.get(whole(change, "bundle") or 0)
    if found is None:
        raise ConfigurationError(Reason.NOT_FOUND, "bundle")
    return found


CARD = Card(
    "bundles",
    "Model bundles",
    _show,
    {
        "verify": _verify,
        "activate": _activate,
        "rollback": _roll_back,
        "of-settings": _of_settings,
    },
)
