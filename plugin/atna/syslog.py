"""Syslog messages over TLS or UDP. Knows the wire, not what the messages say.

References
----------
RFC 5424 (the message), RFC 5425 (TLS: octet counting), RFC 5426 (UDP: one datagram each); DICOM
PS3.15 A.6 and A.7 (message identifier, facility).
"""

import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

from plugin.certificates import load_client_files
from plugin.domain.errors import Reason, TransientError
from plugin.settings import AuditSettings

_TIMEOUT_SECONDS = 10.0
_REFUSAL_SECONDS = 0.3
_FACILITY_AUTHORIZATION = 10
_SEVERITIES = {0: 5, 4: 4, 8: 3}
"""Notice, warning and error, by ``EventOutcomeIndicator``."""
_BOM = b"\xef\xbb\xbf"
_MESSAGE_ID = "DICOM+RFC3881"
_LARGEST_DATAGRAM_BYTES = 65_507


def syslog_message(xml: bytes, outcome: int, at: datetime) -> bytes:
    """Return an audit message with its syslog header.

    Parameters
    ----------
    outcome
        ``EventOutcomeIndicator``.
    """
    priority = _FACILITY_AUTHORIZATION * 8 + _SEVERITIES[outcome]
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = socket.gethostname() or "-"
    header = f"<{priority}>1 {time} {host} cmr-triage {os.getpid()} {_MESSAGE_ID} - "
    return header.encode("ascii", "replace") + _BOM + xml


def send_messages(settings: AuditSettings, messages: Sequence[bytes]) -> None:
    """Hand messages to the repository, in order.

    With TLS they are there when this returns, as far as syslog can tell: the other side has read
    them and ended the connection. With UDP nobody can tell.

    Raises
    ------
    TransientError
        ``AUDIT_REPOSITORY_UNREACHABLE``, ``AUDIT_REPOSITORY_CERTIFICATE``; some may be there.
        ``CERTIFICATE_UNUSABLE``, ``PRIVATE_KEY_EXPOSED``: a file of ours, and nothing was sent.
    """
    transport, host, port = settings.address
    try:
        if transport == "udp":
            _send_datagrams(host, port, messages)
        else:
            _send_stream(settings, (host, port), messages)
    except ssl.SSLCertVerificationError:
        raise TransientError(Reason.AUDIT_REPOSITORY_CERTIFICATE) from None
    except OSError:
        raise TransientError(Reason.AUDIT_REPOSITORY_UNREACHABLE) from None


def _send_datagrams(host: str, port: int, messages: Sequence[bytes]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.settimeout(_TIMEOUT_SECONDS)
        sender.connect(address)
        for message in messages:
            # Cut rather than kept for ever: one message must not hold back all that follow.
            sender.send(message[:_LARGEST_DATAGRAM_BYTES])


def _send_stream(
    settings: AuditSettings, address: tuple[str, int], messages: Sequence[bytes]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_client_files(context, settings.ca_file, settings.certificate, settings.private_key)
    with (
        socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as stream,
    ):
        _await_refusal(stream)
        for message in messages:
            stream.sendall(str(len(message)).encode("ascii") + b" " + message)
        _finish(stream)


def _await_refusal(stream: ssl.SSLSocket) -> None:
    """Give the other side a moment to refuse our certificate before anything is sent.

    In TLS 1.3 it does so after the handshake is over for us; once messages are on their way, the
    refusal may be lost with the connection, and they would count as taken.

    Raises
    ------
    OSError
        It refused, or closed the connection.
    """
    if stream.version() != "TLSv1.3":
        return
    stream.settimeout(_REFUSAL_SECONDS)
    try:
        if not stream.recv(1):
            msg = "the connection was closed after the handshake"
            raise ConnectionAbortedError(msg)
    except TimeoutError:
        return  # nothing to say: it listens
    finally:
        stream.settimeout(_TIMEOUT_SECONDS)


def _finish(stream: ssl.SSLSocket) -> None:
    """Wait until the other side has read all and ends too.

    Raises
    ------
    OSError
        It broke the connection off instead.
    """
    try:
        stream.unwrap().close()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        # It closed without the word that TLS has for it, as many servers do. An alert, such as
        # that it refuses our certificate (TLS 1.3 tells only now), is another error.
        return
