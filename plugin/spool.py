"""Files on disk: what arrived, the images of each study, results, quarantine.

Knows paths and durability, nothing of DICOM and nothing of the database. A file that a method
returned is on the disk: content and name are synced before anyone is told.
"""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from plugin.domain.errors import ConfigurationError, Reason, TransientError
from plugin.domain.identifiers import study_key

__all__ = ["Spool", "study_key"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Spool:
    """The folder of one installation; every process may hold its own instance of it.

    Attributes
    ----------
    incoming
        Received, not yet indexed.
    studies
        ``<study key>/<sha256>.dcm``.
    results
        ``<job id>-<fence>/``, written by workers, sent by the delivery.
    quarantine
        What could not be indexed.
    bundles
        Model bundles that were uploaded here, each in a folder of its name and digest.
    uploads
        What is being uploaded, or was and is not yet looked at.
    run
        Sockets and process files.

    Raises
    ------
    ConfigurationError
        ``OUTPUT_NOT_WRITABLE`` when this user cannot make the folders.
    TransientError
        ``DISK_FULL``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.studies = folder / "studies"
        self.results = folder / "results"
        self.quarantine = folder / "quarantine"
        self.bundles = folder / "bundles"
        self.uploads = self.bundles / ".uploads"
        self.run = folder / "run"
        self._unfinished = self.incoming / ".tmp"
        try:
            with _translated():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                for path in (self.incoming, self.studies, self.results, self.quarantine, self.run):
                    path.mkdir(mode=0o700, exist_ok=True)
                for path in (self._unfinished, self.bundles, self.uploads):
                    path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            detail = f"spool.folder {folder}: {error.strerror}"
            raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, detail) from None

    def free_bytes(self) -> int:
        """Return the space that this user may still fill on the spool's file system."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def total_bytes(self) -> int:
        """Return the size of the spool's file system."""
        state = os.statvfs(self.folder)
        return state.f_blocks * state.f_frsize

    def has_room(self, minimum_free_bytes: int) -> bool:
        """Tell whether more than the watermark is free."""
        return self.free_bytes() > minimum_free_bytes

    def write_incoming(self, name: str, chunks: Iterable[bytes]) -> Path:
        """Store received bytes so that they survive a power cut, then return where.

        Parameters
        ----------
        name
            File name (letters, digits, ``._-``), unique and sortable by the caller.
        chunks
            The content in order.

        Raises
        ------
        TransientError
            ``DISK_FULL``; nothing is left behind.
        """
        target = self.incoming / _checked(name)
        temporary = self._unfinished / f"{uuid4().hex}"
        with _translated():
            try:
                _write_synced(temporary, chunks)
                temporary.rename(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(self.incoming)
        return target

    @contextlib.contextmanager
    def new_upload(self) -> Iterator[tuple[str, BinaryIO]]:
        """Give the name of a new upload and the file to write it to; without trace when it fails.

        Raises
        ------
        TransientError
            ``DISK_FULL``.
        """
        name = uuid4().hex
        path = self.uploads / name
        with _translated():
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    yield name, file
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def upload(self, name: str) -> Path:
        """Return where an upload of this name lies."""
        return self.uploads / _checked(name)

    def remove_uploads(self, keep: Collection[str]) -> None:
        """Delete what a killed upload left, but not what somebody is asked to look at.

        Only where nothing is being uploaded: at the start of the pages.
        """
        for path in self.uploads.iterdir():
            if path.name not in keep:
                path.unlink(missing_ok=True)

    def incoming_files(self) -> list[Path]:
        """List what waits for the indexer, oldest first."""
        found = []
        with os.scandir(self.incoming) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        found.append((entry.stat().st_mtime_ns, entry.name))
        return [self.incoming / name for _, name in sorted(found)]

    def remove_unfinished(self) -> int:
        """Delete what a killed node left half written (never acknowledged); only at node start."""
        leftovers = list(self._unfinished.iterdir())
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def kept_path(self, key: str, digest: str) -> Path:
        """Return where an instance of study ``key`` with this SHA-256 lies once kept."""
        return self.studies / _checked(key) / f"{_checked(digest)}.dcm"

    def keep(self, path: Path, key: str, digest: str) -> Path:
        """Move an incoming file to its study under the name of its content.

        Doing it twice is harmless: after a crash the same file is found in either place.
        """
        target = self.kept_path(key, digest)
        with _translated():
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(self.studies)
            if target.exists():
                path.unlink(missing_ok=True)
            else:
                path.rename(target)
                _sync_folder(target.parent)
        return target

    def quarantine_file(self, path: Path, reason: Reason) -> Path:
        """Set an unusable file aside, with the reason in its name; never deletes anything."""
        target = self.quarantine / f"{reason.value}-{path.name}"
        if target.exists():
            target = self.quarantine / f"{reason.value}-{uuid4().hex[:8]}-{path.name}"
        with _translated():
            path.rename(target)
            _sync_folder(self.quarantine)
        return target

    def remove_quarantined(self, path: Path) -> None:
        """Delete a file in quarantine; nothing happens when it is gone."""
        with _translated():
            (self.quarantine / path.name).unlink(missing_ok=True)

    def result_folder(self, job_id: str, fence: int) -> Path:
        """Make and return the folder of one run of one job; two runs never share a folder."""
        path = self.results / f"{_checked(job_id)}-{fence:d}"
        with _translated():
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def sync_results(self, folder: Path) -> None:
        """Put all files of a result folder on the disk before they are published."""
        with _translated():
            for path in sorted(folder.rglob("*"), reverse=True):
                _sync_folder(path)
            _sync_folder(folder)
            _sync_folder(self.results)

    def remove_study(self, key: str) -> None:
        """Delete the images of a study; nothing happens when there are none."""
        _remove_tree(self.studies / _checked(key))

    def remove_results(self, job_id: str) -> None:
        """Delete what every run of a job wrote."""
        for path in self.results.glob(f"{_checked(job_id)}-*"):
            _remove_tree(path)

    def remove_lost_results(self, job_id: str, fence: int) -> None:
        """Delete what runs of a job other than the one with ``fence`` wrote."""
        for path in self.results.glob(f"{_checked(job_id)}-*"):
            if path.name != f"{job_id}-{fence:d}":
                _remove_tree(path)


def _checked(name: str) -> str:
    """Refuse a name that could leave its folder: a fault of the caller, not of the input."""
    if _NAME.fullmatch(name) is None:
        message = "not a plain file name"
        raise ValueError(message)
    return name


def _write_synced(path: Path, chunks: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:  # an unbuffered write may take less than it is given
                view = view[file.write(view) :]
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_tree(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise TransientError(Reason.DISK_FULL) from error
        raise
