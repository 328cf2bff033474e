"""Archives that somebody uploads: only a whole, honest bundle gets in, nothing leaves its place."""

import errno
import stat
import subprocess
import sys
import zipfile

import pytest

from plugin.domain.errors import ModelError, Reason, TransientError
from tests.worker.bundle.small_bundle import write_small_bundle
from worker import unpack
from worker.bundle.install import delete_bundle, install_bundle
from worker.unpack import remove_unfinished


def zipped(folder, archive, top=""):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                written.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    return archive


@pytest.fixture
def bundle(tmp_path):
    write_small_bundle(tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def bundles(tmp_path):
    (tmp_path / "bundles").mkdir()
    return tmp_path / "bundles"


def kept(bundles):
    return [path.name for path in bundles.iterdir() if path.name != ".lock"]


def refused(archive, bundles, prove=lambda _folder: None):
    with pytest.raises(ModelError) as error:
        install_bundle(archive, bundles, prove)
    assert kept(bundles) == []
    return error.value


@pytest.mark.parametrize("top", ["", "some-folder/"])
def test_whole_bundle_is_kept_under_its_name_and_digest(bundle, bundles, tmp_path, top):
    archive = zipped(bundle, tmp_path / "a.zip", top)
    proved = []
    installed = install_bundle(archive, bundles, proved.append)
    label = f"{installed.name}-{installed.version}-{installed.digest[:12]}"
    assert kept(bundles) == [label]
    assert installed.folder == (bundles / label).resolve()
    assert len(proved) == 1
    again = install_bundle(archive, bundles, proved.append)
    assert again.digest == installed.digest


def test_tampered_bundle_is_refused_and_leaves_nothing(bundle, bundles, tmp_path):
    graph = next(bundle.rglob("*.onnx"))
    content = bytearray(graph.read_bytes())
    content[-1] ^= 1
    graph.write_bytes(content)
    error = refused(zipped(bundle, tmp_path / "a.zip"), bundles)
    assert error.reason is Reason.BUNDLE_TAMPERED


def test_file_that_nobody_listed_is_refused(bundle, bundles, tmp_path):
    (bundle / "extra.py").write_text("print()")
    assert refused(zipped(bundle, tmp_path / "a.zip"), bundles).reason is Reason.BUNDLE_TAMPERED


def test_bundle_with_another_golden_answer_is_refused(bundle, bundles, tmp_path):
    def prove(_folder):
        raise ModelError(Reason.BUNDLE_INVALID, "the golden run differs on cpu")

    error = refused(zipped(bundle, tmp_path / "a.zip"), bundles, prove)
    assert error.detail == "the golden run differs on cpu"


@pytest.mark.parametrize(
    "name",
    ["../escape", "a/../../escape", "/etc/escape", "a\\b", "C:escape", "./a", "a//b"],
)
def test_names_that_leave_the_folder_are_refused(bundles, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, "x")
    assert refused(tmp_path / "a.zip", bundles).reason is Reason.ARCHIVE_UNUSABLE
    assert not (tmp_path / "escape").exists()


@pytest.mark.parametrize("names", [["a", "a/b"], ["."], ["x" * 300]])
def test_names_that_no_folder_can_hold_are_refused(bundles, tmp_path, names):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    assert refused(tmp_path / "a.zip", bundles).reason is Reason.ARCHIVE_UNUSABLE


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_of_any_method_is_refused(bundles, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("manifest.json", bytes(range(256)) * 64)
        start = archive.getinfo("manifest.json").header_offset + len("manifest.json") + 30
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[start + 9 : start + 60] = bytes(51)
    (tmp_path / "a.zip").write_bytes(content)
    assert refused(tmp_path / "a.zip", bundles).reason is Reason.ARCHIVE_UNUSABLE


def test_a_full_disk_is_not_the_fault_of_the_archive(bundle, bundles, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(unpack, "_write", full)
    with pytest.raises(TransientError) as error:
        install_bundle(zipped(bundle, tmp_path / "a.zip"), bundles, lambda _folder: None)
    assert error.value.reason is Reason.DISK_FULL
    assert kept(bundles) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(bundles, tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("manifest.json")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "no plain file" in refused(tmp_path / "a.zip", bundles).detail


def test_names_that_differ_in_case_only_are_refused(bundles, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("A", "2")
    assert "twice" in refused(tmp_path / "a.zip", bundles).detail


def test_too_many_and_too_large_files_are_refused(bundles, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}", b"0" * 1000)
    monkeypatch.setattr(unpack, "MAXIMUM_FILES", 2)
    assert "more than 2 files" in refused(tmp_path / "a.zip", bundles).detail
    monkeypatch.setattr(unpack, "MAXIMUM_FILES", 10)
    monkeypatch.setattr(unpack, "MAXIMUM_BYTES", 2999)
    assert "unpacked" in refused(tmp_path / "a.zip", bundles).detail


def test_archive_that_lies_about_its_sizes_fills_no_disk(bundles, tmp_path, monkeypatch):
    """The reader of Python stops at the size that is told; the count is a second line."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"0" * 100_000)
    content = (tmp_path / "a.zip").read_bytes()
    told = (100_000).to_bytes(4, "little")
    assert content.count(told) == 2
    (tmp_path / "a.zip").write_bytes(content.replace(told, (10).to_bytes(4, "little")))
    monkeypatch.setattr(unpack, "MAXIMUM_BYTES", 1000)
    refused(tmp_path / "a.zip", bundles)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\xff" * 60])
def test_what_is_no_archive_is_refused(bundles, tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    assert refused(tmp_path / "a.zip", bundles).reason is Reason.ARCHIVE_UNUSABLE


def test_damaged_archive_is_refused(bundle, bundles, tmp_path):
    archive = zipped(bundle, tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[200] ^= 0xFF  # in the first file's compressed bytes; its checksum tells
    archive.write_bytes(content)
    assert "damaged" in refused(archive, bundles).detail


def test_archive_without_a_manifest_is_refused(bundles, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    assert "no manifest.json" in refused(tmp_path / "a.zip", bundles).detail


KILLED = """
import os, sys
from pathlib import Path
from worker.bundle.install import install_bundle
install_bundle(Path(sys.argv[1]), Path(sys.argv[2]), lambda folder: os._exit(9))
"""


def test_what_a_killed_installation_left_goes_at_the_next_one(bundle, bundles, tmp_path):
    archive = zipped(bundle, tmp_path / "a.zip")
    command = [sys.executable, "-c", KILLED, str(archive), str(bundles)]
    for left in (1, 1):
        assert subprocess.run(command, check=False).returncode == 9
        assert len(kept(bundles)) == left, "the second one removed what the first one left"
    remove_unfinished(bundles)
    assert kept(bundles) == []
    assert install_bundle(archive, bundles, lambda _folder: None).name == "small"


def test_installation_under_way_is_left_alone(bundle, bundles, tmp_path):
    def prove(folder):
        remove_unfinished(bundles)
        assert folder.is_dir()

    install_bundle(zipped(bundle, tmp_path / "a.zip"), bundles, prove)


def test_only_what_was_installed_here_is_deleted(bundle, bundles, tmp_path):
    installed = install_bundle(zipped(bundle, tmp_path / "a.zip"), bundles, lambda _folder: None)
    delete_bundle(bundle, bundles)
    assert bundle.is_dir()
    delete_bundle(installed.folder, bundles)
    delete_bundle(installed.folder, bundles)
    assert kept(bundles) == []
