"""URLs: as people may see them, and what the address of a DICOMweb server looks like."""

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from plugin.domain.errors import ConfigurationError, Reason

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PASSWORD_IN_QUERY = re.compile(r"([?&][^?&=]*password=)[^&]*", re.IGNORECASE)
"""``password`` and ``sslpassword`` of PostgreSQL; what follows a ``#`` is the driver's too."""


def hide_password(url: str) -> str:
    """Return ``url`` with its passwords, in front of the host or in the query, as ``***``."""
    parts = urlsplit(url)
    if parts.password is not None:
        login, _, place = parts.netloc.rpartition("@")
        netloc = f"{login.partition(':')[0]}:***@{place}"
        url = urlunsplit(parts._replace(netloc=netloc))
    return _PASSWORD_IN_QUERY.sub(r"\1***", url)


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL; all empty where it can be none, as with a port of letters."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # only whoever reads it is told that it is none
    except ValueError:
        return urlsplit("")
    return parts


def checked_url(url: str) -> tuple[str, str, int]:
    """Return the root URL of a DICOMweb service without a slash at its end, its host and port.

    Raises
    ------
    ConfigurationError
        If it is none; or holds a password, which would be shown wherever the URL is.
    """
    parts = parts_of(url.strip())
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    if parts.username is not None or parts.password is not None:
        detail = "a URL holds no user or password; name a credentials file"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    if not port or not parts.hostname or parts.query or parts.fragment:
        detail = "a DICOMweb URL is like https://host:8443/dicom-web"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return urlunsplit(parts).rstrip("/"), parts.hostname, port
