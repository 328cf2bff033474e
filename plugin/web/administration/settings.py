"""Settings: every one with its value and where that comes from; read-only."""

from plugin.settings import setting_rows
from plugin.web.administration.card import Card, Shown
from plugin.web.site import Site


def _show(site: Site) -> Shown:
    return {"settings": setting_rows(site.settings)}


CARD = Card("settings", "Settings", _show)
