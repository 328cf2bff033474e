"""Send DICOM studies with dcmtk, read the results back from Orthanc, compare with ``analyze``.

    python -m tests.benchmarks.end_to_end_orthanc STUDY_DIR [STUDY_DIR ...] [--out DIR]

Starts Orthanc (a PACS that nobody here wrote), ``cmr-triage up`` with a configuration file, one
peer and one destination; sends each folder with ``storescu``; waits until all results are
in Orthanc; reads its numbers by REST; runs ``cmr-triage analyze`` on the same folder; prints one
row a study and exits non-zero when a number differs by more than rounding (0.05 of its unit).
Needs dcmtk and orthanc. Any short-axis studies will do, real ones included.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom

from plugin.domain.objects import DEFAULT_OBJECTS
from tests.programs import SYSTEM_PATH

_CLI = [sys.executable, "-m", "plugin.cli"]
_TOLERANCE = 0.05
_SYSTEM = {**os.environ, "PATH": SYSTEM_PATH, "TCP_NODELAY": "1"}


def main() -> int:
    """Run the comparison; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="keep the objects that Orthanc returned here")
    arguments = parser.parse_args()
    differing = 0
    with tempfile.TemporaryDirectory(prefix="cmr-e2e-") as folder, running(Path(folder)) as ports:
        for study in arguments.studies:
            differing += compare(study, ports, Path(folder), arguments.out)
    print("all numbers equal within rounding" if not differing else f"{differing} studies differ")
    return 1 if differing else 0


