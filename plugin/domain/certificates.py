"""What is demanded of a peer's connection and certificate, as people write it down.

Knows no file and no socket: certificates on disk are ``plugin.certificates``, on a connection
``dicom_node.tls``.
"""

import re
from enum import StrEnum

from plugin.domain.errors import ConfigurationError, Reason

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[!-~]([ -~]{0,252}[!-~])?")


class PeerTls(StrEnum):
    """Whether a peer may also connect without TLS."""

    ALLOWED = "allowed"
    REQUIRED = "required"


def check_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 lower-case digits, however it was written.

    ``openssl x509 -fingerprint -sha256`` prints it with colons and a title before ``=``.

    Raises
    ------
    ConfigurationError
        If it is no SHA-256.
    """
    digits = "".join(text.rpartition("=")[2].replace(":", "").split()).lower()
    if _SHA256.fullmatch(digits) is None:
        detail = "a certificate fingerprint is a SHA-256: 64 hexadecimal digits"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return digits


def check_certificate_name(text: str) -> str:
    """Return a name that a certificate can carry (common name or host name), without spaces around.

    Raises
    ------
    ConfigurationError
        If it is too long or not printable ASCII.
    """
    name = text.strip()
    if _NAME.fullmatch(name) is None:
        detail = "a name in a certificate is 1 to 254 printable ASCII characters"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return name
