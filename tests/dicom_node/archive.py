"""An archive with Storage Commitment and queries that behaves as a test wants.

It keeps bytes by SOP Instance UID as real ones do: the first copy wins. How it answers a request
for commitment is one of ``HOW``; a test may also hook into every step.
"""

import contextlib
import threading
import time

from pydicom import Dataset
from pynetdicom import AE, build_context, build_role, evt

from tests.dicom_node.destination import EXPLICIT, IMPLICIT, SC, SR

COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
HOW = ("same", "early", "new", "late", "never", "refused", "busy")


class Archive:
    """Keeps what it is sent; ``failures`` are failure reasons to report by SOP Instance UID.

    Parameters
    ----------
    how
        ``same``: report on the association of the request; ``early``: there, before the request
        is answered; ``new``: on an association to our node; ``late``: as ``new``, when ``report``
        is called; ``never``; ``refused``, ``busy``: the request itself is answered with a failure;
        None: no commitment.
    finds
        Whether it answers queries.
    """

    def __init__(self, how="same", finds=False, classes=(SR, SC), port=0, ae_title="PACS"):
        self.how = how
        self.ae_title = ae_title
        self.kept: dict[str, bytes] = {}
        self.n_stores = 0
        self.failures: dict[str, int] = {}
        self.invisible: set[str] = set()
        self.statuses: list[int] = []
        self.requests: list[Dataset] = []
        self.reported: list[int] = []
        self.our_port: int | None = None
        self.n_extra = 0  # made-up answers to a query
        self.hooks: dict[str, object] = {}
        entity = AE(ae_title=ae_title)
        entity.add_supported_context("1.2.840.10008.1.1")
        for uid in classes:
            entity.add_supported_context(uid, [EXPLICIT, IMPLICIT])
        if how is not None:
            entity.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
        if finds:
            entity.add_supported_context(STUDY_ROOT_FIND)
        handlers = [
            (evt.EVT_ACCEPTED, lambda _event: self._hook("accepted")),
            (evt.EVT_C_ECHO, lambda _event: 0),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_ACTION, self._action),
        ]
        self.server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def stop(self):
        self.server.ae.shutdown()

    def _hook(self, step):
        hook = self.hooks.get(step)
        if hook is not None:
            hook()

    def _store(self, event):
        self._hook("store")
        status = self.statuses.pop(0) if self.statuses else 0x0000
        if status in {0x0000, 0xB000, 0xB007}:
            self.n_stores += 1
            uid = str(event.request.AffectedSOPInstanceUID)
            if uid in self.kept:
                status = 0x0111
            self.kept.setdefault(uid, event.encoded_dataset(include_meta=False))
        self._hook("stored")
        return status

    def _find(self, event):
        self._hook("find")
        assert event.identifier.QueryRetrieveLevel == "IMAGE"
        for uid in [*(f"1.2.{n}" for n in range(self.n_extra)), *self.kept]:
            if uid not in self.invisible:
                found = Dataset()
                found.QueryRetrieveLevel = "IMAGE"
                found.SOPInstanceUID = uid
                yield 0xFF00, found
        yield 0x0000, None

    def _action(self, event):
        request = event.action_information
        self.requests.append(request)
        self._hook("action")
        if self.how in {"refused", "busy"}:
            return {"refused": 0x0211, "busy": 0x0213}[self.how], None
        if self.how == "early":
            self._report_on(event.assoc, request)
        if self.how == "same":
            threading.Thread(target=self._report_soon, args=(event.assoc, request)).start()
        if self.how == "new":
            threading.Thread(target=self.report, args=(request,)).start()
        return 0x0000, None

    def information(self, request):
        """Make the Event Information for a request: what is kept and not failed is committed."""
        answer = Dataset()
        answer.TransactionUID = request.TransactionUID
        answer.ReferencedSOPSequence, answer.FailedSOPSequence = [], []
        for item in request.ReferencedSOPSequence:
            uid = str(item.ReferencedSOPInstanceUID)
            named = Dataset()
            named.ReferencedSOPClassUID = item.ReferencedSOPClassUID
            named.ReferencedSOPInstanceUID = uid
            reason = self.failures.get(uid, None if uid in self.kept else 0x0112)
            if reason is None:
                answer.ReferencedSOPSequence.append(named)
            else:
                named.FailureReason = reason
                answer.FailedSOPSequence.append(named)
        if not answer.FailedSOPSequence:
            del answer.FailedSOPSequence
        return answer

    def _report_soon(self, association, request):
        time.sleep(0.05)  # after the answer to the request
        self._hook("report")
        with contextlib.suppress(RuntimeError, ValueError):  # who asked is gone
            self._report_on(association, request)

    def _report_on(self, association, request):
        answer = self.information(request)
        kind = 2 if "FailedSOPSequence" in answer else 1
        status, _ = association.send_n_event_report(answer, kind, COMMITMENT, COMMITMENT_INSTANCE)
        self.reported.append(status.get("Status"))

    def report(self, request, calling=None, information=None):
        """Report on an association of its own, as the SCP that it is (role selection)."""
        entity = AE(ae_title=calling or self.ae_title)
        association = entity.associate(
            "127.0.0.1",
            self.our_port,
            contexts=[build_context(COMMITMENT)],
            ext_neg=[build_role(COMMITMENT, scp_role=True)],
            ae_title="CMRTRIAGE",
        )
        if not association.is_established:
            self.reported.append(None)
            return
        answer = information or self.information(request)
        kind = 2 if "FailedSOPSequence" in answer else 1
        status, _ = association.send_n_event_report(answer, kind, COMMITMENT, COMMITMENT_INSTANCE)
        self.reported.append(status.get("Status"))
        association.release()
