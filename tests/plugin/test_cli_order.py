"""``cmr-triage order``: what an administrator sees of orders in files."""

import json

import pytest

from tests.plugin.orders.messages import as_json, orm, ups
from tests.plugin.registry.samples import make_instance


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "1.hl7").write_text(orm("S", uid="1.2.840.1", name="Secret^Name"))
    (folder / "2.json").write_bytes(as_json(ups("LOW", accession="A2")))
    return folder


def test_orders_of_a_folder_are_taken_and_raise_their_studies(run, registry, folder):
    registry.studies.add_instance(make_instance())
    answer = run("order", "import", str(folder), "--json")
    assert answer.exit_code == 0, answer.output
    first, second = json.loads(answer.stdout)
    assert (first["outcome"], first["priority"], first["n_raised"]) == ("new", "STAT", 1)
    assert (second["source"], second["priority"], second["n_studies"]) == ("ups", "LOW", 0)
    assert "Secret" not in answer.output
    assert "nothing new" in run("order", "import", str(folder)).output
    listed = json.loads(run("order", "list", "--json").stdout)
    assert [(one["accession_number"], one["n_studies"]) for one in listed] == [("A2", 0), ("A1", 1)]
    assert "STAT (OBR-27.6 S)" in run("order", "list").output
    shown = json.loads(run("order", "show", str(first["id"]), "--json").stdout)
    assert shown["studies"] == [make_instance().study_instance_uid]
    assert "filler number" in run("order", "show", str(first["id"])).output
    assert run("order", "cancel", str(second["id"])).exit_code == 0
    assert "cancelled" in run("order", "list").output
    assert "STAT by an HL7 v2 order" in run("study", "show", "A1").output
    (known,) = json.loads(run("study", "show", "A1", "--json").stdout)["orders"]
    assert known["order"]["written"] == "OBR-27.6 S"


def test_file_that_is_no_order_is_named_and_the_others_are_taken(run, registry, folder):
    (folder / "0.pdf").write_bytes(b"%PDF-1.7")
    (folder / "3.hl7").write_text(orm(accession="", filler="", placer="P9", name="Secret^Name"))
    answer = run("order", "import", str(folder))
    assert answer.exit_code == 3
    assert "0.pdf: This is no order" in answer.output
    assert "3.hl7: The order names neither a study" in answer.output
    assert "Secret" not in answer.output
    assert len(registry.orders.list()) == 2


def test_order_that_is_not_there_is_said_so(run, registry):
    assert run("order", "show", "7").exit_code == 2
    assert run("order", "cancel", "7").exit_code == 2
    assert "None." in run("order", "list").output
