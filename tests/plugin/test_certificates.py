"""Certificates as files: what they say, and what is told before they end."""

import contextlib
import shutil
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin.certificates import (
    CIPHERS_TLS_1_2,
    check_certificates,
    load_identity,
    read_certificate,
)
from plugin.domain.certificates import check_fingerprint
from plugin.domain.errors import ConfigurationError, Reason
from plugin.logs import configure
from plugin.settings import Settings, WebSettings
from plugin.web.renewal import check_certificate, renewed, take
from plugin.web.status import _certificate_lights
from tests.certificates import Authority, Pair
from tests.programs import find_program


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def settings_with(authority, pair):
    tls = {
        "certificate": pair.certificate,
        "private_key": pair.private_key,
        "ca_file": authority.certificate,
    }
    return Settings(tls=tls)


def test_certificate_says_what_openssl_says(authority):
    pair = authority.sign("pacs.hospital", "DNS:pacs.hospital,DNS:pacs2.hospital,IP:10.0.0.5")
    read = read_certificate(pair.certificate)
    printed = subprocess.run(
        [find_program("openssl"), "x509", "-in", pair.certificate, "-noout", "-fingerprint",
         "-sha256"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert read.names == ("pacs.hospital", "pacs2.hospital", "10.0.0.5")
    assert read.issuer == "Test authority"
    assert read.fingerprint == check_fingerprint(printed)
    assert 28 < read.days_left(datetime.now(UTC)) <= 30


def test_end_is_told_before_it_comes(authority):
    settings = settings_with(authority, authority.sign("triage.hospital", days=40))
    now = datetime.now(UTC)
    tones = [
        next(_certificate_lights(settings, now + timedelta(days=days))).tone for days in (0, 15, 41)
    ]
    assert tones == ["good", "wait", "bad"]


def test_expired_certificate_fails_the_check_of_the_settings(authority):
    settings = settings_with(authority, authority.sign_expired("triage.hospital"))
    with pytest.raises(ConfigurationError) as error:
        check_certificates(settings, datetime.now(UTC))
    assert error.value.reason is Reason.CERTIFICATE_EXPIRED
    assert "2024-01-01" in error.value.detail


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("tls", {"certificate": "/c.pem"}),
        ("tls", {"certificate": "/c.pem", "private_key": "/k.pem"}),
        ("node", {"plain": False}),
    ],
)
def test_settings_that_let_nobody_in_or_everybody_are_refused(section, values):
    with pytest.raises(ConfigurationError) as error:
        Settings(**{section: values})
    assert error.value.reason is Reason.SETTING_INVALID


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "SHA1 Fingerprint=" + "AB:" * 19 + "AB"])
def test_what_is_no_sha256_is_no_fingerprint(text):
    with pytest.raises(ConfigurationError):
        check_fingerprint(text)


def test_pages_do_not_start_with_a_key_that_others_can_read(authority):
    pair = authority.sign("pages.hospital")
    Path(pair.private_key).chmod(0o640)
    web = {
        "port": 0,
        "public_url": "https://pages.hospital",
        "certificate": pair.certificate,
        "private_key": pair.private_key,
    }
    settings = Settings(web=web)
    # The group may read it, as Debian's ssl-cert does; the world may not.
    check_certificates(settings, datetime.now(UTC))
    Path(pair.private_key).chmod(0o604)
    with pytest.raises(ConfigurationError) as error:
        check_certificate(settings.web)
    assert error.value.reason is Reason.PRIVATE_KEY_EXPOSED


def test_files_of_the_audit_repository_and_the_hospital_login_are_tried_too(authority, tmp_path):
    now, missing = datetime.now(UTC), str(tmp_path / "none.pem")
    ours = authority.sign("triage.hospital", days=10)
    files = {"certificate": ours.certificate, "private_key": ours.private_key}
    settings = Settings(audit={"ca_file": authority.certificate, **files})
    ((setting, _),) = check_certificates(settings, now)
    assert setting == "audit.certificate"
    lights = [next(_certificate_lights(settings, now + timedelta(days=n))) for n in (0, 11)]
    assert [one.tone for one in lights] == ["wait", "warn"], "what is audited waits: no fault"
    for section in (
        {"audit": {"certificate": missing, "private_key": missing}},
        {"audit": {"ca_file": missing}},
        {"openid": {"ca_file": missing}},
    ):
        with pytest.raises(ConfigurationError) as error:
            check_certificates(Settings(**section), now)
        assert error.value.reason is Reason.CERTIFICATE_UNUSABLE
        assert missing in error.value.detail


def shown_by(context, *ciphers):
    """Return the certificate that a server with this context shows, after a real handshake.

    Parameters
    ----------
    ciphers
        Of TLS 1.2, which a client has that speaks nothing newer; none: all it knows, of 1.3 too.
    """
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        client_context.maximum_version = ssl.TLSVersion.TLSv1_2
        client_context.set_ciphers(":".join(ciphers))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ssl.DER_cert_to_PEM_cert(client.getpeercert(binary_form=True)).strip()


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_pages_show_a_renewed_certificate_without_a_restart(
    authority, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("plugin.certificates.SETTLE_SECONDS", 0.05)
    monkeypatch.setattr("plugin.web.renewal._LOOK_SECONDS", 0.02)
    first, second = authority.sign("pages.first"), authority.sign("pages.second")
    pair = Pair(str(tmp_path / "web.pem"), str(tmp_path / "web.key"))

    def install(certificate, key):
        shutil.copy(certificate, pair.certificate)
        shutil.copy(key, pair.private_key)

    def text_of(one):
        return Path(one.certificate).read_text().strip()

    install(first.certificate, first.private_key)
    web = WebSettings(certificate=pair.certificate, private_key=pair.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_identity(context, web.certificate, web.private_key)
    configure("info", "web")
    with renewed(web, context):
        install(second.certificate, first.private_key)
        told = []
        wait_until(lambda: told.append(capfd.readouterr()) or "certificate_not_taken" in str(told))
        assert shown_by(context) == text_of(first), "a pair that does not fit changes nothing"
        install(second.certificate, second.private_key)
        wait_until(lambda: shown_by(context) == text_of(second))


def test_renewed_certificate_is_shown_by_no_other_cipher_than_the_first(authority):
    pair = authority.sign("pages.hospital")
    web = WebSettings(certificate=pair.certificate, private_key=pair.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(CIPHERS_TLS_1_2)
    load_identity(context, web.certificate, web.private_key)
    for renew in (lambda: None, lambda: take(web, context)):
        renew()
        assert shown_by(context, "ECDHE-ECDSA-AES128-GCM-SHA256")
        with pytest.raises(ssl.SSLError):
            shown_by(context, "ECDHE-ECDSA-AES128-SHA256")


def test_no_connection_fails_while_a_certificate_is_taken(authority):
    pair = authority.sign("pages.hospital")
    web = WebSettings(certificate=pair.certificate, private_key=pair.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_identity(context, web.certificate, web.private_key)
    ended = threading.Event()

    def renew():
        while not ended.wait(1e-5):
            take(web, context)

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        for _ in range(800):
            assert shown_by(context)
    finally:
        ended.set()
        renewing.join()
