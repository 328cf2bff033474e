"""Commands about TLS: who must come by it, where results go by it, what a certificate is."""

import json

import pytest

from plugin.certificates import read_certificate
from tests.certificates import Authority
from tests.plugin.refusal import assert_one_sentence


@pytest.fixture
def pair(tmp_path):
    return Authority(tmp_path / "authority").sign("pacs.hospital")


def test_peer_is_bound_to_the_certificate_that_show_prints(run, registry, pair):
    (shown,) = json.loads(run("certificate", "show", pair.certificate, "--json").stdout).values()
    added = run("peer", "add", "PACS", "--certificate-fingerprint", shown["fingerprint"])
    assert "may send by TLS now" in added.stdout
    assert "until tls.certificate is set" in added.stdout  # the node has none yet
    peer = registry.peers.get("PACS")
    assert peer.certificate_fingerprint == read_certificate(pair.certificate).fingerprint
    assert "required" in run("peer", "list").stdout
    assert_one_sentence(run("peer", "edit", "PACS", "--tls", "allowed"), 2)
    loosened = run("peer", "edit", "PACS", "--tls", "allowed", "--certificate-fingerprint", "")
    assert loosened.exit_code == 0, loosened.stderr


def test_destination_by_tls_and_back(run, registry):
    address = ("--ae-title", "PACS", "--host", "10.1.2.3", "--port", "2762")
    run("destination", "add", "pacs", *address, "--tls", "--tls-name", "pacs.hospital")
    assert "10.1.2.3:2762 by TLS" in run("destination", "show", "pacs").stdout
    assert registry.destinations.get("pacs").tls_name == "pacs.hospital"
    run("destination", "edit", "pacs", "--no-tls", "--port", "104")
    plain = registry.destinations.get("pacs")
    assert (plain.tls, plain.tls_name, plain.port) == (False, None, 104)


def test_show_says_when_no_certificate_is_set(run):
    assert "No certificate is set" in run("certificate", "show").stdout


def test_what_is_no_certificate_is_refused_in_a_sentence(run, tmp_path):
    path = tmp_path / "no.pem"
    path.write_text("nothing")
    assert_one_sentence(run("certificate", "show", str(path)), 2)
