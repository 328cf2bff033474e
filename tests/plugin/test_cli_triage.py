"""``triage`` and ``switch`` as an administrator uses them."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.domain.triage import MeasuredValue, TriageInputs, decide, default_policy
from tests.plugin.domain.triage.policies import lvef, policy_text, rule
from tests.plugin.registry.samples import claim_job, make_result


@pytest.fixture
def run(config):
    def call(*arguments):
        return CliRunner().invoke(app, [*arguments, "--config", str(config)])

    return call


@pytest.fixture
def policy(tmp_path):
    def write(*entries):
        path = tmp_path / "policy.toml"
        path.write_text(policy_text(*entries), encoding="utf-8")
        return str(path)

    return write


def report(registry, lvef_percent):
    """Publish a result and the decision of the policy that ships."""
    job = claim_job(registry)
    value = MeasuredValue(lvef_percent, "%", (lvef_percent - 4, lvef_percent + 4))
    decision = decide(default_policy(), TriageInputs({"lv_ejection_fraction": value}))
    result = replace(make_result(), decision=decision)
    assert registry.jobs.publish(job.id, job.fence, result)
    return job


def test_check_names_every_problem_with_its_line(policy):
    path = policy(rule(level="LOW"), rule("b", when=lvef(unit="ml")))
    result = CliRunner().invoke(app, ["triage", "check", path])
    assert result.exit_code == 2
    assert "line 4, rule a, key level" in result.stderr
    assert "line 10, rule b" in result.stderr
    assert "(2 problems)" in result.stderr


def test_check_of_a_usable_policy_says_so(policy):
    result = CliRunner().invoke(app, ["triage", "check", policy(rule())])
    assert result.exit_code == 0
    assert "1 rules, can be used" in result.stdout


def test_check_of_what_is_no_text_is_one_sentence(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xff\xfe\x00")
    result = CliRunner().invoke(app, ["triage", "check", str(path)])
    assert result.exit_code == 2
    assert "not UTF-8 text" in result.stderr
    missing = CliRunner().invoke(app, ["triage", "check", str(tmp_path / "none.toml")])
    assert missing.exit_code == 1
    assert "The operating system refused" in missing.stderr


def test_show_names_rules_sources_and_how_levels_are_written(run):
    result = run("triage", "show")
    assert result.exit_code == 0
    for words in ("lvef_35", "at or below 35 %", "Zeppenfeld", "it ships", "Emergent Procedure"):
        assert words in result.stdout
    assert "LOW" not in result.stdout
    assert run("triage", "show", "--text").stdout.startswith("# The policy of cmr-triage")


def test_activate_rollback_and_history(run, policy, registry):
    assert run("triage", "activate", policy(rule("mine"))).exit_code == 0
    assert "mine" in run("triage", "show").stdout
    assert json.loads(run("triage", "show", "--json").stdout)["activation"]["activated_by"] == "cli"
    refused = run("triage", "activate", policy(rule(level="LOW")))
    assert refused.exit_code == 2
    assert run("triage", "rollback").exit_code == 0
    assert registry.policies.in_force().digest == default_policy().digest
    assert len(json.loads(run("triage", "history", "--json").stdout)) == 2


def test_explain_shows_why(run, registry):
    job = report(registry, 22.0)
    result = run("triage", "explain", job.study_instance_uid)
    assert "lvef_35" in result.stdout
    (entry,) = json.loads(run("triage", "explain", job.study_instance_uid, "--json").stdout)
    assert entry["inputs"]["measurements"]["lv_ejection_fraction"]["value"] == 22.0


def test_simulate_shows_what_would_have_changed_and_changes_nothing(run, policy, registry):
    job = report(registry, 38.0)
    tried = policy(rule("wide", "STAT", lvef(threshold=40)))
    result = run("triage", "simulate", "--policy", tried)
    assert result.exit_code == 0
    assert f"…{job.study_instance_uid[-12:]}" in result.stdout
    changes = json.loads(run("triage", "simulate", "--policy", tried, "--json").stdout)
    assert changes["n_before"] == {"STAT": 0, "URGENT": 0, "ROUTINE": 1}
    assert changes["n_after"] == {"STAT": 1, "URGENT": 0, "ROUTINE": 0}
    assert registry.policies.history() == []
    assert len(registry.triage.of_study(job.study_id)) == 1


def test_queue_simulates_and_draws(tmp_path):
    plot = tmp_path / "queue.png"
    arguments = ["triage", "queue", "--days", "40", "--plot", str(plot), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    urgent, _ = json.loads(result.stdout)["rows"]
    assert urgent[3] < urgent[2]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_queue_that_only_grows_is_refused():
    result = CliRunner().invoke(app, ["triage", "queue", "--studies-per-day", "40"])
    assert result.exit_code == 2
    assert "the list only grows" in result.stderr


def test_switch_off_and_on_is_said_and_audited(run, registry):
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
    assert (
        "Destination pacs is switched off" in run("switch", "off", "--destination", "pacs").stdout
    )
    assert "Everything is switched off" in run("switch", "off").stdout
    assert "already" in run("switch", "off").stdout
    shown = run("switch", "show").stdout
    assert "pacs" in shown
    assert "Mode shadow" in shown
    assert "Still switched off: pacs" in run("switch", "on").stdout
    assert run("switch", "off", "--destination", "nowhere").exit_code == 2
    actions = {one.action for one in registry.audit.list()}
    assert {"switch.off", "switch.on"} <= actions
