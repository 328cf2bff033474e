"""URLs: as people may see them, and what the address of a DICOMweb server looks like."""

from urllib.parse import urlsplit, urlunsplit

from plugin.domain.errors import ConfigurationError, Reason

_DEFAULT_PORTS = {"http": 80, "https": 443}


def hide_password(url: str) -> str:
    """Return ``url`` with its password replaced by ``***``."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    login, _, place = parts.netloc.rpartition("@")
    netloc = f"{login.partition(':')[0]}:***@{place}"
    return urlunsplit(parts._replace(netloc=netloc))


def checked_url(url: str) -> tuple[str, str, int]:
    """Return the root URL of a DICOMweb service without a slash at its end, its host and port.

    Raises
    ------
    ConfigurationError
        If it is none; or holds a password, which would be shown wherever the URL is.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.username is not None or parts.password is not None:
        detail = "a URL holds no user or password; name a credentials file"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    if not port or not parts.hostname or parts.query or parts.fragment:
        detail = "a DICOMweb URL is like https://host:8443/dicom-web"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return urlunsplit(parts).rstrip("/"), parts.hostname, port
