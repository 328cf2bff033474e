"""Archives that nobody here wrote, started for a test: Orthanc and dcmtk's dcmqrscp."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom

from tests.certificates import Pair
from tests.programs import find_program

DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "triage", "correct horse"
_START_SECONDS = 60.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def dataset_part(content: bytes) -> bytes:
    """Return the dataset of a file as bytes: what follows the file meta information."""
    file = BytesIO(content)
    pydicom.filereader.read_preamble(file, force=False)
    pydicom.filereader._read_file_meta_info(file)
    return content[file.tell() :]


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: DIMSE port, HTTP port, and what it stored."""

    port: int
    http_port: int

    @property
    def url(self) -> str:
        """Root of its DICOMweb service."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def stored(self) -> dict[str, bytes]:
        """Return the files of all instances by SOP Instance UID."""
        found = {}
        for instance in json.loads(self.ask("/instances")):
            tags = json.loads(self.ask(f"/instances/{instance}/simplified-tags"))
            found[tags["SOPInstanceUID"]] = self.ask(f"/instances/{instance}/file")
        return found

    def retrieved(self, objects: Iterable[Any]) -> dict[str, bytes]:
        """Return the files of objects, retrieved by WADO-RS, by SOP Instance UID."""
        found = {}
        for one in objects:
            place = (
                f"/dicom-web/studies/{one.study_instance_uid}/series/{one.series_instance_uid}"
                f"/instances/{one.sop_instance_uid}"
            )
            accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
            answer = self.ask(place, headers={"Accept": accept})
            found[one.sop_instance_uid] = answer.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        return found

    def forget(self, sop_instance_uid: str) -> None:
        """Delete an instance, as a person or a failing disk would."""
        (instance,) = json.loads(self.ask("/tools/lookup", data=sop_instance_uid.encode()))
        self.ask(instance["Path"], method="DELETE")

    def ask(
        self,
        path: str,
        data: bytes | None = None,
        method: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """Call the REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", data, headers or {}, method=method
        )
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(
            None, f"http://127.0.0.1:{self.http_port}/", USER, PASSWORD, is_authenticated=True
        )
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        with opener.open(request, timeout=30) as answer:
            return bytes(answer.read())


@contextmanager
def orthanc(folder: Path, our_port: int, tls: tuple[Pair, str] | None = None) -> Iterator[Orthanc]:
    """Run Orthanc with DICOMweb, a user, and us as a known modality (for Storage Commitment).

    With ``tls``, its certificate and the file of those that it trusts, it speaks DICOM by mutual
    TLS only, in both directions.
    """
    folder.mkdir(parents=True)
    running = Orthanc(free_port(), free_port())
    us = {"AET": "CMRTRIAGE", "Host": "127.0.0.1", "Port": our_port, "UseDicomTls": tls is not None}
    security: dict[str, object] = {}
    if tls is not None:
        security = {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": tls[0].certificate,
            "DicomTlsPrivateKey": tls[0].private_key,
            "DicomTlsTrustedCertificates": tls[1],
        }
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "DicomAet": "ORTHANC",
                "DicomPort": running.port,
                "HttpPort": running.http_port,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {USER: PASSWORD},
                "RemoteAccessAllowed": False,
                "DicomModalities": {"triage": us},
                **security,
                "Plugins": [str(DICOMWEB_PLUGIN)],
            }
        )
    )
    with _program([find_program("Orthanc"), str(configuration)], folder / "orthanc.log"):
        _wait_for(lambda: running.ask("/system"))
        yield running


@contextmanager
def dcmqrscp(folder: Path) -> Iterator[tuple[int, Path]]:
    """Run dcmtk's archive; returns its port and the folder of its files."""
    storage = folder / "DCMTK"
    storage.mkdir(parents=True)
    port = free_port()
    configuration = folder / "dcmqrscp.cfg"
    configuration.write_text(
        "MaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nDCMTK {storage} RW (200, 1024mb) ANY\nAETable END\n"
    )
    command = [find_program("dcmqrscp"), "-c", str(configuration), str(port)]
    with _program(command, folder / "dcmqrscp.log"):
        _wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True)
        yield port, storage


@contextmanager
def _program(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield
        finally:
            running.terminate()
            running.wait(timeout=30)


def _wait_for(ready) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if ready():
                return
        except (OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
