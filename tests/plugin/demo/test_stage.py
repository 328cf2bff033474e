import socket

import pytest

from plugin.demo.stage import connect, free_ports, prepare
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.objects import DEFAULT_OBJECTS
from plugin.settings import load_settings


class Archive:
    ae_title = "DEMOPACS"
    host = "127.0.0.1"
    port = 4242


def test_stage_is_on_free_loopback_ports_with_short_quiet_times(tmp_path):
    stage = prepare(tmp_path / "demo")
    settings = load_settings(stage.config)
    assert settings.node.host == "127.0.0.1"
    assert settings.web.host == "127.0.0.1"
    assert settings.node.port == stage.node_port != settings.web.port == stage.web_port
    assert settings.assembly.archive_quiet_seconds <= 3
    assert settings.spool.folder.is_relative_to(stage.system)
    for port in (stage.node_port, stage.web_port):
        with socket.socket() as free:
            free.bind(("127.0.0.1", port))


def test_demo_takes_a_new_temporary_folder_when_none_is_named():
    first, second = prepare(None), prepare(None)
    assert first.folder != second.folder


def test_demo_never_touches_a_folder_with_other_things_in_it(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError) as caught:
        prepare(tmp_path)
    assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_demo_runs_again_in_the_folder_of_an_earlier_one(tmp_path):
    first = prepare(tmp_path / "demo")
    connect(first, Archive()).close()
    second = prepare(tmp_path / "demo")
    with connect(second, Archive()) as registry:
        assert [peer.ae_title for peer in registry.peers.list()] == ["DEMOPACS"]


def test_archive_is_a_sender_and_a_destination(tmp_path):
    with connect(prepare(tmp_path / "demo"), Archive()) as registry:
        (peer,) = registry.peers.list()
        (destination,) = registry.destinations.list()
    assert (peer.ae_title, peer.host) == ("DEMOPACS", "127.0.0.1")
    assert (destination.ae_title, destination.port) == ("DEMOPACS", 4242)
    assert destination.objects == DEFAULT_OBJECTS


def test_free_ports_are_different():
    assert len(set(free_ports(8))) == 8
