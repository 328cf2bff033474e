"""A DICOMweb server that answers as a test wants, over http or https."""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/dicom+json"


def element(vr, *values):
    return {"vr": vr, "Value": list(values)}


def stored(uid, warning=None):
    item = {"00081155": element("UI", uid)}
    if warning is not None:
        item["00081196"] = element("US", warning)
    return {"00081199": element("SQ", item)}


def failed(uid, reason):
    item = {"00081155": element("UI", uid), "00081197": element("US", reason)}
    return {"00081198": element("SQ", item)}


class WebArchive:
    """Keeps the bytes of what is stored; ``answers`` (status, body) are given in turn.

    Parameters
    ----------
    credentials
        ``Basic ...`` or ``Bearer ...`` that a request must carry.
    certificate, ca_file
        Its certificate for https, and the file that callers' are checked against (mutual TLS).
    """

    def __init__(self, credentials=None, certificate=None, ca_file=None):
        self.kept: dict[str, bytes] = {}
        self.answers: list[tuple[int, object]] = []
        self.searches: list[tuple[int, object]] = []
        self.requests: list[tuple[str, str, dict]] = []
        self.credentials = credentials
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments):
                pass

            def do_POST(self):
                archive.store(self)

            def do_GET(self):
                archive.search(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.private_key)
            if ca_file is not None:
                context.load_verify_locations(ca_file)
                context.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.port = self.server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/dicom-web"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def store(self, request):
        length = int(request.headers["Content-Length"])
        body = request.rfile.read(length)
        self.requests.append(("POST", request.path, dict(request.headers)))
        if not self._admitted(request):
            return
        boundary = request.headers["Content-Type"].rpartition("boundary=")[2].encode()
        head, _, rest = body.partition(b"\r\n\r\n")
        assert head == b"--" + boundary + b"\r\nContent-Type: application/dicom"
        content = rest.removesuffix(b"\r\n--" + boundary + b"--\r\n")
        assert content[128:132] == b"DICM"
        uid = self._uid_of(content)
        status, answer = self.answers.pop(0) if self.answers else (200, stored)
        if status in {200, 202}:
            self.kept.setdefault(uid, content)
        self._reply(request, status, answer(uid) if callable(answer) else answer)

    @staticmethod
    def _uid_of(content):
        from io import BytesIO

        import pydicom

        return str(pydicom.dcmread(BytesIO(content)).SOPInstanceUID)

    def search(self, request):
        self.requests.append(("GET", request.path, dict(request.headers)))
        if not self._admitted(request):
            return
        if self.searches:
            self._reply(request, *self.searches.pop(0))
            return
        found = [uid for uid in self.kept if f"SOPInstanceUID={uid}" in request.path]
        answer = [{"00080018": element("UI", uid)} for uid in found]
        self._reply(request, 200 if answer else 204, answer or None)

    def _admitted(self, request):
        if self.credentials is None or request.headers["Authorization"] == self.credentials:
            return True
        self._reply(request, 401, None)
        return False

    @staticmethod
    def _reply(request, status, answer):
        body = answer if isinstance(answer, bytes) else b""
        if isinstance(answer, (dict, list)):
            body = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", JSON)
        if 300 <= status < 400:
            request.send_header("Location", "http://127.0.0.1:9/elsewhere")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
