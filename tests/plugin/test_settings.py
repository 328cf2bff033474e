"""Settings: one file, the environment, secrets; a typo is named; every setting is documented."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.urls import hide_password
from plugin.settings import (
    Settings,
    embedded_broker_socket,
    load_settings,
    setting_rows,
)
from tests.plugin.documentation import PAGE, REPOSITORY, settings_table, with_tables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("CMR_TRIAGE_"):
            monkeypatch.delenv(name)


def _load(tmp_path, text):
    path = tmp_path / "cmr-triage.toml"
    path.write_text(text)
    return load_settings(path)


def _refused(tmp_path, text):
    with pytest.raises(ConfigurationError) as refused:
        _load(tmp_path, text)
    return refused.value


def test_defaults_need_no_file(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    settings = load_settings(None)
    assert settings.node.ae_title == "CMRTRIAGE"
    assert settings.node.port == 11112
    assert not settings.node.accept_unknown_peers
    assert settings.spool.folder == Path("/home/me/.local/state/cmr-triage")
    assert settings.registry_url == "sqlite:////home/me/.local/state/cmr-triage/registry.sqlite"
    assert settings.embedded_queue
    assert settings.queue_url.startswith("redis+socket:///home/me/.local/state/cmr-triage/run/")


def test_secrets_overrule_the_environment_and_it_the_file(tmp_path, monkeypatch):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "node__host").write_text("10.0.0.3\n")
    monkeypatch.setenv("CMR_TRIAGE_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("CMR_TRIAGE_NODE__HOST", "10.0.0.2")
    monkeypatch.setenv("CMR_TRIAGE_NODE__PORT", "2222")
    settings = _load(tmp_path, '[node]\nhost = "10.0.0.1"\nport = 1\nae_title = "FILE"\n')
    assert (settings.node.host, settings.node.port) == ("10.0.0.3", 2222)
    assert settings.node.ae_title == "FILE"
    sources = {row.key: row.source for row in setting_rows(settings)}
    assert sources["node.host"] == "secret node__host"
    assert sources["node.port"] == "environment CMR_TRIAGE_NODE__PORT"
    assert sources["node.ae_title"] == f"file {tmp_path / 'cmr-triage.toml'}"
    assert sources["web.port"] == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[node]\nprot = 104\n", "node.prot: unknown key; did you mean node.port?"),
        ("[nodes]\nport = 104\n", "nodes: unknown key; did you mean node?"),
        ("[node]\nxyzzy = 1\n", "node.xyzzy: unknown key"),
        ("[node]\nport = 70000\n", "node.port: "),
        ('[worker]\ndevice = "gpu"\n', "worker.device: Input should be 'cpu' or 'cuda'"),
        ("[assembly]\ntick_seconds = 0\n", "assembly.tick_seconds: "),
        ("[assembly]\ntick_seconds = inf\n", "assembly.tick_seconds: "),
        ("node = 3\n", "node: "),
        ("[node\n", "line 1"),
        ('[registry]\nurl = "\x01"\n', "cmr-triage.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, words):
    refused = _refused(tmp_path, text)
    assert refused.reason is Reason.SETTING_INVALID
    assert words in refused.detail


def test_two_mistakes_are_named_together(tmp_path):
    detail = _refused(tmp_path, "[node]\nprot = 1\n[spool]\nquota_bytes = -1\n").detail
    assert "node.prot" in detail
    assert "spool.quota_bytes" in detail


@pytest.mark.parametrize(
    "variable", ["CMR_TRIAGE_NODE__PROT", "CMR_TRIAGE_NODES__PORT", "CMR_TRIAGE_NODE_PORT"]
)
def test_a_typo_in_the_environment_is_named(monkeypatch, variable):
    monkeypatch.setenv(variable, "104")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(None)
    assert "unknown key; did you mean node.port?" in refused.value.detail


def test_a_wrong_value_is_not_repeated(tmp_path, monkeypatch):
    refused = _refused(tmp_path, '[registry]\nurl = ["topsecret"]\n')
    assert "topsecret" not in repr(refused) + refused.sentence
    monkeypatch.setenv("CMR_TRIAGE_QUEUE", "topsecret")
    with pytest.raises(Exception) as failed:  # noqa: PT011 - any, as long as it is silent
        load_settings(None)
    assert "topsecret" not in str(failed.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path / "none.toml")
    assert refused.value.reason is Reason.SETTINGS_FILE_MISSING
    assert "none.toml" in refused.value.detail


def test_a_missing_secrets_folder_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("CMR_TRIAGE_SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError) as refused:
        load_settings(None)
    assert "CMR_TRIAGE_SECRETS_DIR" in refused.value.detail


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "pacs.example", ""])
def test_the_page_is_refused_beyond_this_machine(tmp_path, host):
    refused = _refused(tmp_path, f'[web]\nhost = "{host}"\n')
    assert refused.reason is Reason.PAGE_NOT_PROTECTED


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_the_page_is_served_on_this_machine(tmp_path, host):
    assert _load(tmp_path, f'[web]\nhost = "{host}"\n').web.host == host


@pytest.mark.parametrize("title", ["", " ", "SEVENTEENLETTERSX", "A\\\\B", "ä"])
def test_an_invalid_ae_title_stops_the_start(tmp_path, title):
    refused = _refused(tmp_path, f'[node]\nae_title = "{title}"\n')
    assert refused.reason is Reason.AE_TITLE_INVALID


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().node.port = 1


def test_passwords_are_hidden():
    url = "postgresql+psycopg://me:topsecret@db/cmr"
    settings = Settings(registry={"url": url})
    rows = {row.key: row.value for row in setting_rows(settings)}
    assert rows["registry.url"] == '"postgresql+psycopg://me:***@db/cmr"'
    assert hide_password("redis://:topsecret@h:1/0") == "redis://:***@h:1/0"
    assert hide_password("redis://h:1/0") == "redis://h:1/0"
    assert hide_password("") == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg:///db?password=hunter2", "postgresql+psycopg:///db?password=***"),
        ("p://u:hunter2@h/db?a=b&sslpassword=hunter2", "p://u:***@h/db?a=b&sslpassword=***"),
        ("p://h/db?PASSWORD=hunt#er2&user=me", "p://h/db?PASSWORD=***&user=me"),
        ("p://h/db?passfile=/run/pass&user=me", "p://h/db?passfile=/run/pass&user=me"),
    ],
)
def test_passwords_in_the_query_are_hidden(url, shown):
    assert hide_password(url) == shown


@pytest.mark.parametrize("place", ["host:8x", "host:99999", "[::1"])
def test_an_address_whose_port_cannot_be_one_stops_the_start(tmp_path, place):
    for section, key, scheme in (
        ("audit", "repository", "tls"),
        ("web", "public_url", "https"),
        ("web", "viewer_url", "https"),
        ("openid", "issuer", "https"),
    ):
        refused = _refused(tmp_path, f'[{section}]\n{key} = "{scheme}://{place}"\n')
        assert refused.reason is Reason.SETTING_INVALID
        assert f"{section}.{key}: " in refused.detail


@pytest.mark.parametrize("length", [10, 90, 100, 300])
def test_the_brokers_socket_fits_into_an_address(length):
    folder = Path("/") / ("f" * min(length, 200)) / ("g" * max(length - 200, 1))
    socket = embedded_broker_socket(folder)
    assert len(str(socket).encode()) <= 107
    assert socket == embedded_broker_socket(folder)
    assert socket != embedded_broker_socket(folder / "other")


def test_the_brokers_url_survives_odd_folders():
    from kombu.utils.url import url_to_parts

    settings = Settings(spool={"folder": "/srv/a b%20#c?d"})
    parts = url_to_parts(settings.queue_url)
    assert f"/{parts.path}" == "/srv/a b%20#c?d/run/redis.sock"


def test_every_setting_is_described():
    rows = setting_rows(Settings())
    assert len(rows) > 30
    for row in rows:
        assert row.description.endswith("."), row.key
        assert row.default, row.key


def test_the_administrators_page_has_every_setting_and_reason():
    text = PAGE.read_text()
    assert settings_table() in text
    assert with_tables(text) == text, "run: python -m tests.plugin.documentation"


def test_the_example_file_has_every_setting_and_loads(tmp_path):
    text = (REPOSITORY / "deploy" / "cmr-triage.toml.example").read_text()
    _load(tmp_path, text)
    everything = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    written = {
        f"{section}.{key}"
        for section, values in tomllib.loads(everything).items()
        for key in values
    }
    assert written == {row.key for row in setting_rows(Settings())}
    _load(tmp_path, everything)


def test_shown_values_are_toml_whatever_is_in_them(tmp_path):
    folder = '/tmp/a "quoted" \\ folder'
    settings = Settings(spool={"folder": folder})
    shown = {row.key: row.value for row in setting_rows(settings)}
    assert tomllib.loads(f"value = {shown['spool.folder']}")["value"] == folder


def test_settings_file_that_may_not_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path)  # a folder: nobody can read it as a file
    assert refused.value.reason is Reason.SETTINGS_FILE_MISSING
    assert "directory" in refused.value.detail
