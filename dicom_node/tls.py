"""DICOM over TLS: what is offered and trusted, what a connection proves, what its failure means.

Knows contexts, sockets of the standard library and errors of OpenSSL; who must come by TLS is
``peers``, listening is ``listeners``, calling ``association``.

References
----------
DICOM PS3.15 B.12 (BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile), RFC 9325 3.1
(versions), 3.2 (strict TLS), 3.4 (resumption), 4.2 (cipher suites).
"""

import contextlib
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dicom_node.peers import Proof
from plugin.certificates import (
    CIPHERS_TLS_1_2,
    load_client_files,
    load_identity,
    load_trusted,
    names_of,
)
from plugin.domain.errors import Reason
from plugin.settings import TlsSettings

PROFILE = "BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12)"
_Context = TypeVar("_Context", bound=ssl.SSLContext)
_EXPIRED = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED (OpenSSL x509_vfy.h)
_WRONG_NAME = (62, 63, 64)  # X509_V_ERR_HOSTNAME_, EMAIL_, IP_ADDRESS_MISMATCH

# Reasons of OpenSSL (``SSLError.reason``), by what they say about the other side.
_SPEAKS_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
# What ends a handshake without a word by TLS; which of them it is depends on the moment.
_BROKE_OFF = (
    ConnectionError,
    TimeoutError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)
_SHOWED_NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
_ALERTS_ABOUT_CERTIFICATES = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What we show of ourselves and whom we trust, as files (PEM); empty: none."""

    certificate: str = ""
    private_key: str = ""
    ca_file: str = ""


NOBODY = Identity()


class BrokenHandshakeError(ssl.SSLError):
    """The connection was closed, or kept silent, before anything was agreed."""


class TlsSocket(ssl.SSLSocket):
    """A socket that says goodbye by TLS, and leaves at its context why it failed.

    pynetdicom does neither: it closes the TCP connection, and only logs an error.
    """

    def connect(self, address: Any) -> None:
        """Connect and shake hands."""
        try:
            super().connect(address)
        except OSError as error:
            self._remember(error)
            raise

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  as its parent
        """Shake hands; tell apart that nobody answers and that nobody answers by TLS."""
        try:
            super().do_handshake(block)
        except _BROKE_OFF as error:
            raise BrokenHandshakeError(*error.args) from error

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive; in TLS 1.3 a refusal of our certificate comes only here."""
        try:
            return super().recv(buflen, flags)
        except OSError as error:
            self._remember(error)
            raise

    def shutdown(self, how: int) -> None:
        """Send close_notify, without waiting for the other side's."""
        with contextlib.suppress(OSError, ValueError):
            self.settimeout(0)
            self.unwrap()
        super().shutdown(how)

    def _remember(self, error: OSError) -> None:
        if isinstance(self.context, ClientContext):
            self.context.failure = error


class ClientContext(ssl.SSLContext):
    """The context of one association that we open.

    Attributes
    ----------
    failure
        What last went wrong on its socket.
    """

    failure: OSError | None = None


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Make the context of the node from its files.

    Raises
    ------
    ConfigurationError
        As ``plugin.certificates.load_identity``.
    """
    context = _restricted(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    load_identity(context, settings.certificate, settings.private_key)
    if settings.ca_file:
        load_trusted(context, settings.ca_file)
        required = settings.require_client_certificate
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.num_tickets = 0  # each association proves anew who it is
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def client_context(identity: Identity, ca_file: str | None) -> ClientContext:
    """Make the context of one association to a destination.

    The server's certificate is always checked: against ``ca_file``, else that of ``identity``, else
    the certificates of the system; and its name always too.

    Raises
    ------
    TransientError
        A file cannot be used.
    """
    context = _restricted(ClientContext(ssl.PROTOCOL_TLS_CLIENT))
    trusted = ca_file or identity.ca_file
    load_client_files(context, trusted, identity.certificate, identity.private_key)
    return context


def _restricted(context: _Context) -> _Context:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_TLS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.sslsocket_class = TlsSocket
    return context


def offered_ciphers() -> Sequence[Mapping[str, Any]]:
    """Return the cipher suites that are offered and taken, as OpenSSL describes them."""
    return _restricted(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).get_ciphers()


def proof_of(sock: object) -> Proof | None:
    """Return what a connection proves of who called; None where it is without TLS."""
    if not isinstance(sock, ssl.SSLSocket):
        return None
    encoded = sock.getpeercert(binary_form=True)
    if encoded is None:
        return Proof((), None)
    return Proof(names_of(sock.getpeercert() or {}), hashlib.sha256(encoded).hexdigest())


def why_caller_failed(error: OSError) -> Reason | None:
    """Tell what a failed handshake says about a caller; None: nothing, it hung up or was silent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        expired = error.verify_code in _EXPIRED
        return (
            Reason.CALLER_CERTIFICATE_EXPIRED if expired else Reason.CALLER_CERTIFICATE_NOT_TRUSTED
        )
    if isinstance(error, BrokenHandshakeError) or not isinstance(error, ssl.SSLError):
        return None
    if error.reason == _SHOWED_NO_CERTIFICATE:
        return Reason.CALLER_WITHOUT_CERTIFICATE
    if error.reason in _SPEAKS_NO_TLS:
        return Reason.CALLER_WITHOUT_TLS
    if error.reason in _ALERTS_ABOUT_CERTIFICATES:
        return Reason.CALLER_DISTRUSTS_US
    return Reason.CALLER_TLS_NOT_AGREED


def why_destination_failed(error: BaseException | None) -> tuple[Reason, str] | None:
    """Tell what an error says about a destination, and in OpenSSL's words; None: nothing of TLS.

    Looks through causes, as libraries wrap what they raise.
    """
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _about_certificate(error.verify_code), error.verify_message
        if isinstance(error, BrokenHandshakeError):
            return Reason.DESTINATION_WITHOUT_TLS, "no answer by TLS"
        if isinstance(error, ssl.SSLError):
            return _about_handshake(error), (error.reason or "closed").lower().replace("_", " ")
        error = error.__cause__ or error.__context__
    return None


def _about_certificate(code: int) -> Reason:
    if code in _EXPIRED:
        return Reason.DESTINATION_CERTIFICATE_EXPIRED
    if code in _WRONG_NAME:
        return Reason.DESTINATION_CERTIFICATE_NAME
    return Reason.DESTINATION_CERTIFICATE


def _about_handshake(error: ssl.SSLError) -> Reason:
    if error.reason in _SPEAKS_NO_TLS:
        return Reason.DESTINATION_WITHOUT_TLS
    if error.reason in _ALERTS_ABOUT_CERTIFICATES:
        return Reason.DESTINATION_WANTS_CERTIFICATE
    return Reason.DESTINATION_TLS_NOT_AGREED
