"""Reading a study's files: headers of all, pixels of none.

Knows that files of a study may be damaged, doubled, or no images, and that a disk or share which
does not give a file back says nothing of the file. Does not know what series mean.
pydicom's complaints about values are silenced here, because they would carry patient values into
logs; every value is checked where it is used.
"""

import errno
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag

from plugin.domain.errors import Reason, TransientError
from worker.series import attributes as read

_DAMAGED_FILE = (
    InvalidDicomError,
    OSError,
    EOFError,
    RecursionError,
    *read.UNREADABLE_VALUE,
)
_PREAMBLE_BYTES = 132
_PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True, slots=True, eq=False)
class StoredHeader:
    """The header of one readable file, without pixels and private attributes."""

    path: Path
    header: Dataset
    has_pixels: bool

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID."""
        return read.text(self.header, "SOPInstanceUID")


@dataclass(frozen=True, slots=True, eq=False)
class StudyHeaders:
    """What was read: one header per SOP Instance, and what had to be left out.

    ``older_versions`` maps a SOP Instance UID to the files that lost against a newer one.
    """

    headers: tuple[StoredHeader, ...]
    older_versions: dict[str, tuple[Path, ...]]
    n_unreadable: int


def read_headers(paths: Iterable[Path]) -> StudyHeaders:
    """Read the headers of all files that are DICOM instances; the others are counted.

    Where a SOP Instance UID occurs twice, the newest by acquisition, content and creation time
    wins, then the file received last. The answer does not depend on the order of ``paths``.

    Raises
    ------
    TransientError
        As ``faults_of_storage``: a study is read whole or not at all.
    """
    versions: defaultdict[str, list[StoredHeader]] = defaultdict(list)
    n_unreadable = 0
    with read.without_complaints():
        for path in paths:
            stored = read_header(path)
            if stored is None:
                n_unreadable += 1
            else:
                versions[stored.sop_instance_uid].append(stored)
        with faults_of_storage():
            newest = {
                uid: sorted(found, key=_age) if len(found) > 1 else found
                for uid, found in versions.items()
            }
    return StudyHeaders(
        headers=tuple(newest[uid][-1] for uid in sorted(newest)),
        older_versions={
            uid: tuple(one.path for one in found[:-1])
            for uid, found in newest.items()
            if len(found) > 1
        },
        n_unreadable=n_unreadable,
    )


@contextmanager
def faults_of_storage() -> Iterator[None]:
    """Tell what disk, share or memory do wrong while a file is read from what is wrong in it.

    Raises
    ------
    TransientError
        The former: the file may be whole, so it must not be left out.
    """
    try:
        yield
    except MemoryError:
        raise TransientError(Reason.STORAGE_UNREADABLE, "no memory") from None
    except OSError as error:
        # Those of pydicom and its decoders about a file have no number; EINVAL is a seek to where
        # a damaged file points.
        if error.errno in (None, errno.EINVAL):
            raise
        detail = error.strerror or "input/output error"
        raise TransientError(Reason.STORAGE_UNREADABLE, detail) from None


def read_header(path: Path) -> StoredHeader | None:
    """Read one header, or return None when the file is no DICOM instance or is damaged.

    Raises
    ------
    TransientError
        As ``faults_of_storage``.
    """
    found_pixels = False

    def stop(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal found_pixels
        found_pixels = found_pixels or tag == _PIXEL_DATA
        return found_pixels

    try:
        with faults_of_storage(), path.open("rb") as file:
            start = file.read(_PREAMBLE_BYTES)
            file.seek(0)
            if start[128:] != b"DICM" and start[:2] not in {b"\x02\x00", b"\x08\x00"}:
                return None
            header = pydicom.filereader.read_partial(file, stop_when=stop, force=True)
            for tag in [tag for tag in header.keys() if tag.is_private]:  # noqa: SIM118 - no values
                del header[tag]
    except _DAMAGED_FILE:
        return None
    identifiers = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    if not all(read.text(header, keyword) for keyword in identifiers):
        return None
    return StoredHeader(path, header, found_pixels)


def _age(stored: StoredHeader) -> tuple[float, float, float, int, str]:
    header = stored.header
    acquired = read.seconds(header, ("AcquisitionDate", "AcquisitionTime"), "AcquisitionDateTime")
    content = read.seconds(header, ("ContentDate", "ContentTime"))
    created = read.seconds(header, ("InstanceCreationDate", "InstanceCreationTime"))
    received_ns = stored.path.stat().st_mtime_ns
    # Equal times: any fixed choice will do, so the content decides and not the order of arrival.
    fingerprint = hashlib.sha256(stored.path.read_bytes()).hexdigest()
    return acquired or 0.0, content or 0.0, created or 0.0, received_ns, fingerprint
