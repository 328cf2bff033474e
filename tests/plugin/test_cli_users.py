"""Accounts and feedback from the command line."""

import csv
import io
import re

import pytest
from typer.testing import CliRunner

from plugin.accounts import Accounts, ensure_first_admin, forget_first_password
from plugin.cli import app
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.feedback import Verdict
from plugin.registry import Registry
from plugin.registry.readings import Opinion
from plugin.settings import load_settings
from tests.plugin.registry.samples import report_job


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "cmr-triage.toml"
    path.write_text(f'[spool]\nfolder = "{tmp_path / "spool"}"\n')
    return path


@pytest.fixture
def registry(config, cli):
    cli("user", "list")
    with Registry(load_settings(config).registry_url) as registry:
        yield registry


@pytest.fixture
def cli(config):
    def run(*words, code=0):
        result = CliRunner().invoke(app, [*words, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_added_user_logs_in_with_the_printed_password(cli, registry):
    text = cli("user", "add", "Anna", "--role", "reader")
    given = re.search(r"One-time password: (\S+)", text)[1]
    user, _ = Accounts(registry).sign_in("anna", given)
    assert user.one_time
    again = cli("user", "password", "anna").split()[-1]
    assert Accounts(registry).sign_in("anna", given) is None
    assert Accounts(registry).sign_in("anna", again) is not None
    cli("user", "disable", "anna")
    assert Accounts(registry).sign_in("anna", again) is None
    assert "anna" in cli("user", "list")
    assert [one.action for one in registry.audit.list()].count("user.add") == 1


def test_wrong_names_and_the_last_admin_are_refused_with_a_sentence(cli):
    cli("user", "add", "a b", code=2)
    cli("user", "add", "boss", "--role", "admin")
    cli("user", "add", "boss", code=2)
    cli("user", "disable", "nobody", code=2)
    text = cli("user", "edit", "boss", "--role", "reader", code=2)
    assert SENTENCES[Reason.LAST_ADMIN] in " ".join(text.split())


def test_key_of_a_user_opens_the_interface(cli, registry):
    cli("user", "add", "bot")
    key = cli("user", "token", "bot", "--days", "1").strip()
    assert Accounts(registry).of_token(key) is None  # its password is still a one-time one
    Accounts(registry).set_password("bot", "a password of its own", "test")
    assert Accounts(registry).of_token(key).name == "bot"


def test_first_start_makes_one_admin_whose_password_lies_in_a_private_file(registry, tmp_path):
    given = ensure_first_admin(registry, tmp_path)
    path = tmp_path / "first-password"
    assert path.read_text().strip() == given
    assert path.stat().st_mode & 0o777 == 0o600
    assert Accounts(registry).sign_in("admin", given)[0].one_time
    assert ensure_first_admin(registry, tmp_path) is None
    forget_first_password(tmp_path)
    assert not path.exists()


def test_feedback_is_exported_without_comments_unless_asked_for(cli, registry, tmp_path):
    job = report_job(registry)
    opinion = Opinion(Verdict.CORRECT, lvef_percent=41.0, comment="=Mrs Secret")
    registry.readings.add_feedback(job.study_id, job.id, "anna", opinion)
    registry.readings.add_feedback(job.study_id, job.id, "anna", Opinion(Verdict.AGREE))
    text = cli("feedback", "export")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["verdict"] for row in rows] == ["correct", "agree"]
    assert (rows[0]["lvef_percent"], rows[0]["lvef_percent_ai"]) == ("41.0", "61.0")
    assert "Secret" not in text
    path = tmp_path / "out.csv"
    cli("feedback", "export", "--with-comments", "--out", str(path))
    assert "'=Mrs Secret" in path.read_text()
