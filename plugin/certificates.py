"""Certificates and private keys as files: can they be used, what do they say, when do they end.

Knows PEM files and the standard library's TLS; what is trusted on a connection and what a failure
means is ``dicom_node.tls``.
"""

import hashlib
import re
import ssl
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.settings import Settings

CIPHERS_TLS_1_2 = "ECDHE+AESGCM"
"""What RFC 9325 4.2 recommends, as OpenSSL selects it; those of TLS 1.3 are good as they are."""

SETTLE_SECONDS = 2.0

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_FOR_OTHERS = stat.S_IWGRP | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one certificate says.

    Attributes
    ----------
    names
        Its common name, and the host names and addresses that it is for.
    fingerprint
        SHA-256 of the certificate, hexadecimal.
    """

    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str

    def days_left(self, now: datetime) -> float:
        """Return for how many days it is still valid; negative when it has ended."""
        return (self.not_after - now).total_seconds() / 86400

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it has begun and not ended."""
        return self.not_before <= now <= self.not_after


class CertificateFiles:
    """Tells when the files of a certificate were renewed, to whoever asks again and again.

    Certificate and key are two files, seldom written in one moment: they are renewed when they
    changed and then stayed for a while.
    """

    def __init__(self, *paths: str) -> None:
        self._paths = [Path(path) for path in paths if path]
        self._seen = self._state()
        self._changed_at: float | None = None

    def are_renewed(self) -> bool:
        """Tell it once for each time."""
        now, state = time.monotonic(), self._state()
        if state != self._seen:
            self._seen, self._changed_at = state, now
        if self._changed_at is None or now - self._changed_at < SETTLE_SECONDS:
            return False
        self._changed_at = None
        return True

    def _state(self) -> list[tuple[int, int, int] | None]:
        return [_identity(path) for path in self._paths]


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does, also when a link is turned to another one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_certificate(path: str | Path) -> Certificate:
    """Read a PEM file's first certificate, which is that of the chain's end.

    Raises
    ------
    ConfigurationError
        ``CERTIFICATE_UNUSABLE``.
    """
    try:
        found = _PEM.search(Path(path).read_text(encoding="ascii"))
        # CPython's own reader of certificates; TLS gives the same without a name only for peers.
        decoded = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # noqa: SLF001
    except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
        raise _unusable(path, error) from None
    if found is None:
        raise ConfigurationError(Reason.CERTIFICATE_UNUSABLE, f"{path}: no PEM certificate")
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()
    return Certificate(
        names_of(decoded),
        ", ".join(_common_names(decoded.get("issuer", ()))),
        _moment(decoded["notBefore"]),
        _moment(decoded["notAfter"]),
        fingerprint,
    )


def names_of(decoded: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whom a certificate is for.

    Parameters
    ----------
    decoded
        As ``ssl.SSLSocket.getpeercert`` returns it.
    """
    alternative = (str(value) for kind, value in decoded.get("subjectAltName", ()) if value)
    return tuple(dict.fromkeys((*_common_names(decoded.get("subject", ())), *alternative)))


def load_identity(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    """Have a context show a certificate.

    Raises
    ------
    ConfigurationError
        ``PRIVATE_KEY_EXPOSED``; ``CERTIFICATE_UNUSABLE`` where a file cannot be read, needs a
        passphrase, or the key is not that of the certificate.
    """
    try:
        mode = Path(private_key).stat().st_mode
        if mode & _FOR_OTHERS:
            raise ConfigurationError(
                Reason.PRIVATE_KEY_EXPOSED, f"{private_key}: mode {stat.S_IMODE(mode):04o}"
            )
        # An empty passphrase: OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, private_key, password=b"")
    except (OSError, ssl.SSLError) as error:
        raise _unusable(_culprit(certificate, private_key), error) from None


def load_trusted(context: ssl.SSLContext, ca_file: str) -> None:
    """Have a context trust the certificates of a file, of authorities or of systems themselves.

    Raises
    ------
    ConfigurationError
        ``CERTIFICATE_UNUSABLE``.
    """
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(ca_file, error) from None
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def load_client_files(
    context: ssl.SSLContext, ca_file: str | None, certificate: str, private_key: str
) -> None:
    """Give the context of a client what it trusts (the system's without a file) and who it is.

    Read at each connection, because files change between two of them.

    Raises
    ------
    TransientError
        A file cannot be used: as ``load_trusted`` and ``load_identity``, and tried again.
    """
    try:
        if ca_file:
            load_trusted(context, ca_file)
        else:
            context.load_default_certs()
        if certificate:
            load_identity(context, certificate, private_key)
    except ConfigurationError as error:
        raise TransientError(error.reason, error.detail) from None


def own_certificates(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield setting, certificate file and key file of each certificate that we show to others."""
    for name, section in (
        ("tls", settings.tls),
        ("web", settings.web),
        ("audit", settings.audit),
    ):
        if section.certificate:
            yield f"{name}.certificate", section.certificate, section.private_key


def check_certificates(settings: Settings, now: datetime) -> list[tuple[str, Certificate]]:
    """Return our certificates by setting, after trying whether they can be used now.

    Raises
    ------
    ConfigurationError
        As ``load_identity`` and ``load_trusted``; ``CERTIFICATE_EXPIRED``.
    """
    found = []
    for setting, certificate, private_key in own_certificates(settings):
        load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, private_key)
        read = read_certificate(certificate)
        if not read.is_valid(now):
            detail = f"{setting}: {read.not_before:%Y-%m-%d} to {read.not_after:%Y-%m-%d}"
            raise ConfigurationError(Reason.CERTIFICATE_EXPIRED, detail)
        found.append((setting, read))
    for ca_file in (settings.tls.ca_file, settings.openid.ca_file, settings.audit.ca_file):
        if ca_file:
            load_trusted(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_file)
    return found


def _culprit(certificate: str, private_key: str) -> str:
    for path in (certificate, private_key):
        try:
            Path(path).read_bytes()
        except OSError:
            return path
    return f"{certificate}, {private_key}"


def _unusable(place: str | Path, error: Exception) -> ConfigurationError:
    """Say what is wrong in the words of the system or of OpenSSL, which hold no content."""
    words = getattr(error, "reason", None) or getattr(error, "strerror", None)
    detail = str(words or type(error).__name__).lower().replace("_", " ")
    return ConfigurationError(Reason.CERTIFICATE_UNUSABLE, f"{place}: {detail}")


def _common_names(subject: Any) -> list[str]:
    return [str(value) for part in subject for key, value in part if key == "commonName"]


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
