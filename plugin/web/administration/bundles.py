"""Model bundles: which one decides, which there are; verified, activated, rolled back, removed."""

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.licences import permitted_use
from plugin.domain.request import RequestKind
from plugin.registry.bundles import BundleRecord
from plugin.registry.requests import RequestRecord
from plugin.web.administration.card import Card, Done, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change


def _show(site: Site) -> Shown:
    bundles = site.registry.bundles
    history = bundles.history()
    return {
        "bundles": bundles.list(),
        "permits": permitted_use,
        "needed": bundles.needed(),
        "in_force": bundles.in_force(),
        "history": history,
        "expected": history[0].id if history else 0,
        "of_settings": site.settings.worker.bundle or "acdc-unet, the default",
        "workers": [one for one in site.registry.heartbeats.list() if one.kind == "worker"],
    }


def _verify(site: Site, change: Change) -> Done:
    """Have a worker hash every file and run the golden run."""
    found = _wanted(site, change)
    return ask_about_bundle(site, RequestKind.VERIFY_BUNDLE, found, change.visitor.name)


def _remove(site: Site, change: Change) -> Done:
    """Have a worker delete a bundle that nobody needs."""
    found = _wanted(site, change)
    return ask_about_bundle(site, RequestKind.REMOVE_BUNDLE, found, change.visitor.name)


def ask_about_bundle(
    site: Site, kind: RequestKind, bundle: BundleRecord, actor: str
) -> RequestRecord:
    """Ask a worker to do something with a bundle.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_IN_USE``: one to be removed is needed.
    """
    label = f"{bundle.name} {bundle.version}"
    if kind is RequestKind.REMOVE_BUNDLE and bundle.id in site.registry.bundles.needed():
        raise ConfigurationError(Reason.BUNDLE_IN_USE, label)
    return site.registry.requests.ask(kind, {"bundle_id": bundle.id}, actor, f"bundle {label}")


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
        "remove": _remove,
        "activate": _activate,
        "rollback": _roll_back,
        "of-settings": _of_settings,
    },
)
