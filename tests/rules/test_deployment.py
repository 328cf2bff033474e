"""The deployment files name commands, settings and extras that exist."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from plugin.cli import app
from plugin.settings import Settings, load_settings, setting_rows
from plugin.supervisor import START_ORDER

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
COMMANDS = set(typer.main.get_command(app).commands)
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def compose_services():
    """Return name and text of every service of the compose file."""
    text = (DEPLOY / "compose.yaml").read_text().partition("\nservices:\n")[2]
    text = text.partition("\nvolumes:\n")[0]
    parts = re.split(r"^  ([a-z]+):$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_unit_starts_a_command_that_exists(unit):
    (command,) = re.findall(
        r"^ExecStart=\S+/cmr-triage (\w+) --config \S+$", unit.read_text(), re.M
    )
    assert command in COMMANDS
    assert unit.stem == f"cmr-triage-{command}"


def test_every_process_has_a_unit_and_a_container():
    units = {unit.stem.removeprefix("cmr-triage-") for unit in UNITS} - {"up"}
    services = compose_services()
    assert units == set(START_ORDER)
    assert set(services) - {"registry", "queue"} == set(START_ORDER)
    for name in START_ORDER:
        assert f'command: ["{name}"]' in services[name]
    target = (DEPLOY / "systemd" / "cmr-triage.target").read_text()
    assert all(f"cmr-triage-{name}.service" in target for name in START_ORDER)


@pytest.mark.parametrize("name", ["compose.yaml", "Containerfile"])
def test_variables_of_containers_are_settings(name):
    text = (DEPLOY / name).read_text()
    variables = re.findall(r"^\s*(?:ENV )?CMR_TRIAGE_([A-Z_]+?)__([A-Z_]+)[:=]", text, re.M)
    assert variables
    for section, key in variables:
        assert hasattr(getattr(Settings(), section.lower()), key.lower())


def test_example_settings_hold_every_setting_with_its_default():
    text = (DEPLOY / "cmr-triage.toml.example").read_text()
    assert Settings(**tomllib.loads(text)).spool.folder == Path("/var/lib/cmr-triage")
    switched_on = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M))
    given = Settings(**switched_on)
    shown = {f"{section}.{key}" for section in switched_on for key in switched_on[section]}
    assert shown == {row.key for row in setting_rows()}
    for row in setting_rows(given):
        assert row.value == row.default or row.key == "spool.folder"


def test_settings_of_the_readme_lie_where_an_ordinary_user_may_write(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (command,) = re.findall(r"^(sed .+? > cmr-triage\.toml)", (TOP / "README.md").read_text(), re.M)
    command = command.replace("> cmr-triage.toml", f"> {tmp_path / 'cmr-triage.toml'}")
    subprocess.run(["sh", "-c", command], cwd=TOP, check=True)
    settings = load_settings(tmp_path / "cmr-triage.toml")
    assert settings.spool.folder == tmp_path / ".local/state/cmr-triage"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_unit_says_how_it_writes_elsewhere(unit):
    text = unit.read_text()
    assert "ProtectSystem=strict" in text
    assert re.search(r"^# ReadWritePaths=/\S+$", text, re.M)


def test_image_is_made_of_everything_that_the_wheel_needs():
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", (DEPLOY / "Containerfile").read_text(), re.M):
        *sources, target = line.split()
        assert target == "/source/" or sources == [target.removeprefix("/source/")]
        copied.update(sources)
    described = tomllib.loads((TOP / "pyproject.toml").read_text())
    packages = described["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    readme = described["project"]["readme"]
    assert copied == {"pyproject.toml", "hatch_build.py", readme, "LICENSE", *packages}


def test_extras_that_scripts_install_exist():
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in ("try.sh", "test.sh", "Containerfile"):
        for group in re.findall(r"\[([a-z${},A-Z]+)\]\"", (DEPLOY / name).read_text()):
            for extra in group.replace("${INFERENCE}", "cpu").split(","):
                assert extra in extras, f"{name}: {extra}"


def test_torch_of_the_script_is_the_one_that_is_pinned():
    pinned = re.findall(r"torch==([\d.]+)", (TOP / "pyproject.toml").read_text())
    assert re.findall(r"torch==([\d.]+)", (DEPLOY / "test.sh").read_text()) == pinned


@pytest.mark.parametrize("name", ["deploy/try.sh", "deploy/test.sh"])
def test_script_is_posix_shell(name):
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-n", str(TOP / name)], check=True)


def only_on_path(tmp_path, **scripts):
    """Make a PATH that holds these scripts and the tools that ``try.sh`` calls, nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    for tool in ("dirname", "sh", "printf", "find", "head", "mkdir", "cp", "rm", "chmod"):
        (folder / tool).symlink_to(shutil.which(tool))
    return str(folder)


