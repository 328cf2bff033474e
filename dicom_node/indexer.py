"""From a received file to a row in the registry: read, name by content, keep or set aside.

Every step can be repeated: a crash anywhere leaves the file in ``incoming`` (and perhaps a row
that finds itself again by its digest), so nothing that was acknowledged is lost or counted twice.
Knows one file at a time; when a study is complete is ``completion``.
"""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.headers import InstanceHeaders, read_headers
from plugin.domain.errors import Reason, StudyRejectedError, TransientError
from plugin.domain.identifiers import study_key
from plugin.logs import get_logger
from plugin.registry import Registry
from plugin.registry.records import IndexedInstance
from plugin.spool import Spool

log = get_logger(__name__)

_GROUP_LENGTH_END = 144  # preamble, prefix and (0002,0000), see part10
_CHUNK_BYTES = 1 << 20
_BATCH = 64
_NANOSECONDS = 1_000_000_000
_UNREADABLE_HOLDS_BACK = timedelta(minutes=10)
_STORED_NAME = re.compile(r"(?P<time>\d{20})-(?P<association>[0-9a-f]{32})-\d{6,}\.dcm$")


class Indexer:
    """Reads what the node stored into the registry; used by one thread of one process."""

    def __init__(self, spool: Spool, registry: Registry) -> None:
        self._spool = spool
        self._registry = registry

    def index_incoming(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Index every file that waits now, oldest first.

        Returns
        -------
        bool
            False when it was stopped or a new file cannot be read yet, so that no study may be
            decided on.

        Raises
        ------
        TransientError
            The registry does not answer or the disk is full; the files stay where they are.
        """
        complete = True
        for paths in batched(self._spool.incoming_files(), _BATCH):
            if stop():
                return False
            complete &= self._index_batch(paths)
        return complete

    def _index_batch(self, paths: Iterable[Path]) -> bool:
        """Index some files in one transaction: on disk that is one sync for all of them."""
        complete = True
        batch: list[tuple[Path, IndexedInstance]] = []
        for path in paths:
            try:
                instance = self._read(path)
            except OSError as error:
                # The disk may give it back in a moment; if not, it is not waited for for ever.
                complete &= datetime.now(UTC) - received_at(path) > _UNREADABLE_HOLDS_BACK
                log.error("file_not_read", exc_info=error)
                continue
            if instance is not None:
                batch.append((path, instance))
        self._add(batch)
        return complete

    def _add(self, batch: list[tuple[Path, IndexedInstance]]) -> None:
        try:
            outcomes = self._registry.studies.add_instances([instance for _, instance in batch])
        except (TransientError, OSError):
            raise
        except Exception as error:
            log.error("files_not_indexed", exc_info=error)
            for path, instance in batch:
                if len(batch) == 1:
                    self._set_aside(path, Reason.INTERNAL_ERROR)
                else:
                    self._add([(path, instance)])
            return
        # The rows came first: after a crash here the files are in incoming and indexed again.
        for path, instance in batch:
            self._spool.keep(path, study_key(instance.study_instance_uid), instance.sha256)
        for outcome, n_instances in Counter(outcomes).items():
            log.info("instances_indexed", outcome=outcome.value, n_instances=n_instances)

    def _read(self, path: Path) -> IndexedInstance | None:
        """Read one file; None when it is set aside."""
        try:
            headers = read_headers(path)
            if self._registry.studies.is_own_result(headers.sop_instance_uid):
                # The stored bytes of the result are what counts, an archive may have changed these.
                path.unlink(missing_ok=True)
                log.info("own_result_ignored", association_id=_association_id(path))
                return None
            if headers.looks_like_own_result:
                self._set_aside(path, Reason.OWN_RESULT)
                return None
            return self._instance(path, headers)
        except StudyRejectedError as error:
            self._set_aside(path, error.reason)
        except (TransientError, OSError):
            raise
        except Exception as error:
            log.error("file_not_indexed", exc_info=error)
            self._set_aside(path, Reason.INTERNAL_ERROR)
        return None

    def _instance(self, path: Path, headers: InstanceHeaders) -> IndexedInstance:
        digest = dataset_digest(path)
        return IndexedInstance(
            study_instance_uid=headers.study_instance_uid,
            series_instance_uid=headers.series_instance_uid,
            sop_instance_uid=headers.sop_instance_uid,
            sop_class_uid=headers.sop_class_uid,
            transfer_syntax_uid=headers.transfer_syntax_uid,
            modality=headers.modality,
            path=str(self._spool.kept_path(study_key(headers.study_instance_uid), digest)),
            sha256=digest,
            n_bytes=path.stat().st_size,
            received_at=received_at(path),
            calling_ae_title=headers.calling_ae_title,
            association_id=_association_id(path),
            patient_name=headers.patient_name,
            patient_id=headers.patient_id,
            accession_number=headers.accession_number,
            study_date=headers.study_date,
            description=headers.description,
            slice_position=headers.slice_position,
            header=headers.facts,
            order=headers.order,
            study_time=headers.study_time,
            issuer_of_patient_id=headers.issuer_of_patient_id,
            patient_birth_date=headers.patient_birth_date,
            patient_sex=headers.patient_sex,
            accession_issuer=headers.accession_issuer,
            requested_procedure_id=headers.requested_procedure_id,
        )

    def _set_aside(self, path: Path, reason: Reason) -> None:
        calling_ae_title, at = _calling_ae_title(path), received_at(path)
        kept = self._spool.quarantine_file(path, reason)
        self._registry.studies.quarantine_add(str(kept), reason, calling_ae_title, at)
        log.warning(
            "file_quarantined",
            reason=reason,
            calling_ae_title=calling_ae_title,
            association_id=_association_id(path),
        )

    def recover_quarantine(self) -> None:
        """Note quarantined files whose row a crash prevented; called once at start."""
        for path in sorted(self._spool.quarantine.iterdir()):
            reason = path.name.partition("-")[0]
            if reason in set(Reason):
                self._registry.studies.quarantine_add(
                    str(path),
                    Reason(reason),
                    _calling_ae_title(path),
                    received_at(path),
                )


def batched(paths: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    """Cut a list into pieces of at most ``size`` (itertools has it from Python 3.12 on)."""
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def dataset_digest(path: Path) -> str:
    """Return the SHA-256 of the dataset: what came on the wire, without the header we wrote.

    The same image from another sender or on another day is then the same content.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        head = stream.read(_GROUP_LENGTH_END)
        (length,) = struct.unpack("<I", head[-4:])
        stream.seek(length, 1)
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def received_at(path: Path) -> datetime:
    """Return when the node stored the file, from the name that ``handlers`` gave to it."""
    name = _STORED_NAME.search(path.name)
    seconds = path.stat().st_mtime if name is None else int(name["time"]) / _NANOSECONDS
    return datetime.fromtimestamp(seconds, UTC)


def _association_id(path: Path) -> str:
    name = _STORED_NAME.search(path.name)
    return "" if name is None else name["association"]


def _calling_ae_title(path: Path) -> str:
    """Read the sender's title from the header that we wrote (element (0002,0016))."""
    with path.open("rb") as stream:
        head = stream.read(_CHUNK_BYTES // 256)
    start = head.find(b"\x02\x00\x16\x00AE")
    if start < 0:
        return ""
    (length,) = struct.unpack("<H", head[start + 6 : start + 8])
    return head[start + 8 : start + 8 + length].decode("ascii", errors="replace").strip()
