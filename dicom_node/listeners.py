"""Accepting TCP connections, with TLS or without, so that none can hold up another.

Knows sockets and threads; what is said on an association is ``handlers``, what a certificate must
be ``tls``. A connection that is refused before it is an association is told to a callback.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.tls import why_caller_failed
from plugin.domain.errors import Reason

MAXIMUM_PDU_BYTES = 1 << 17
"""What we announce: as much as dcmtk ever sends.

The idle timer starts again with each whole PDU, so one must fit into it on a slow line as well; a
sender may not put an instance of 500 MB into one.
"""
HANDSHAKE_SECONDS = 10.0
FIRST_BYTE_SECONDS = 30.0
_PARTING_SECONDS = 0.5
_PARTING_BYTES = 1 << 16
_TLS_HANDSHAKE = b"\x16"  # content type of the first record (RFC 8446 5.1); a PDU begins with 01

Refused = Callable[[str, Reason], None]
"""Gets the address of a caller and why it was refused."""


class PlainListener(ThreadedAssociationServer):
    """Accepts connections without TLS; each has a thread of its own.

    A connection becomes an association of pynetdicom with its first byte: until then it costs a
    thread that sleeps, not two that poll. ``refused`` must be set before it serves.
    """

    request_queue_size = 128  # a burst of associations
    daemon_threads = True
    refused: Refused

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._waiting: set[socket.socket] = set()
        super().__init__(*arguments, **named)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; whatever takes time is done in its thread."""
        connection, address = cast("socket.socket", self.socket).accept()
        self._waiting.add(connection)
        return connection, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Wait for the first byte and serve; it tells TLS from DICOM."""
        first = _first_byte(request, self.ae.network_timeout)
        self._waiting.discard(request)
        if first == _TLS_HANDSHAKE:
            _part(request)
            self.refused(client_address[0], Reason.TLS_ON_PLAIN_PORT)
        elif first:
            super().process_request_thread(request, client_address)
        else:
            request.close()

    def server_close(self) -> None:
        """Close the listening socket and every connection on which nothing was said yet."""
        super().server_close()
        for connection in list(self._waiting):
            with contextlib.suppress(OSError):  # it ends in this moment
                connection.shutdown(socket.SHUT_RDWR)


class TlsListener(PlainListener):
    """Accepts connections with TLS; ``ssl_context`` may be replaced while it serves."""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands and serve."""
        secured = self._secured(request, str(client_address[0]))
        self._waiting.discard(request)
        if secured is not None:
            ThreadedAssociationServer.process_request_thread(self, secured, client_address)

    def _secured(self, connection: socket.socket, address: str) -> ssl.SSLSocket | None:
        """Return the connection with TLS, or end it and tell why."""
        try:
            connection.settimeout(HANDSHAKE_SECONDS)  # for the whole handshake
            context = cast("ssl.SSLContext", self.ssl_context)
            secured = context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        except OSError:  # it hung up
            connection.close()
            return None
        try:
            secured.do_handshake()
            # A record that never ends would hold the thread where no idle timer sees it.
            secured.settimeout(self.ae.network_timeout)
        except OSError as error:
            _part(secured)
            reason = why_caller_failed(error)
            if reason is not None:
                self.refused(address, reason)
            return None
        if cast("socket.socket", self.socket).fileno() < 0:  # closed: the node stops
            secured.close()
            return None
        return secured


def _first_byte(connection: socket.socket, network_timeout: float | None) -> bytes:
    """Look at the first byte without taking it; empty when none comes."""
    try:
        connection.settimeout(FIRST_BYTE_SECONDS)
        first = connection.recv(1, socket.MSG_PEEK)
        # A PDU that never ends would hold the thread where no idle timer sees it.
        connection.settimeout(network_timeout)
    except OSError:
        return b""
    return first


def _part(connection: socket.socket) -> None:
    """Close so that an alert on its way arrives: unread bytes would make the system reset it."""
    with contextlib.suppress(OSError, ValueError):
        socket.socket.shutdown(connection, socket.SHUT_WR)
        connection.settimeout(_PARTING_SECONDS)
        n_bytes = 0
        while n_bytes < _PARTING_BYTES:
            taken = len(socket.socket.recv(connection, _PARTING_BYTES))
            if not taken:
                break
            n_bytes += taken
    connection.close()
