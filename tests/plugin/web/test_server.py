"""The process that serves the pages: names it answers to, headers, health, its end."""

import asyncio
import errno
import json
import re
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from plugin.domain.errors import SENTENCES, ConfigurationError, Reason, TransientError
from plugin.domain.request import RequestKind
from plugin.registry import Registry
from plugin.registry.engine import Database
from plugin.settings import Settings
from plugin.spool import Spool
from plugin.supervisor import command_of, environment
from plugin.web.administration.upload import remove_lost_uploads
from plugin.web.body import MAXIMUM_BODY_BYTES
from plugin.web.guard import answers_to
from plugin.web.server import listen, make_site
from plugin.web.status import PROCESSES_NAME, process_lights
from tests.plugin.web.conftest import Person


def test_pages_run_no_foreign_script_and_are_kept_nowhere(reader):
    headers = reader.get("/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_templates_hold_no_script_or_style_of_their_own():
    from plugin.web.site import _TEMPLATES

    for path in _TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert "<script>" not in text, path
        assert "style=" not in text, path
        assert " onclick" not in text, path
        assert "| safe" not in text, path


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.5:8480", "", "127.0.0.1.evil.example"])
def test_pages_refuse_other_names_for_this_machine(anybody, host):
    assert anybody.get("/login", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8480", True),
        ("localhost", True),
        ("[::1]:8480", True),
        ("triage.example", True),
        ("TRIAGE.example:8443", True),
        ("[::2]", False),
        ("localhost.evil.example", False),
        ("0.0.0.0", False),
        ("other.example", False),
    ],
)
def test_names_that_are_answered_to(host, expected):
    web = Settings(web={"host": "0.0.0.0", "public_url": "https://triage.example"}).web
    assert answers_to(host, web) is expected


def test_cookie_beyond_this_machine_needs_tls(tmp_path, registry, spool):
    settings = Settings(
        spool={"folder": tmp_path / "spool"},
        web={"host": "0.0.0.0", "public_url": "https://triage.example"},
    )
    site = make_site(settings, registry, spool, lambda: None)
    client = TestClient(site, base_url="https://triage.example", follow_redirects=False)
    form = {"name": "reader", "password": "correct horse battery"}
    answer = client.post("/login", data=form)
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


CHUNK_BYTES = 65_536


def send_endlessly(app, method, path, content_length=None):
    """Send without credentials and without end; return the status and how many chunks it took."""
    taken, statuses = [], []

    async def receive():
        if statuses:
            return {"type": "http.disconnect"}
        assert len(taken) < 100, "takes whatever it is sent"
        taken.append(CHUNK_BYTES)
        return {"type": "http.request", "body": bytes(CHUNK_BYTES), "more_body": True}

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = {b"host": b"127.0.0.1", b"content-type": b"application/json"}
    if content_length is not None:
        headers[b"content-length"] = str(content_length).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers.items()),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8480),
    }
    asyncio.run(app(scope, receive, send))
    return statuses[0], len(taken)


