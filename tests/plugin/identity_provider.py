"""An identity provider that lives for a test: discovery, keys, tokens signed with its own key.

What it says wrongly is set by the test (``claims``, ``metadata``, ``algorithm``, ``is_down``), so
every refusal is provoked over real HTTP.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "cmr-triage", "a secret: 100% & more"
ROLES = {"cmr-readers": "reader", "cmr-admins": "admin", "cmr-audit": "auditor"}


class FakeProvider:
    """One issuer with one client; everybody who is sent there is ``person``."""

    def __init__(self):
        self.person = {
            "sub": "4711",
            "preferred_username": "Kate.Reader",
            "groups": ["staff", "cmr-readers"],
        }
        self.claims = {}
        self.userinfo = None
        self.metadata = {}
        self.algorithm = "RS256"
        self.is_down = False
        self.denies = False
        self.logged_out = []
        self._codes = {}
        self.new_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def new_key(self):
        """Change the key, as providers do from time to time."""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = secrets.token_hex(4)

    def authorize(self, address):
        """Be the browser's visit: return the address that it is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"], "iss": self.issuer}
        if self.denies:
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}"
        code = secrets.token_hex(8)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}"

    def id_token(self, nonce):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
            **self.claims,
        }
        key = {"none": None, "HS256": SECRET * 3}.get(self.algorithm, self.key)
        headers = {"kid": self.key_id}
        return jwt.encode(claims, key, algorithm=self.algorithm, headers=headers)

    def _documents(self):
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            **({} if self.userinfo is None else {"userinfo_endpoint": f"{self.issuer}/userinfo"}),
            **self.metadata,
        }
        return {
            "/.well-known/openid-configuration": metadata,
            "/keys": {"keys": [{**public, "kid": self.key_id, "use": "sig"}]},
            "/userinfo": self.userinfo,
        }

    def _token(self, form, authorization):
        asked = self._codes.pop(form["code"])
        user, _, secret = base64.b64decode(authorization.split()[1]).decode().partition(":")
        assert (user, secret) == (CLIENT, "a+secret%3A+100%25+%26+more")
        assert form["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert challenge == asked["code_challenge"]
        return {"id_token": self.id_token(asked["nonce"]), "access_token": "x"}

    def _handler(provider):  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parsed = urlsplit(self.path)
                if parsed.path == "/authorize":
                    return self._lead(provider.authorize(self.path))
                if parsed.path == "/logout":
                    asked = {name: one for name, (one,) in parse_qs(parsed.query).items()}
                    provider.logged_out.append(asked)
                    return self._lead(asked["post_logout_redirect_uri"])
                return self._say(provider._documents().get(parsed.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                try:
                    answer = provider._token(dict(parse_qsl(body)), self.headers["Authorization"])
                except (AssertionError, KeyError, AttributeError):
                    answer = None
                self._say(answer)

            def _lead(self, address):
                self.send_response(303)
                self.send_header("Location", address)
                self.end_headers()

            def _say(self, answer):
                status = 503 if provider.is_down else 400 if answer is None else 200
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        return Handler
