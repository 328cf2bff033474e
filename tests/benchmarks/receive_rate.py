"""How fast the node receives, beside dcmtk's storescp and Orthanc, in one run on one machine.

Sender is dcmtk's storescu, MR instances of about 132 kB, TCP_NODELAY=1 for all. The node is the
real process with its registry; it syncs every file and folder before it answers, storescp does not.
With ``--tls`` all speak mutual TLS, with certificates made for the run.

    python -m tests.benchmarks.receive_rate --instances 400
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.certificates import Authority, Pair
from tests.programs import SYSTEM_PATH

ROOT = Path(__file__).parents[2]
MR = "1.2.840.10008.5.1.4.1.1.4"
ENVIRONMENT = {**os.environ, "PATH": SYSTEM_PATH, "TCP_NODELAY": "1"}
NODE = (
    "import sys; from pathlib import Path; from plugin.settings import load_settings; "
    "from dicom_node.server import main; main(load_settings(Path(sys.argv[1])))"
)
START_SECONDS = 60.0


@dataclass(frozen=True)
class Security:
    """The certificates of one run by TLS."""

    receiver: Pair
    sender: Pair
    ca_file: str

    def options(self, pair: Pair) -> list[str]:
        """Return what dcmtk's programs need to speak TLS with a certificate."""
        return ["+tls", pair.private_key, pair.certificate, "+cf", self.ca_file]


Receiver = Callable[[Path, int, Security | None], "subprocess.Popen[bytes]"]


def write_instances(folder: Path, n_instances: int) -> None:
    """Write MR images of 256 x 256 x 16 bit."""
    rng = np.random.default_rng(1)
    study, series = generate_uid(), generate_uid()
    pixels = rng.integers(0, 4096, (256, 256), dtype=np.uint16).tobytes()
    for number in range(n_instances):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = MR
        meta.MediaStorageSOPInstanceUID = generate_uid()
        image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = MR, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.PatientID, image.PatientName, image.Modality = "BENCHMARK", "Benchmark", "MR"
        image.InstanceNumber = number
        image.Rows = image.Columns = 256
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelRepresentation = 0
        image.PixelData = pixels
        image.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def start_node(folder: Path, port: int, security: Security | None) -> "subprocess.Popen[bytes]":
    """Start ``cmr-triage node``, open for everybody."""
    config = folder / "node.toml"
    way = f"port = {port}\n"
    if security is not None:
        way = (
            f'plain = false\n[tls]\nport = {port}\nca_file = "{security.ca_file}"\n'
            f'certificate = "{security.receiver.certificate}"\n'
            f'private_key = "{security.receiver.private_key}"\n'
        )
    config.write_text(
        f'[node]\nhost = "127.0.0.1"\naccept_unknown_peers = true\n{way}'
        f'[spool]\nfolder = "{folder / "spool"}"\nminimum_free_bytes = 0\n'
    )
    return _quietly([sys.executable, "-c", NODE, str(config)])


def start_storescp(folder: Path, port: int, security: Security | None) -> "subprocess.Popen[bytes]":
    """Start dcmtk's storage SCP, a process per association."""
    kept = folder / "kept"
    kept.mkdir()
    options = [] if security is None else security.options(security.receiver)
    command = ["storescp", "--fork", *options, "-aet", "CMRTRIAGE", "-od", str(kept)]
    return _quietly([*command, str(port)])


def start_orthanc(folder: Path, port: int, security: Security | None) -> "subprocess.Popen[bytes]":
    """Start Orthanc with its default configuration, without HTTP and plugins."""
    config = folder / "orthanc.json"
    tls: dict[str, object] = {}
    if security is not None:
        tls = {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": security.receiver.certificate,
            "DicomTlsPrivateKey": security.receiver.private_key,
            "DicomTlsTrustedCertificates": security.ca_file,
        }
    config.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "DicomPort": port,
                "DicomAet": "CMRTRIAGE",
                "DicomAlwaysAllowStore": True,
                "HttpServerEnabled": False,
                "Plugins": [],
                **tls,
            }
        )
    )
    return _quietly([_orthanc(), str(config)])


def _orthanc() -> str:
    return shutil.which("Orthanc", path=SYSTEM_PATH) or "/usr/sbin/Orthanc"


def _quietly(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def running(receiver: Receiver, security: Security | None) -> Iterator[int]:
    """Start a receiver in a fresh folder and give its port."""
    with tempfile.TemporaryDirectory(prefix="receive-rate-") as name:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = receiver(Path(name), port, security)
        try:
            _wait_for(port, security)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=60)


def _sender(program: str, security: Security | None, *options: str) -> list[str]:
    tls = [] if security is None else security.options(security.sender)
    return [program, *tls, *options, "-aec", "CMRTRIAGE", "localhost"]


def _wait_for(port: int, security: Security | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    echo = [*_sender("echoscu", security), str(port)]
    while time.monotonic() < deadline:
        if subprocess.run(echo, env=ENVIRONMENT, check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.2)
    message = "the receiver did not start"
    raise RuntimeError(message)


def instances_per_second(
    port: int, source: Path, n_associations: int, security: Security | None
) -> float:
    """Send all instances over some associations at once; return the rate."""
    paths = sorted(str(path) for path in source.iterdir())
    command = [*_sender("storescu", security, "-R"), str(port)]
    started = time.monotonic()
    senders = [
        subprocess.Popen(
            [*command, *paths[number::n_associations]],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(n_associations)
    ]
    if any(sender.wait() for sender in senders):
        message = "storescu reported an error"
        raise RuntimeError(message)
    return len(paths) / (time.monotonic() - started)


def _make_security(folder: Path) -> Security:
    authority = Authority(folder)
    return Security(authority.sign("receiver"), authority.sign("sender"), authority.certificate)


def main() -> None:
    """Measure every receiver that is installed and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tls", action="store_true", help="Speak mutual TLS.")
    arguments = parser.parse_args()
    receivers: dict[str, Receiver] = {"cmr-triage node (fsync)": start_node}
    if shutil.which("storescp", path=SYSTEM_PATH):
        receivers["dcmtk storescp --fork (no fsync)"] = start_storescp
    if Path(_orthanc()).exists():
        receivers["Orthanc, default configuration"] = start_orthanc
    print("| receiver | 1 association, instances/s | 4 |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="receive-rate-") as name:
        folder = Path(name) / "images"
        folder.mkdir()
        write_instances(folder, arguments.instances)
        security = _make_security(Path(name) / "certificates") if arguments.tls else None
        for title, receiver in receivers.items():
            cells = []
            for n_associations in (1, 4):
                rates = []
                for _ in range(arguments.repeats):
                    with running(receiver, security) as port:
                        rates.append(instances_per_second(port, folder, n_associations, security))
                cells.append(f"{min(rates):.0f} to {max(rates):.0f}")
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
