"""``destination`` and ``delivery``: what an administrator sees of results on their way."""

import json
from datetime import UTC, datetime

import pytest

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from tests.dicom_node.destination import free_port
from tests.dicom_node.web_archive import WebArchive
from tests.plugin.refusal import assert_one_sentence
from tests.plugin.registry.samples import report_job

PACS = ("--ae-title", "PACS", "--host", "10.1.2.3", "--port", "104")


@pytest.fixture
def cli(run):
    return run


@pytest.fixture
def store(registry):
    return registry


def test_destination_list_says_who_answers_confirms_and_takes_what_instead(cli, store):
    assert cli("destination", "add", "pacs", *PACS, "--object", "sr").exit_code == 0
    job = report_job(store)
    pacs = store.destinations.get("pacs")
    store.health.substitute(store.deliveries.due(pacs.id)[0], 0x0122)
    store.health.confirms(pacs.id, "query")
    store.health.takes_implicit(pacs.id)
    unreachable = Reason.DESTINATION_UNREACHABLE
    store.health.failed(pacs.id, unreachable, 3, datetime.now(UTC), opens=True)
    shown = cli("destination", "list").stdout
    for text in (
        "no, since",
        "query",
        "PACS at 10.1.2.3:104",
        "pacs takes summary instead of sr (Comprehensive 3D SR) since",
        "(status 0122)",
        "Implicit VR Little Endian",
    ):
        assert text in shown.replace("\n", " "), text
    (listed,) = json.loads(cli("destination", "list", "--json").stdout)
    assert listed["name"] == "pacs"
    assert listed["deliveries"]["REPLACED"] == 1
    described = json.loads(cli("destination", "show", "pacs", "--json").stdout)
    assert described["substitutions"][0]["instead"] == "summary"
    assert "does not answer" in cli("destination", "show", "pacs").stdout.replace("\n", " ")
    (report, summary) = store.deliveries.for_job(job.id)
    assert (report.state, summary.state) == (DeliveryState.REPLACED, DeliveryState.PENDING)
    cli("destination", "retry", "pacs")
    assert store.health.substitutions() == []
    assert store.health.get(pacs.id).open_since is None


def test_web_destination_is_added_without_showing_its_password(cli, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("triage:hunter2")
    added = cli(
        "destination", "add", "web", "--url", "https://archive/dicom-web/",
        "--credentials-file", "password", "--confirm", "query",
    )  # fmt: skip
    assert added.exit_code == 0
    record = store.destinations.get("web")
    assert record.credentials_file == str(tmp_path / "password")
    assert (record.host, record.port, record.confirm) == ("archive", 443, "query")
    for command in (("list",), ("show", "web"), ("list", "--json")):
        shown = cli("destination", *command).stdout
        assert "https://archive/dicom-web" in shown.replace("\n", "")
        assert "hunter2" not in shown
    refused = cli("destination", "add", "other", "--url", "https://u:hunter2@archive/")
    assert_one_sentence(refused, 2)
    assert "hunter2" not in refused.stderr
    assert_one_sentence(cli("destination", "edit", "web", "--confirm", "commitment"), 2)


def test_web_destination_is_tested(cli, store):
    there = WebArchive()
    cli("destination", "add", "web", "--url", there.url)
    tested = cli("destination", "test", "web")
    assert tested.exit_code == 0
    assert "confirm by query" in tested.stdout
    there.stop()
    cli("destination", "edit", "web", "--url", f"http://127.0.0.1:{free_port()}/dicom-web")
    assert_one_sentence(cli("destination", "test", "web"), 5)


def test_dead_letters_are_listed_and_sent_again(cli, store):
    cli("destination", "add", "pacs", *PACS)
    job = report_job(store)
    report, summary = store.deliveries.for_job(job.id)
    store.deliveries.dead(report.id, Reason.DESTINATION_REFUSED_INSTANCE, 0xC001)
    shown = cli("delivery", "list", "--dead").stdout
    assert "DEAD" in shown
    assert "PENDING" not in shown
    assert "C001" in shown
    assert "refused the object" in shown.replace("\n", " ")
    waiting = json.loads(cli("delivery", "list", "--waiting", "--json").stdout)
    assert [item["id"] for item in waiting] == [summary.id]
    assert "1 objects" in cli("delivery", "retry", str(report.id)).stdout
    assert store.deliveries.get(report.id).state is DeliveryState.PENDING
    store.deliveries.dead(report.id, Reason.DESTINATION_REFUSED_INSTANCE)
    assert "1 objects" in cli("delivery", "retry", "--destination", "pacs").stdout
    assert "0 objects" in cli("delivery", "retry", "--all").stdout
    assert_one_sentence(cli("delivery", "retry"), 2)
    assert_one_sentence(cli("delivery", "retry", "--all", "--destination", "pacs"), 2)
    assert_one_sentence(cli("delivery", "retry", "--destination", "nowhere"), 2)


def test_study_says_how_far_its_objects_are(cli, store):
    cli("destination", "add", "pacs", *PACS)
    job = report_job(store)
    report, summary = store.deliveries.for_job(job.id)
    store.deliveries.sent(report.id, 0, datetime.now(UTC))
    store.deliveries.confirmed(report.id, "commitment")
    store.deliveries.sent(summary.id, 0)
    (listed,) = json.loads(cli("study", "list", "--json").stdout)["studies"]
    assert listed["delivered"] == "1 sent, 1 confirmed of 2"
    shown = cli("study", "show", "P1").stdout
    assert "CONFIRMED" in shown
    assert "commitment" in shown
    # Sent, and nobody will ask: at rest.
    assert cli("delivery", "list", "--waiting", "--json").stdout.strip() == "[]"
