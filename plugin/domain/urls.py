"""URLs as people may see them."""

from urllib.parse import urlsplit, urlunsplit


def hide_password(url: str) -> str:
    """Return ``url`` with its password replaced by ``***``."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    login, _, place = parts.netloc.rpartition("@")
    netloc = f"{login.partition(':')[0]}:***@{place}"
    return urlunsplit(parts._replace(netloc=netloc))
