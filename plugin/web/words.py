"""How names, times and numbers of the registry read on a page. Pure functions, used as filters."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

_DASH = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DATE_DIGITS = 8
_DIGEST_CHARACTERS = 64
_MEBIBYTE, _GIBIBYTE = 1024**2, 1024**3
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_SHORT: Mapping[str, str] = {
    f"{_STORAGE}4": "MR",
    f"{_STORAGE}4.1": "Enhanced MR",
    f"{_STORAGE}4.4": "Legacy Converted MR",
    f"{_STORAGE}7": "Secondary Capture",
    f"{_STORAGE}7.4": "Multi-frame Capture",
    f"{_STORAGE}11.1": "Presentation State",
    f"{_STORAGE}66.4": "Segmentation",
    f"{_STORAGE}88.22": "Enhanced SR",
    f"{_STORAGE}88.34": "3D SR",
    f"{_STORAGE}88.59": "Key Object Selection",
    f"{_STORAGE}104.1": "PDF",
}
"""SOP classes (DICOM PS3.4 B.5) as people call them; any other is shown by its UID."""


def clock(at: datetime | None) -> str:
    """Return a time of today as such, an earlier one with its date, in the machine's zone."""
    if at is None:
        return _DASH
    local = at.astimezone()
    today = datetime.now(UTC).astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")


def exact(at: datetime | None) -> str:
    """Return date and time to the second."""
    return _DASH if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def since(at: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was, in the one or two units that matter."""
    if at is None:
        return _DASH
    seconds = max(0, int(((now or datetime.now(UTC)) - at).total_seconds()))
    if seconds < _MINUTE:
        return "now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02d}"
    days = seconds // _DAY
    return f"{days} day" if days == 1 else f"{days} days"


def person(name: str) -> str:
    """Return a name (DICOM PN) as people write it: all its groups, family name first.

    References
    ----------
    DICOM PS3.5 6.2.1 (components by ``^``, groups by ``=``).
    """
    groups = []
    for group in name.split("="):
        family, _, rest = group.partition("^")
        given = " ".join(part.strip() for part in rest.split("^") if part.strip())
        shown = ", ".join(part for part in (family.strip(), given) if part)
        if shown:
            groups.append(shown)
    return " · ".join(groups) or "no name"


def date(text: str) -> str:
    """Return a DICOM date with its dashes, anything else as it is."""
    digits = text.strip()
    if len(digits) == _DATE_DIGITS and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return digits


def number(value: object, digits: int = 0) -> str:
    """Return a number, a dash where there is none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.{digits}f}" if is_number else _DASH


def age_seconds(at: datetime) -> int:
    """Return how many whole seconds ago something was."""
    return max(0, int((datetime.now(UTC) - at).total_seconds()))


def size(n_bytes: float) -> str:
    """Return a number of bytes in the unit that people read."""
    for limit, unit in ((_GIBIBYTE, "GiB"), (_MEBIBYTE, "MiB")):
        if n_bytes >= limit:
            return f"{n_bytes / limit:.1f} {unit}"
    return f"{n_bytes / 1024:.0f} KiB"


def facts(values: Mapping[str, Any] | None, before: Mapping[str, Any] | None = None) -> str:
    """Return what an audit entry holds, after a change only what is not as before."""
    shown = values or {}
    if before is not None:
        shown = {key: value for key, value in shown.items() if before.get(key) != value}
    told = {key: value for key, value in shown.items() if key != "id" and value not in (None, "")}
    return ", ".join(f"{key} {_fact(value)}" for key, value in told.items())


def _fact(value: object) -> str:
    if isinstance(value, list):
        return " + ".join(map(str, value))
    if isinstance(value, Mapping):
        return " + ".join(f"{count} x {_SHORT.get(name, name)}" for name, count in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"{text[:12]}…" if len(text) == _DIGEST_CHARACTERS and text.isalnum() else text


FILTERS: Mapping[str, Callable[..., Any]] = {
    "clock": clock,
    "exact": exact,
    "since": since,
    "person": person,
    "date": date,
    "number": number,
    "facts": facts,
    "age_seconds": age_seconds,
    "bytes": size,
}
