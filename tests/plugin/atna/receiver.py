"""An audit repository for tests: takes syslog over TLS or UDP and keeps what came."""

import contextlib
import socket
import ssl
import threading


class TlsReceiver:
    """Takes octet-counted messages (RFC 5425), one connection after the other.

    Parameters
    ----------
    pair
        Its certificate and key.
    client_ca
        Whose certificates callers must show; None: none.
    breaks_off
        Reset each connection instead of ending it.
    """

    def __init__(self, pair, client_ca=None, *, breaks_off=False, says_goodbye=True):
        self.messages = []
        self._breaks_off, self._says_goodbye = breaks_off, says_goodbye
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
        self._context.load_cert_chain(pair.certificate, pair.private_key)
        if client_ca is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tls://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                plain.settimeout(5)
                self._take(plain)

    def _take(self, plain):
        if self._breaks_off:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with self._context.wrap_socket(plain, server_side=True) as stream:
            if self._breaks_off:
                stream.recv(1)
                return
            received = stream.makefile("rb")
            while digits := self._count(received):
                self.messages.append(received.read(int(digits)))
            if self._says_goodbye:
                stream.unwrap()

    @staticmethod
    def _count(received):
        digits = b""
        while (one := received.read(1)) not in {b" ", b""}:
            digits += one
        return digits


class UdpReceiver:
    """Takes one message per datagram (RFC 5426)."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.url = f"udp://127.0.0.1:{self._socket.getsockname()[1]}"

    def take(self):
        return self._socket.recv(65_535)

    def close(self):
        self._socket.close()