def test_nobody_fills_the_memory_without_credentials(app, anybody):
    described = anybody.get("/api/v1/openapi.json").json()["paths"]
    asked = [
        (method.upper(), re.sub(r"\{\w+\}", "1", path))
        for path, methods in described.items()
        for method in methods
        if method != "get"
    ]
    refused = set()
    for method, path in asked:
        status, n_taken = send_endlessly(app, method, path)
        assert status in {401, 413}, path
        # Those that read for themselves ask first who sends.
        assert n_taken <= (MAXIMUM_BODY_BYTES // CHUNK_BYTES + 1 if status == 413 else 0), path
        refused.add(status)
    assert refused == {401, 413}


def test_what_says_that_it_is_too_large_is_not_read(app):
    assert send_endlessly(app, "POST", "/api/v1/worklist/search", 200_000_000) == (413, 1)


def test_a_form_from_nobody_is_small(app):
    assert send_endlessly(app, "POST", "/login") == (413, 2)


def test_health_turns_bad_when_the_queue_is_gone(anybody, queue):
    assert anybody.get("/health").json()["queue"] == "answers"
    queue["error"] = TransientError(Reason.QUEUE_UNAVAILABLE)
    answer = anybody.get("/health")
    assert answer.status_code == 503
    assert answer.json()["queue"] == SENTENCES[Reason.QUEUE_UNAVAILABLE]


def test_health_turns_bad_when_the_disk_is_full(tmp_path, registry):
    settings = Settings(spool={"folder": tmp_path / "spool", "minimum_free_bytes": 2**60})
    site = make_site(settings, registry, Spool(tmp_path / "spool"), lambda: None)
    answer = TestClient(site, base_url="http://localhost").get("/health")
    assert answer.status_code == 503
    assert "refused" in answer.json()["disk"]


def test_health_tells_which_processes_run(anybody, spool):
    state = {"at": time.time(), "processes": {"node": "running", "worker": "starts in 4 s"}}
    (spool.run / PROCESSES_NAME).write_text(json.dumps(state))
    answer = anybody.get("/health")
    assert answer.status_code == 503
    assert answer.json()["worker"] == "starts in 4 s"


def test_processes_of_a_system_that_ended_are_not_called_running(tmp_path):
    path = tmp_path / PROCESSES_NAME
    path.write_text(json.dumps({"at": time.time() - 60, "processes": {"node": "running"}}))
    (light,) = process_lights(path)
    assert light.tone == "bad"
    path.write_text("{")
    assert process_lights(path) == ()


def test_a_registry_that_is_away_is_a_sentence_and_no_traceback(reader, registry, monkeypatch):
    def away(*_arguments):
        raise TransientError(Reason.REGISTRY_UNAVAILABLE)

    monkeypatch.setattr(registry.worklist, "page", away)
    answer = reader.get("/")
    assert answer.status_code == 503
    assert SENTENCES[Reason.REGISTRY_UNAVAILABLE] in answer.text


def test_every_address_says_so_when_the_whole_registry_is_away(app, reader, monkeypatch):
    def away(_database):
        raise TransientError(Reason.REGISTRY_UNAVAILABLE)

    nobody = Person(app)
    for name in ("read", "write", "pulse"):
        monkeypatch.setattr(Database, name, away)
    sentence = SENTENCES[Reason.REGISTRY_UNAVAILABLE]
    for path in ("/", "/studies/1", "/account", "/api/v1/worklist/counts"):
        answer = reader.get(path)
        assert answer.status_code == 503, path
        assert sentence in answer.text, path
    answer = nobody.get("/health")
    assert answer.status_code == 503
    assert answer.json()["registry"] == sentence
    assert answer.json()["healthy"] is False
    assert "disk" in answer.json(), "what does work is told all the same"


@pytest.fixture
def began(registry):
    """Say that the processes were started once."""
    for process in ("worker", "deliver"):
        with registry.audit.running(process):
            pass


def test_health_without_a_supervisor_goes_by_the_processes_that_beat(anybody, registry, began):
    registry.heartbeats.beat("gpu1:7", "worker", {})
    answer = anybody.get("/health")
    assert answer.status_code == 503, "nobody delivers"
    assert answer.json()["worker"] == "1 heard of"
    assert answer.json()["deliver"] == "none is heard of"
    registry.heartbeats.beat("host:8", "deliver", {})
    registry.heartbeats.beat("gpu2:9", "worker", {})
    answer = anybody.get("/health")
    assert answer.status_code == 200
    assert answer.json()["worker"] == "2 heard of"


def test_health_without_a_supervisor_turns_bad_when_a_process_falls_silent(
    anybody, settings, registry
):
    with Registry(settings.registry_url, lambda: datetime.now(UTC) - timedelta(minutes=5)) as past:
        past.heartbeats.beat("gpu1:7", "worker", {})
        past.heartbeats.beat("host:8", "deliver", {})
    assert anybody.get("/health").status_code == 503


def test_system_that_never_ran_a_worker_is_not_called_broken(anybody, registry):
    answer = anybody.get("/health")
    assert answer.status_code == 200
    assert answer.json()["worker"] == "none was started yet"


def test_supervisor_that_writes_down_its_processes_is_enough(anybody, registry, spool, began):
    state = {"at": time.time(), "processes": {"node": "running", "worker": "running"}}
    (spool.run / PROCESSES_NAME).write_text(json.dumps(state))
    answer = anybody.get("/health")
    assert answer.status_code == 200
    assert answer.json()["worker"] == "running"


N = "99999999999999999999"


@pytest.mark.parametrize(
    "path",
    [
        f"/studies/{N}",
        f"/studies/{N}/state",
        f"/studies/{N}/pacs",
        f"/studies/{N}/withdrawal/1",
        f"/studies/1/withdrawal/{N}",
        f"/audit?before={N}",
        f"/administration/requests/{N}",
        f"/administration/queue?asked={N}",
    ],
)
def test_number_that_no_registry_has_is_a_sentence_to_whoever_looks(admin, path):
    assert admin.get(path).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        f"/studies/{N}/requeue",
        f"/studies/{N}/reading/claim",
        f"/studies/{N}/feedback",
        f"/studies/{N}/withdraw",
        f"/account/keys/{N}/remove",
        "/administration/queue/replay",
    ],
)
def test_number_that_no_registry_has_is_a_sentence_to_whoever_changes(admin, path):
    assert admin.post(path, {f"dead-{N}": "on"}).status_code == 422


