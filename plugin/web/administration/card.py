"""What a card is: an address, what it shows, and what its buttons do. Knows no subject."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.requests import RequestRecord
from plugin.web.site import Site
from plugin.web.visitor import Change

ADDRESS = "/administration"

Shown = dict[str, Any]
Done = Shown | RequestRecord | None
"""What a button gives: something to show at once, a request that is under way, or nothing more."""


@dataclass(frozen=True, slots=True)
class Card:
    """One page of the administration.

    Attributes
    ----------
    key
        Last part of its address, and name of its template.
    show
        Returns what its template shows.
    actions
        What its buttons do; a ``ConfigurationError`` is shown as a sentence.
    keep
        Returns what somebody wrote, to be shown again beside such a sentence.
    """

    key: str
    title: str
    show: Callable[[Site], Shown]
    actions: Mapping[str, Callable[[Site, Change], Done]] = field(default_factory=dict)
    keep: Callable[[Change], Shown] = lambda _change: {}


def whole(change: Change, name: str) -> int | None:
    """Return a whole number of a form, None where the field is empty.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``.
    """
    text = change[name]
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004
        raise ConfigurationError(Reason.SETTING_INVALID, f"{name} is a whole number")
    return int(text)


def seconds(change: Change, name: str) -> float | None:
    """Return a time of a form in seconds; None where the field is empty.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``.
    """
    text = change[name]
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{name} is a number") from None
