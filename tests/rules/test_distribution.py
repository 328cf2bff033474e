"""What a wheel holds, and that its licence is that of what it holds."""

import os
import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from worker.bundle import shipped_bundles

TOP = Path(__file__).resolve().parents[2]
BUNDLES = {folder.name for folder in shipped_bundles()}
NON_COMMERCIAL = "CC-BY-NC-SA-4.0"


def build(folder, chosen, kind="wheel"):
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)],
        cwd=TOP,
        env={**os.environ, "CMR_TRIAGE_BUNDLES": chosen},
        capture_output=True,
        text=True,
        check=False,
    )


def wheel(folder, chosen):
    answer = build(folder, chosen)
    assert answer.returncode == 0, answer.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def metadata(built):
    (name,) = (name for name in built.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(built.read(name).decode())


def bundles_in(built):
    parts = [name.split("/") for name in built.namelist() if name.startswith("worker/bundles/")]
    return {part[2] for part in parts}


def test_wheel_holds_every_bundle_and_all_their_terms(tmp_path):
    with wheel(tmp_path, "") as built:
        said = metadata(built)
        assert bundles_in(built) == BUNDLES
        assert NON_COMMERCIAL in said["License-Expression"].split(" AND ")
        texts = said.get_all("License-File")
        assert {"LICENSE", *(f"worker/bundles/{name}/LICENSE" for name in BUNDLES)} < set(texts)
        assert any(text.startswith("plugin/web/static/") for text in texts)


def test_bundle_that_is_not_there_builds_nothing(tmp_path):
    answer = build(tmp_path, "none-unet")
    assert answer.returncode != 0
    assert "there are: acdc-unet" in answer.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def open_installation(tmp_path_factory):
    """Unpack a wheel without the non-commercial bundle, as an installation of its own."""
    folder = tmp_path_factory.mktemp("open")
    with wheel(folder, "phantom-unet") as built:
        built.extractall(folder / "installed")
        return folder / "installed", metadata(built), bundles_in(built)


def run_in(installed, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "plugin.cli", *arguments],
        cwd=installed.parent,
        env={
            **os.environ,
            "PYTHONPATH": str(installed),
            "CMR_TRIAGE_SPOOL__FOLDER": str(installed.parent / "spool"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_without_the_non_commercial_bundle_is_free_of_its_terms(open_installation):
    installed, said, bundles = open_installation
    assert bundles == {"phantom-unet"}
    assert NON_COMMERCIAL not in said["License-Expression"]
    assert "Apache-2.0" in said["License-Expression"]
    assert "worker/bundles/phantom-unet/LICENSE" in said.get_all("License-File")
    for path in installed.rglob("*LICENSE*"):
        assert "NonCommercial" not in path.read_text(encoding="utf-8"), path


def test_installation_without_the_default_bundle_says_what_to_choose(open_installation):
    installed, *_ = open_installation
    answer = run_in(installed, "bundle", "verify")
    assert answer.returncode == 2
    assert "no bundle acdc-unet; this installation came with: phantom-unet" in answer.stderr


def test_installation_without_the_default_bundle_works_with_the_one_that_is_named(
    open_installation,
):
    installed, *_ = open_installation
    answer = run_in(installed, "config", "check", CMR_TRIAGE_WORKER__BUNDLE="phantom-unet")
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"phantom-unet [\d.]+: Apache-2.0, commercial use too", answer.stdout)