def test_audit_trail_tells_from_where_the_pages_were_used(app, registry):
    auditor = Person(app, "auditor", client=("10.1.2.3", 50000))
    assert "10.1.2.3" in auditor.get("/audit").text
    viewed, login = registry.audit.list(2)
    assert (viewed.action, viewed.address) == ("audit.view", "10.1.2.3")
    assert (login.action, login.address) == ("user.login", "10.1.2.3")
    registry.audit.add("cli", "peer.add", "peer X")
    assert registry.audit.list(1)[0].address is None


def test_what_is_no_address_is_not_told_as_one(app, registry):
    Person(app, "auditor", client=("<proxy>", 1)).get("/audit")
    assert registry.audit.list(1)[0].address is None


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [("127.0.0.1, ::1", "10.9.9.9"), ("10.0.0.0/24", "127.0.0.1"), ("", "127.0.0.1")],
)
def test_only_a_trusted_proxy_is_believed(app, registry, trusted, expected):
    proxied = ProxyHeadersMiddleware(
        app, Settings(web={"trusted_proxies": trusted}).web.trusted_proxies
    )
    person = Person(proxied, "auditor", client=("127.0.0.1", 1))
    person.get("/audit", headers={"X-Forwarded-For": "6.6.6.6, 10.9.9.9"})
    assert registry.audit.list(1)[0].address == expected


def test_proxies_that_are_no_addresses_are_refused():
    with pytest.raises(ConfigurationError) as refused:
        Settings(web={"trusted_proxies": "proxy.hospital"})
    assert refused.value.reason is Reason.SETTING_INVALID


def test_only_uploads_that_somebody_asks_about_outlive_a_restart(registry, spool):
    with spool.new_upload() as (asked, file):
        file.write(b"PK")
    registry.requests.ask(RequestKind.INSTALL_BUNDLE, {"upload": asked}, "admin", "bundle upload")
    spool.upload("cut-short").write_bytes(b"P")
    remove_lost_uploads(registry, spool)
    assert [path.name for path in spool.uploads.iterdir()] == [asked]


def test_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError) as caught:
            listen("127.0.0.1", taken.getsockname()[1])
    assert caught.value.reason is Reason.PORT_IN_USE


def test_address_that_the_system_refuses_is_not_called_taken(monkeypatch):
    def refuse(_socket, _address):
        raise PermissionError(errno.EACCES, "Permission denied")

    class Refused(socket.socket):
        bind = refuse

    monkeypatch.setattr("plugin.web.server.socket.socket", Refused)
    with pytest.raises(ConfigurationError) as caught:
        listen("127.0.0.1", 80)
    assert caught.value.reason is Reason.ADDRESS_NOT_USABLE


def test_page_that_is_asked_to_stop_ends_without_a_failure(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "cmr-triage.toml"
    config.write_text(f'[spool]\nfolder = "{tmp_path / "spool"}"\n[web]\nport = {port}\n')
    process = subprocess.Popen(command_of("web", config), env=environment())
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
