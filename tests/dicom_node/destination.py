"""A destination that answers as a test wants: a status per instance, or not at all."""

import socket

from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

SR = "1.2.840.10008.5.1.4.1.1.88.34"
SC = "1.2.840.10008.5.1.4.1.1.7"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Destination:
    """Keeps the bytes of what arrives by SOP Instance UID; ``statuses`` are given in turn."""

    def __init__(
        self,
        port=0,
        ae_title="PACS",
        classes=(SR, SC),
        statuses=(),
        echo=True,
        syntaxes=(EXPLICIT,),
        ssl_context=None,
    ):
        self.arrived: list[tuple[str, bytes]] = []
        self.statuses = list(statuses)
        entity = AE(ae_title=ae_title)
        entity.require_called_aet = True
        if echo:
            entity.add_supported_context("1.2.840.10008.1.1")
        for uid in classes:
            entity.add_supported_context(uid, list(syntaxes))
        self.server = entity.start_server(
            ("127.0.0.1", port),
            block=False,
            ssl_context=ssl_context,
            evt_handlers=[(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _event: 0)],
        )
        assert isinstance(self.server, ThreadedAssociationServer)
        self.port = self.server.server_address[1]

    def _store(self, event):
        status = self.statuses.pop(0) if self.statuses else 0x0000
        if status == "abort":
            event.assoc.abort()
            return 0x0110
        if status in {0x0000, 0xB000}:
            uid = str(event.request.AffectedSOPInstanceUID)
            self.arrived.append((uid, event.encoded_dataset(include_meta=False)))
        return status

    def stop(self):
        self.server.ae.shutdown()
