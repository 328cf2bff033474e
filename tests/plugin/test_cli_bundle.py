"""The commands of ``bundle`` that change something, as an administrator uses them."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.worker.bundle.small_bundle import write_small_bundle


@pytest.fixture
def archive(tmp_path):
    """Write the archive of a small bundle without a language model."""
    made = tmp_path / "made"
    write_small_bundle(made)
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as written:
        for path in made.rglob("*"):
            if path.is_file():
                written.write(path, path.relative_to(made).as_posix())
    return tmp_path / "bundle.zip"


def test_bundle_is_installed_activated_and_rolled_back(run, registry, archive):
    installed = run("bundle", "install", str(archive))
    assert "small 1.0.0 is intact" in installed.output, installed.output
    assert "small" in run("bundle", "list").output
    (known,) = json.loads(run("bundle", "list", "--json").output)["bundles"]
    assert "takes small 1.0.0" in run("bundle", "activate", str(known["id"])).output
    assert registry.bundles.in_force().id == known["id"]
    assert "that the settings name again" in run("bundle", "rollback").output
    run("bundle", "activate", str(known["id"]))
    assert run("bundle", "activate", "--of-settings").exit_code == 0
    assert registry.bundles.in_force() is None
    removed = run("bundle", "remove", str(known["id"]))
    assert removed.exit_code == 2
    assert "roll back to" in removed.output
    assert {entry.actor for entry in registry.audit.list()} == {"cli"}


def test_bundle_that_nobody_needs_is_removed(run, registry, archive):
    run("bundle", "install", str(archive))
    (known,) = registry.bundles.list()
    assert "small 1.0.0 is removed" in run("bundle", "remove", str(known.id)).output
    assert not Path(known.folder).exists()
    assert run("bundle", "remove", str(known.id)).exit_code == 2


def test_what_is_no_bundle_is_refused(run, registry, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no archive")
    assert run("bundle", "install", str(tmp_path / "a.zip")).exit_code == 4
    assert run("bundle", "install", str(tmp_path / "none.zip")).exit_code == 2
    assert registry.bundles.list() == []


@pytest.mark.parametrize("arguments", [["activate"], ["activate", "7"], ["rollback"]])
def test_bundle_that_is_not_here_is_not_activated(run, registry, arguments):
    assert run("bundle", *arguments).exit_code == 2
    assert registry.bundles.history() == []
