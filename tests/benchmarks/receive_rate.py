"""How fast the node receives, beside dcmtk's storescp and Orthanc, in one run on one machine.

Sender is dcmtk's storescu, MR instances of about 132 kB, TCP_NODELAY=1 for all. The node is the
real process with its registry; it syncs every file and folder before it answers, storescp does not.

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
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.programs import SYSTEM_PATH

ROOT = Path(__file__).parents[2]
MR = "1.2.840.10008.5.1.4.1.1.4"
ENVIRONMENT = {**os.environ, "PATH": SYSTEM_PATH, "TCP_NODELAY": "1"}
NODE = (
    "import sys; from pathlib import Path; from plugin.settings import load_settings; "
    "from dicom_node.server import main; main(load_settings(Path(sys.argv[1])))"
)
START_SECONDS = 60.0
Receiver = Callable[[Path, int], "subprocess.Popen[bytes]"]


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


def start_node(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start ``cmr-triage node``, open for everybody."""
    config = folder / "node.toml"
    config.write_text(
        f'[node]\nhost = "127.0.0.1"\nport = {port}\naccept_unknown_peers = true\n'
        f'[spool]\nfolder = "{folder / "spool"}"\nminimum_free_bytes = 0\n'
    )
    return _quietly([sys.executable, "-c", NODE, str(config)])


def start_storescp(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start dcmtk's storage SCP, a process per association."""
    kept = folder / "kept"
    kept.mkdir()
    return _quietly(["storescp", "--fork", "-aet", "CMRTRIAGE", "-od", str(kept), str(port)])


def start_orthanc(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start Orthanc with its default configuration, without HTTP and plugins."""
    config = folder / "orthanc.json"
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
def running(receiver: Receiver) -> Iterator[int]:
    """Start a receiver in a fresh folder and give its port."""
    with tempfile.TemporaryDirectory(prefix="receive-rate-") as name:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = receiver(Path(name), port)
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    echo = ["echoscu", "-aec", "CMRTRIAGE", "127.0.0.1", str(port)]
    while time.monotonic() < deadline:
        if subprocess.run(echo, env=ENVIRONMENT, check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.2)
    message = "the receiver did not start"
    raise RuntimeError(message)


def instances_per_second(port: int, source: Path, n_associations: int) -> float:
    """Send all instances over some associations at once; return the rate."""
    paths = sorted(str(path) for path in source.iterdir())
    command = ["storescu", "-R", "-aec", "CMRTRIAGE", "127.0.0.1", str(port)]
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


def main() -> None:
    """Measure every receiver that is installed and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    receivers: dict[str, Receiver] = {"cmr-triage node (fsync)": start_node}
    if shutil.which("storescp", path=SYSTEM_PATH):
        receivers["dcmtk storescp --fork (no fsync)"] = start_storescp
    if Path(_orthanc()).exists():
        receivers["Orthanc, default configuration"] = start_orthanc
    print("| receiver | 1 association, instances/s | 4 |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="receive-rate-") as name:
        write_instances(Path(name), arguments.instances)
        for title, receiver in receivers.items():
            cells = []
            for n_associations in (1, 4):
                rates = []
                for _ in range(arguments.repeats):
                    with running(receiver) as port:
                        rates.append(instances_per_second(port, Path(name), n_associations))
                cells.append(f"{min(rates):.0f} to {max(rates):.0f}")
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
