"""The project's own laws: imports, style, types, and what no file may contain."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PACKAGES = ("plugin", "dicom_node", "worker")


def tracked_files():
    """List the repository's text files; from git where there is one."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [TOP / name for name in listing.stdout.split("\0") if name and (TOP / name).is_file()]


def text_of(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def run_tool(*command):
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    return subprocess.run(
        [program, *command[1:]], cwd=TOP, capture_output=True, text=True, check=False
    )


def test_imports_keep_their_contracts():
    answer = run_tool("lint-imports", "--no-cache")
    assert answer.returncode == 0, answer.stdout[-3000:]


def test_code_keeps_its_style():
    answer = run_tool("ruff", "check", "--output-format", "concise", ".")
    assert answer.returncode == 0, answer.stdout[-3000:]


def test_no_file_names_a_path_of_one_machine():
    # Put together here, so that this file does not hold what it looks for.
    wrong = re.compile(
        r"(?<![\w.$}])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "fa" + "rm"]) + ")/"
    )
    found = [
        f"{path.relative_to(TOP)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if wrong.search(line)
    ]
    assert not found


def test_repository_holds_no_data_and_nothing_large():
    for path in tracked_files():
        name = str(path.relative_to(TOP))
        if not name.startswith("worker/bundles/"):
            assert not re.search(r"\.(nii|nii\.gz|npz|pt|pth|dcm)$", name), name
            assert path.stat().st_size < 2_000_000, name


def test_bundles_stay_small():
    # They are in git for ever: 10 MB of tower, and 12 MB of all that came with the language model.
    for bundle in (TOP / "worker" / "bundles").iterdir():
        sizes = {path: path.stat().st_size for path in bundle.rglob("*") if path.is_file()}
        tower = sizes.pop(bundle / "graphs" / "segmentation.onnx")
        assert tower <= 10_000_000, bundle.name
        assert sum(sizes.values()) <= 12_000_000, bundle.name


def test_no_module_is_a_heap():
    names = {"utils", "helpers", "common", "manager", "misc"}
    for package in PACKAGES:
        for path in (TOP / package).rglob("*.py"):
            assert path.stem not in names, path
            assert len(text_of(path).splitlines()) <= 400, path


def test_every_module_says_what_it_is():
    for package in PACKAGES:
        for path in (TOP / package).rglob("*.py"):
            if "versions" not in path.parts:
                assert text_of(path).lstrip().startswith(('"""', 'r"""')), path


def test_nothing_writes_global_state_or_is_left_unfinished():
    unfinished = re.compile(
        r"^\s*global |raise NotImplementedError|\b(?:TO" + "DO|FIX" + r"ME)\b", re.M
    )
    for package in PACKAGES:
        for path in (TOP / package).rglob("*.py"):
            assert not unfinished.search(text_of(path)), path
