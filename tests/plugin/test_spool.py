"""Files on disk: durable before they are named, content-addressed, never outside their folder."""

import errno
import os
import stat
from pathlib import Path

import pytest

from plugin.domain.errors import Reason, TransientError
from plugin.spool import Spool, study_key

DIGEST = "ab" * 32


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def _failing_write(error_number, after=0):
    written = []

    def chunks():
        for _ in range(after):
            written.append(b"x")
            yield b"x"
        raise OSError(error_number, os.strerror(error_number))

    return chunks()


def test_folders_are_private(spool):
    for folder in (spool.folder, spool.incoming, spool.studies, spool.results, spool.run):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


def test_incoming_is_written_whole_and_private(spool):
    path = spool.write_incoming("0001.dcm", [b"abc", b"", b"def"])
    assert path == spool.incoming / "0001.dcm"
    assert path.read_bytes() == b"abcdef"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert spool.incoming_files() == [path]


def test_incoming_is_synced_before_it_gets_its_name(spool, monkeypatch):
    steps = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"sync {kind}")
        real_fsync(descriptor)

    def rename(self, target):
        steps.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    spool.write_incoming("1.dcm", [b"abc"])
    assert steps == ["sync file", "rename", "sync folder"]


@pytest.mark.parametrize("error_number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_transient_and_leaves_nothing(spool, error_number):
    with pytest.raises(TransientError) as full:
        spool.write_incoming("1.dcm", _failing_write(error_number, after=3))
    assert full.value.reason is Reason.DISK_FULL
    assert spool.incoming_files() == []
    assert spool.remove_unfinished() == 0


def test_another_fault_of_the_disk_is_not_taken_for_a_full_one(spool):
    with pytest.raises(OSError, match="Input/output"):
        spool.write_incoming("1.dcm", _failing_write(errno.EIO))
    assert spool.incoming_files() == []


def test_a_sender_that_stops_in_the_middle_leaves_nothing(spool):
    def aborted():
        yield b"abc"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool.write_incoming("1.dcm", aborted())
    assert spool.incoming_files() == []
    assert spool.remove_unfinished() == 0


def test_what_a_killed_node_left_unfinished_is_never_indexed(spool):
    (spool.incoming / ".tmp" / "half").write_bytes(b"ab")
    assert spool.incoming_files() == []
    assert spool.remove_unfinished() == 1


def test_incoming_is_listed_oldest_first(spool):
    for number, name in enumerate(["c", "a", "b"]):
        path = spool.write_incoming(name, [b"x"])
        os.utime(path, ns=(number, number))
    assert [p.name for p in spool.incoming_files()] == ["c", "a", "b"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a\x00", "x" * 300, "..", "-/"])
def test_a_name_cannot_leave_its_folder(spool, name):
    with pytest.raises(ValueError, match="plain file name"):
        spool.write_incoming(name, [b"x"])
    with pytest.raises(ValueError, match="plain file name"):
        spool.remove_study(name)
    with pytest.raises(ValueError, match="plain file name"):
        spool.remove_results(name)


def test_keep_moves_a_file_under_its_content(spool):
    path = spool.write_incoming("1.dcm", [b"abc"])
    key = study_key("1.2.3")
    kept = spool.keep(path, key, DIGEST)
    assert kept == spool.kept_path(key, DIGEST) == spool.studies / key / f"{DIGEST}.dcm"
    assert kept.read_bytes() == b"abc"
    assert spool.incoming_files() == []


def test_keep_twice_is_one_file(spool):
    key = study_key("1.2.3")
    first = spool.keep(spool.write_incoming("1.dcm", [b"abc"]), key, DIGEST)
    second = spool.keep(spool.write_incoming("2.dcm", [b"abc"]), key, DIGEST)
    assert first == second
    assert len(list(spool.studies.rglob("*.dcm"))) == 1
    assert spool.incoming_files() == []


def test_keep_can_be_repeated_after_a_crash(spool):
    path = spool.write_incoming("1.dcm", [b"abc"])
    kept = spool.keep(path, "k1", DIGEST)
    assert spool.keep(path, "k1", DIGEST) == kept
    assert kept.read_bytes() == b"abc"


def test_quarantine_names_the_reason_and_overwrites_nothing(spool):
    first = spool.quarantine_file(spool.write_incoming("1", [b"a"]), Reason.NOT_DICOM)
    second = spool.quarantine_file(spool.write_incoming("1", [b"b"]), Reason.NOT_DICOM)
    assert first.name == "not_dicom-1"
    assert first.read_bytes() == b"a"
    assert second.read_bytes() == b"b"


def test_two_runs_of_a_job_never_share_a_folder(spool):
    first, second = spool.result_folder("job", 1), spool.result_folder("job", 2)
    assert first != second
    (first / "pages").mkdir()
    (first / "pages" / "1.png").write_bytes(b"x")
    spool.sync_results(first)
    spool.remove_lost_results("job", 2)
    assert not first.exists()
    assert second.exists()
    spool.remove_results("job")
    assert not second.exists()


def test_remove_study_may_be_repeated(spool):
    spool.keep(spool.write_incoming("1", [b"a"]), "k1", DIGEST)
    spool.remove_study("k1")
    spool.remove_study("k1")
    assert not (spool.studies / "k1").exists()


def test_has_room_compares_with_the_watermark(spool, monkeypatch):
    monkeypatch.setattr(Spool, "free_bytes", lambda _self: 1000)
    assert spool.has_room(999)
    assert not spool.has_room(1000)


def test_free_bytes_is_the_file_systems(spool):
    assert spool.free_bytes() > 0


def test_study_key_is_one_way_and_short():
    key = study_key("1.2.826.0.1.3680043.8.498.1")
    assert len(key) == 20
    assert key == study_key("1.2.826.0.1.3680043.8.498.1")
    assert key != study_key("1.2.826.0.1.3680043.8.498.2")
    assert "3680043" not in key
