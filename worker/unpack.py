"""Archives that somebody uploaded, unpacked for as long as a worker looks at them.

Nothing of an archive is trusted: names, links, sizes and counts are checked before a byte is
written, and bytes are counted while they are. One process at a time unpacks into a folder, so what
is half unpacked when another one begins belongs to nobody.
"""

import contextlib
import errno
import fcntl
import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from uuid import uuid4

from plugin.domain.errors import ModelError, Reason, TransientError

MAXIMUM_FILES = 20_000
MAXIMUM_BYTES = 4 << 30
_CHUNK_BYTES = 1 << 20
_UNFINISHED = ".unpacked-"
_LOCK_NAME = ".lock"
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    EOFError,
    RuntimeError,
)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# Names that no folder takes; an error without a number is a damaged stream of bzip2.
_FAULT_OF_ARCHIVE = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, None)


@contextlib.contextmanager
def unpacked(archive: Path, base: Path) -> Iterator[Path]:
    """Give a folder below ``base`` with the files of a zip file; afterwards it is gone.

    Raises
    ------
    ModelError
        ``ARCHIVE_UNUSABLE``: no archive, a name that leaves the folder, a link, too many or too
        large files, or one that is encrypted or damaged.
    TransientError
        ``DISK_FULL``.
    """
    with _alone(base):
        _remove_unfinished(base)
        folder = _new_unfinished(base)
        try:
            folder.mkdir(mode=0o700)
            _unpack(archive, folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(base: Path) -> None:
    """Delete what a killed process left half unpacked, unless one is at work."""
    with contextlib.suppress(BlockingIOError), _alone(base, waits=False):
        _remove_unfinished(base)


def discard(folder: Path, base: Path) -> None:
    """Delete a folder below ``base``; half of it is never found under its name."""
    with _alone(base):
        doomed = _new_unfinished(base)
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _new_unfinished(base: Path) -> Path:
    return base / f"{_UNFINISHED}{uuid4().hex}"


def _remove_unfinished(base: Path) -> None:
    for path in base.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(base: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it when the process dies.

    Raises
    ------
    BlockingIOError
        Another process holds it, with ``waits`` False.
    """
    with (base / _LOCK_NAME).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield


def _unpack(archive: Path, into: Path) -> None:
    """Write the files of an archive into an empty folder, none of them outside it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir()]
            _check(members)
            left_bytes = MAXIMUM_BYTES
            for member in members:
                left_bytes -= _write(opened, member, into / member.filename, left_bytes)
    except _BROKEN_ARCHIVE:
        raise ModelError(
            Reason.ARCHIVE_UNUSABLE, "the archive is no zip file, or damaged"
        ) from None
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise TransientError(Reason.DISK_FULL) from error
        if error.errno not in _FAULT_OF_ARCHIVE:
            raise
        detail = "the archive is damaged, or names files as no folder can hold them"
        raise ModelError(Reason.ARCHIVE_UNUSABLE, detail) from error


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive by what it says of itself, before anything is written."""
    if len(members) > MAXIMUM_FILES:
        raise ModelError(Reason.ARCHIVE_UNUSABLE, f"more than {MAXIMUM_FILES} files")
    if sum(one.file_size for one in members) > MAXIMUM_BYTES:
        raise ModelError(Reason.ARCHIVE_UNUSABLE, f"more than {MAXIMUM_BYTES >> 30} GiB unpacked")
    names = [one.filename for one in members]
    if len({name.casefold() for name in names}) != len(names):
        raise ModelError(Reason.ARCHIVE_UNUSABLE, "the archive holds a name twice")
    for one in members:
        # What is no plain file (a link, a device) says so in the mode of Unix.
        kind = stat.S_IFMT(one.external_attr >> 16)
        if not _is_plain(one.filename) or kind not in (0, stat.S_IFREG) or one.flag_bits & 1:
            raise ModelError(Reason.ARCHIVE_UNUSABLE, "the archive holds what is no plain file")


def _is_plain(name: str) -> bool:
    """Tell whether a name stays below the folder that it is written into."""
    path = PurePosixPath(name)
    odd = "\\" in name or ":" in name or "\0" in name or str(path) != name
    return not (odd or path.is_absolute() or ".." in path.parts)


def _write(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, maximum_bytes: int
) -> int:
    """Write one file and count its bytes: an archive may lie about its sizes."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    n_bytes = 0
    with opened.open(member) as source, target.open("xb") as written:
        while chunk := source.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > maximum_bytes:
                raise ModelError(Reason.ARCHIVE_UNUSABLE, "larger than the archive says")
            written.write(chunk)
    return n_bytes
