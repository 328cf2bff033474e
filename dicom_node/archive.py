"""A small archive for the demo and the tests: sends studies, and keeps what comes back in a folder.

It plays the hospital's PACS on the same wire. Not for a hospital: it checks nobody and forgets
everything but the files when it ends.

References
----------
DICOM PS3.4 B (Storage Service Class), both roles; J (Storage Commitment), as an SCP.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from dicom_node.answers import keep_answers
from dicom_node.contexts import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    acceptor_contexts,
)
from dicom_node.statuses import NO_SUCH_INSTANCE, SUCCESS
from dicom_node.switches import set_process_switches
from plugin.domain.errors import Reason, TransientError

# As long as many a PACS waits: a longer time would hide a node that leaves a sender without answer.
_TIMEOUT_SECONDS = 30.0
_REPORT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ArchivedInstance:
    """One instance that came in; ``arrived_at`` is ``time.monotonic()``."""

    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    path: Path
    arrived_at: float


class PlayedArchive:
    """An archive with an address of its own.

    Parameters
    ----------
    folder
        Where received instances lie, one folder per study.
    """

    def __init__(self, ae_title: str, folder: Path, host: str = "127.0.0.1") -> None:
        self.ae_title = ae_title
        self.host = host
        self._folder = folder
        self._server: Any = None
        self._lock = threading.Lock()
        self._arrived: dict[str, ArchivedInstance] = {}

    @property
    def port(self) -> int:
        """The port that the archive listens on."""
        return int(self._server.server_address[1])

    def start(self, port: int = 0) -> None:
        """Listen, on a free port unless one is given."""
        set_process_switches()
        entity = AE(ae_title=self.ae_title)
        entity.supported_contexts = acceptor_contexts()
        self._server = entity.start_server(
            (self.host, port),
            block=False,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, _without_delay),
                (evt.EVT_C_ECHO, lambda _event: SUCCESS),
                (evt.EVT_C_STORE, self._keep),
                (evt.EVT_N_ACTION, self._commit),
            ],
        )

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def arrived(self, study_instance_uid: str) -> list[ArchivedInstance]:
        """List what came in for a study, in the order of arrival."""
        with self._lock:
            found = [
                item
                for item in self._arrived.values()
                if item.study_instance_uid == study_instance_uid
            ]
        return sorted(found, key=lambda item: item.arrived_at)

    def send(
        self,
        paths: Sequence[Path],
        host: str,
        port: int,
        called_ae_title: str,
        on_sent: Callable[[int], None] | None = None,
    ) -> float:
        """Send files in one association, as a PACS would.

        Parameters
        ----------
        on_sent
            Told how many instances have been acknowledged.

        Returns
        -------
        float
            ``time.monotonic()`` of the last acknowledgement.

        Raises
        ------
        TransientError
            If the receiver cannot be reached, refuses the association or an instance.
        """
        set_process_switches()
        association = self._associate(paths, host, port, called_ae_title)
        try:
            for n_sent, path in enumerate(paths, start=1):
                status = association.send_c_store(path)
                if "Status" not in status or status.Status != SUCCESS:
                    code = f"0x{status.Status:04X}" if "Status" in status else "no answer"
                    raise TransientError(Reason.DESTINATION_REFUSED_INSTANCE, code)
                if on_sent is not None:
                    on_sent(n_sent)
            return time.monotonic()
        finally:
            association.release()

    def echo(self, host: str, port: int, called_ae_title: str) -> bool:
        """Tell whether a node answers C-ECHO from this archive."""
        set_process_switches()
        entity = self._requestor()
        entity.add_requested_context("1.2.840.10008.1.1")
        association = entity.associate(host, port, ae_title=called_ae_title)
        if not association.is_established:
            return False
        keep_answers(association)
        status = association.send_c_echo()
        association.release()
        return "Status" in status and status.Status == SUCCESS

    def _requestor(self) -> Any:
        entity = AE(ae_title=self.ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _TIMEOUT_SECONDS
        entity.maximum_pdu_size = 0
        return entity

    def _associate(self, paths: Sequence[Path], host: str, port: int, called_ae_title: str) -> Any:
        wanted = sorted({_classes_of(path) for path in paths})
        entity = self._requestor()
        entity.requested_contexts = [build_context(*pair) for pair in wanted]
        association = entity.associate(
            host,
            port,
            ae_title=called_ae_title,
            evt_handlers=[(evt.EVT_CONN_OPEN, _without_delay)],
        )
        if association.is_rejected:
            raise TransientError(Reason.DESTINATION_REJECTED_ASSOCIATION, called_ae_title)
        if not association.is_established:
            raise TransientError(Reason.DESTINATION_UNREACHABLE, f"{host}:{port}")
        keep_answers(association)
        return association

    def _commit(self, event: Any) -> tuple[int, None]:
        """Answer a request for Storage Commitment; the report follows on the same association."""
        request = event.action_information
        with self._lock:
            kept = set(self._arrived)
        report = Dataset()
        report.TransactionUID = request.TransactionUID
        report.ReferencedSOPSequence, report.FailedSOPSequence = [], []
        for item in request.ReferencedSOPSequence:
            if str(item.ReferencedSOPInstanceUID) in kept:
                report.ReferencedSOPSequence.append(item)
            else:
                item.FailureReason = NO_SUCH_INSTANCE
                report.FailedSOPSequence.append(item)
        arguments = (event.assoc, report)
        threading.Thread(target=_report_commitment, args=arguments, daemon=True).start()
        return SUCCESS, None

    def _keep(self, event: Any) -> int:
        dataset = event.dataset
        folder = self._folder / str(dataset.StudyInstanceUID)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        path.write_bytes(event.encoded_dataset())
        item = ArchivedInstance(
            study_instance_uid=str(dataset.StudyInstanceUID),
            sop_class_uid=str(dataset.SOPClassUID),
            sop_instance_uid=str(dataset.SOPInstanceUID),
            path=path,
            arrived_at=time.monotonic(),
        )
        with self._lock:
            self._arrived.setdefault(item.sop_instance_uid, item)
        return SUCCESS


def _report_commitment(association: Any, report: Dataset) -> None:
    """Report once the request is answered; who did not wait for it asks again."""
    time.sleep(_REPORT_SECONDS)
    event_type = 2 if report.FailedSOPSequence else 1
    with contextlib.suppress(RuntimeError, ValueError):  # the association ended in this moment
        association.send_n_event_report(
            report, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )


def _classes_of(path: Path) -> tuple[str, str]:
    """Return SOP class and transfer syntax of a file."""
    meta = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
    return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)


def _without_delay(event: Any) -> None:
    """Switch Nagle's algorithm off; otherwise each answer waits for a delayed acknowledgement."""
    sock = event.assoc.dul.socket.socket
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