def compare(study: Path, ports: dict[str, int], folder: Path, out: Path | None) -> int:
    """Send one study, print its row; return 1 when a number differs."""
    uid = next(
        str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)
        for path in sorted(study.rglob("*"))
        if path.is_file()
    )
    subprocess.run(
        ["storescu", "+sd", "+r", "-aet", "SCANNER", "-aec", "CMRTRIAGE", "127.0.0.1",
         str(ports["node"]), str(study)],
        check=True, env=_SYSTEM, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    sent = time.monotonic()
    objects = wait_for_results(uid, ports["rest"])
    seconds = time.monotonic() - sent
    report = next(o for o in objects if o.Modality == "SR")
    returned = measurements(report)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for number, dataset in enumerate(objects):
            dataset.save_as(out / f"{study.name}-{dataset.Modality}{number}.dcm")
    offline = folder / f"offline-{study.name}"
    subprocess.run(
        [*_CLI, "analyze", str(study), "--out", str(offline)], check=True, stdout=subprocess.DEVNULL
    )
    local = measurements(pydicom.dcmread(offline / "sr.dcm"))
    worst = max(
        (abs(returned.get(key, float("inf")) - value) for key, value in local.items()),
        default=float("inf"),
    )
    same = worst <= _TOLERANCE and returned.keys() == local.keys()
    ejection_fraction = next(
        (value for key, value in returned.items() if key[0] == _EJECTION_FRACTION), float("nan")
    )
    print(
        f"{study.name:14s} LVEF {ejection_fraction:5.1f} %  {len(returned):3d} numbers read from "
        f"Orthanc, largest difference {worst:.3f}  {len(objects)} objects after {seconds:5.1f} s  "
        f"{'same' if same else 'DIFFERENT'}"
    )
    return 0 if same else 1


Key = tuple[str, ...]

_FINDING_SITE, _CYCLE_POINT = "363698007", "272518008"
_EJECTION_FRACTION = "8811-2"


def measurements(report: pydicom.Dataset) -> dict[Key, float]:
    """Return every NUM of a report by what tells it from the others.

    A key is (concept, unit, finding site, point of the cardiac cycle) of the number; what hangs
    below a measurement (limits, uncertainty, body surface area) has the measurement's key before
    its own, and what a statement rests on the statement's concept and its place among its kind.

    Raises
    ------
    ValueError
        Two numbers have one key: one of them would escape the comparison.
    """
    found: dict[Key, float] = {}

    def walk(item: pydicom.Dataset, parent: Key, site: str) -> None:
        site = _modifier(item, _FINDING_SITE) or site
        n_statements: Counter[str] = Counter()
        for child in item.get("ContentSequence", []):
            below = parent
            if child.ValueType in ("TEXT", "CODE") and item.ValueType == "CONTAINER":
                concept = str(child.ConceptNameCodeSequence[0].CodeValue)
                below = (*parent, concept, str(n_statements[concept]))
                n_statements[concept] += 1
            if child.ValueType == "NUM" and child.MeasuredValueSequence:
                measured = child.MeasuredValueSequence[0]
                below = (
                    *parent,
                    str(child.ConceptNameCodeSequence[0].CodeValue),
                    str(measured.MeasurementUnitsCodeSequence[0].CodeValue),
                    _modifier(child, _FINDING_SITE) or site,
                    _modifier(child, _CYCLE_POINT),
                )
                if below in found:
                    raise ValueError(f"two numbers of the report have the key {below}")
                found[below] = float(measured.NumericValue)
            walk(child, below, site)

    walk(report, (), "")
    return found


def _modifier(item: pydicom.Dataset, code: str) -> str:
    """Return the code that an item's child of this concept has, ``""`` where there is none."""
    for child in item.get("ContentSequence", []):
        name = child.get("ConceptNameCodeSequence")
        if name and name[0].CodeValue == code:
            return str(child.ConceptCodeSequence[0].CodeValue)
    return ""


def wait_for_results(study_uid: str, rest: int, limit_s: float = 300.0) -> list[pydicom.Dataset]:
    """Return the result objects of a study once all that a new destination gets are in Orthanc."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = ask(
            rest,
            "/tools/find",
            {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}, "Expand": False},
        )
        if len(found) >= len(DEFAULT_OBJECTS):
            return [fetch(rest, instance) for instance in found]
        time.sleep(0.2)
    sys.exit(f"no results in Orthanc after {limit_s:.0f} s")


def ask(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call Orthanc's REST interface."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def fetch(port: int, instance: str) -> pydicom.Dataset:
    """Return an instance as Orthanc stored it."""
    address = f"http://127.0.0.1:{port}/instances/{instance}/file"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return pydicom.dcmread(pydicom.filebase.DicomBytesIO(answer.read()))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, int]]:
    """Run Orthanc and the whole system on free ports."""
    ports = {name: free_port() for name in ("node", "web", "dicom", "rest")}
    programs: list[subprocess.Popen[bytes]] = []
    try:
        programs.append(start_orthanc(folder, ports))
        configuration = folder / "cmr-triage.toml"
        configuration.write_text(
            f"[node]\nhost = '127.0.0.1'\nport = {ports['node']}\n"
            "[operation]\nmode = 'live'\n"
            f"[spool]\nfolder = '{folder / 'spool'}'\nminimum_free_bytes = 100000000\n"
            f"[web]\nport = {ports['web']}\n"
            "[assembly]\narchive_quiet_seconds = 2\ntick_seconds = 0.2\n"
        )
        settings = ["--config", str(configuration)]
        for command in (
            ["peer", "add", "SCANNER", "--kind", "archive"],
            ["destination", "add", "orthanc", "--ae-title", "ORTHANC", "--host", "127.0.0.1",
             "--port", str(ports["dicom"])],
        ):  # fmt: skip
            subprocess.run([*_CLI, *command, *settings], check=True, stdout=subprocess.DEVNULL)
        log = (folder / "up.log").open("wb")
        programs.append(
            subprocess.Popen([*_CLI, "up", *settings], stdout=log, stderr=subprocess.STDOUT)
        )
        wait_for_echo(ports["node"])
        yield ports
    finally:
        for program in reversed(programs):
            program.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(30)
            program.kill()


def start_orthanc(folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    """Start Orthanc with an empty store."""
    program = shutil.which("Orthanc", path=SYSTEM_PATH)
    if program is None or shutil.which("storescu", path=SYSTEM_PATH) is None:
        sys.exit("needs orthanc and dcmtk (apt-get install orthanc dcmtk)")
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "Name": "archive",
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "DicomAet": "ORTHANC",
                "DicomPort": ports["dicom"],
                "HttpPort": ports["rest"],
                "AuthenticationEnabled": False,
                "RemoteAccessAllowed": False,
                "DicomAlwaysAllowStore": True,
                "Plugins": [],
            }
        )
    )
    orthanc = subprocess.Popen(
        [program, str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(150):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            ask(ports["rest"], "/system")
            return orthanc
        time.sleep(0.2)
    sys.exit("Orthanc did not start")


def wait_for_echo(port: int) -> None:
    """Wait until the node answers C-ECHO."""
    for _ in range(150):
        echo = subprocess.run(
            ["echoscu", "-aet", "SCANNER", "-aec", "CMRTRIAGE", "127.0.0.1", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=_SYSTEM,
        )  # fmt: skip
        if echo.returncode == 0:
            return
        time.sleep(0.4)
    sys.exit("the node did not answer C-ECHO")


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
