"""From an archive that somebody uploaded to a verified bundle in a folder of its own, and back.

Nothing of an archive is trusted: names, links, sizes and counts are checked before a byte is
written, bytes are counted while they are, and only what passes the whole verification of bundles
leaves the folder in which it was unpacked. One process at a time changes the folder of bundles, so
what is half unpacked when another one begins belongs to nobody.
"""

import contextlib
import fcntl
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from uuid import uuid4

from plugin.domain.errors import ModelError, Reason
from worker.bundle.load import Bundle, load_bundle
from worker.bundle.verify import MANIFEST_NAME

MAXIMUM_FILES = 2000
MAXIMUM_BYTES = 4 << 30
_CHUNK_BYTES = 1 << 20
_DIGEST_CHARACTERS = 12
_UNFINISHED = ".unpacked-"
_LOCK_NAME = ".lock"
_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError)


def install_bundle(archive: Path, bundles: Path, prove: Callable[[Path], object]) -> Bundle:
    """Unpack, verify and keep the bundle of an archive.

    Parameters
    ----------
    archive
        A zip file with the manifest on top, or in one folder.
    bundles
        Folder under which it is kept, as ``<name>-<version>-<digest>``.
    prove
        Called with its folder when every file is as the manifest says; raises when its golden run
        gives another answer here.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID`` or ``BUNDLE_TAMPERED``, with what is wrong.
    """
    with _alone(bundles):
        _remove_unfinished(bundles)
        unpacked = _new_unfinished(bundles)
        try:
            unpacked.mkdir(mode=0o700)
            unpack(archive, unpacked)
            folder = _folder_of_manifest(unpacked)
            bundle = load_bundle(folder)
            prove(folder)
            label = f"{bundle.name}-{bundle.version}-{bundle.digest[:_DIGEST_CHARACTERS]}"
            target = bundles / label
            if not target.exists():
                folder.rename(target)
            return load_bundle(target)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)


def delete_bundle(folder: Path, bundles: Path) -> None:
    """Delete the files of a bundle that was installed here; one that lies elsewhere stays."""
    if folder.parent != bundles.resolve() or not folder.exists():
        return
    with _alone(bundles):
        # Deleting may be cut short, and half a bundle must never be found under its name.
        doomed = _new_unfinished(bundles)
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def remove_unfinished(bundles: Path) -> None:
    """Delete what a killed installation left behind, unless one is under way."""
    with contextlib.suppress(BlockingIOError), _alone(bundles, waits=False):
        _remove_unfinished(bundles)


def _new_unfinished(bundles: Path) -> Path:
    return bundles / f"{_UNFINISHED}{uuid4().hex}"


def _remove_unfinished(bundles: Path) -> None:
    for path in bundles.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(bundles: Path, *, waits: bool = True) -> Iterator[None]:
    """Hold the lock of a folder of bundles; the system lets go of it when its process dies.

    Raises
    ------
    BlockingIOError
        Another process holds it, with ``waits`` False.
    """
    with (bundles / _LOCK_NAME).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield


def unpack(archive: Path, into: Path) -> None:
    """Write the files of an archive into an empty folder, none of them outside it.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: no archive, a name that leaves the folder, a link, too many or too
        large files, or one that is encrypted or damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir()]
            _check(members)
            left_bytes = MAXIMUM_BYTES
            for member in members:
                left_bytes -= _write(opened, member, into / member.filename, left_bytes)
    except _BROKEN_ARCHIVE:
        raise ModelError(Reason.BUNDLE_INVALID, "the archive is no zip file, or damaged") from None


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive by what it says of itself, before anything is written."""
    if len(members) > MAXIMUM_FILES:
        raise ModelError(Reason.BUNDLE_INVALID, f"more than {MAXIMUM_FILES} files")
    if sum(one.file_size for one in members) > MAXIMUM_BYTES:
        raise ModelError(Reason.BUNDLE_INVALID, f"more than {MAXIMUM_BYTES >> 30} GiB unpacked")
    names = [one.filename for one in members]
    if len({name.casefold() for name in names}) != len(names):
        raise ModelError(Reason.BUNDLE_INVALID, "the archive holds a name twice")
    for one in members:
        # What is no plain file (a link, a device) says so in the mode of Unix.
        kind = stat.S_IFMT(one.external_attr >> 16)
        if not _is_plain(one.filename) or kind not in (0, stat.S_IFREG) or one.flag_bits & 1:
            raise ModelError(Reason.BUNDLE_INVALID, "the archive holds what is no plain file")


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
                raise ModelError(Reason.BUNDLE_INVALID, "larger than the archive says")
            written.write(chunk)
    return n_bytes


def _folder_of_manifest(unpacked: Path) -> Path:
    """Return the folder itself, or the one folder in it when the archive was made of a folder."""
    if (unpacked / MANIFEST_NAME).is_file():
        return unpacked
    inside = list(unpacked.iterdir())
    if len(inside) == 1 and (inside[0] / MANIFEST_NAME).is_file():
        return inside[0]
    raise ModelError(Reason.BUNDLE_INVALID, f"no {MANIFEST_NAME} in the archive")