# A Python that runs, but has no venv module.
WITHOUT_VENV = f'case "$*" in *"import venv"*) exit 1;; esac\nexec {sys.executable} "$@"\n'
# A Python that is newer than the packaged Redis servers.
TOO_NEW = 'case "$*" in *platform.machine*) exit 1;; esac\nexit 0\n'
# A Python that makes environments and installs without a network; its pip notes its arguments.
FAKE_PYTHON = f"""\
case "$1 $2" in
    "-c "*) exec {sys.executable} "$@" ;;
    "-m venv")
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        printf '#!/bin/sh\\necho "runs $*${{CMR_TRIAGE_WORKER__BUNDLE:+ with it}}"\\n' \\
            > "$3/bin/cmr-triage"
        chmod +x "$3/bin/cmr-triage"
        ;;
    "-m pip") [ "$3" = "--version" ] || printf '%s\\n' "$* ${{CMR_TRIAGE_BUNDLES:-every bundle}}" \\
        >> "$(dirname "$0")/pip.log" ;;
    *) exit 1 ;;
esac
"""


def try_script(tmp_path, path, *arguments):
    return subprocess.run(
        ["sh", str(DEPLOY / "try.sh"), *arguments],
        env={"PATH": path, "CMR_TRIAGE_TRY_VENV": str(tmp_path / "venv"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_try_says_what_to_install_when_the_venv_module_is_missing(tmp_path):
    answer = try_script(tmp_path, only_on_path(tmp_path, **{"python3.12": WITHOUT_VENV}))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "-venv" in answer.stderr
    assert not (tmp_path / "venv").exists()


def test_try_says_what_to_install_when_there_is_no_python(tmp_path):
    answer = try_script(tmp_path, only_on_path(tmp_path))
    assert answer.returncode == 1
    assert "python3.12" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_try_says_what_to_install_when_there_is_no_redis(tmp_path):
    answer = try_script(tmp_path, only_on_path(tmp_path, **{"python3.13": TOO_NEW}))
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "apt install redis-server" in answer.stderr
    assert not (tmp_path / "venv").exists()


def test_try_takes_the_python_that_has_venv(tmp_path):
    scripts = {"python3.12": WITHOUT_VENV, "python3.11": FAKE_PYTHON, "redis-server": ""}
    answer = try_script(tmp_path, only_on_path(tmp_path, **scripts))
    assert (answer.returncode, answer.stdout) == (0, "runs demo\n"), answer.stderr


def test_try_installs_once_and_again_after_a_change_or_an_interruption(tmp_path):
    path = only_on_path(tmp_path, **{"python3.12": FAKE_PYTHON, "redis-server": ""})
    venv = tmp_path / "venv"

    def n_installations():
        answer = try_script(tmp_path, path)
        assert (answer.returncode, answer.stdout) == (0, "runs demo\n"), answer.stderr
        return (venv / "bin" / "pip.log").read_text().count("[cpu]")

    assert n_installations() == 1
    assert n_installations() == 1
    os.utime(venv / ".installed", (0, 0))  # older than the code
    assert n_installations() == 2
    (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert n_installations() == 3


def test_try_installs_and_runs_the_bundle_that_is_named_and_no_other(tmp_path):
    path = only_on_path(tmp_path, **{"python3.12": FAKE_PYTHON, "redis-server": ""})

    def installations(*arguments):
        answer = try_script(tmp_path, path, *arguments)
        assert answer.returncode == 0, answer.stderr
        log = (tmp_path / "venv" / "bin" / "pip.log").read_text()
        return answer.stdout, [line for line in log.splitlines() if "[cpu]" in line]

    printed, (first,) = installations("--keep")
    assert printed == "runs demo --keep\n"
    assert first.endswith("every bundle")
    for arguments in (("--bundle", "acdc-unet", "--keep"), ("--keep", "--bundle=acdc-unet")):
        printed, (_, second) = installations(*arguments)
        assert printed == "runs demo --keep with it\n"
        assert second.endswith("[cpu] acdc-unet")
    # without the option all of them are there again
    assert installations()[1][2].endswith("every bundle")


@pytest.mark.parametrize(
    "arguments", [("--bundle",), ("--bundle", "none-unet"), ("--bundle=../x",)]
)
def test_try_refuses_a_bundle_that_is_not_there(tmp_path, arguments):
    path = only_on_path(tmp_path, **{"python3.12": FAKE_PYTHON, "redis-server": ""})
    answer = try_script(tmp_path, path, *arguments)
    assert answer.returncode == 1
    assert "bundle" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()
