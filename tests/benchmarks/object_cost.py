"""Seconds, seconds of processor time and bytes of each object of one analysis, on one core.

    OMP_NUM_THREADS=1 taskset -c 0 python -m tests.benchmarks.object_cost [--runs 3]

The study is a generated heart of 10 slices x 25 phases of 256 x 256 with its true labels; the
network, the measurements and the language model are not part of the time. Pages count to the object
that holds them, their PNG included; the flush to the disk is counted. Run it on a machine that does
nothing else; all objects together should take 3 s or less.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

from plugin.domain.findings import Assessment
from worker.explain import explain
from worker.findings import assess
from worker.model.types import Segmentation
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate, write_study
from worker.report import AnalysisIdentity
from worker.report.build import BUILDERS, PAGES, write_object
from worker.report.figures.canvas import png
from worker.report.figures.saliency import saliency_page
from worker.report.identity import ResultUids
from worker.report.material import Material
from worker.report.structured_report import report_content
from worker.volume import LoadedStudy, load_study


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="cmr-objects-") as folder:
        loaded, labels, assessment = study(Path(folder) / "study")
        out = Path(folder) / "out"
        out.mkdir()
        made = [build_once(loaded, labels, assessment, out) for _ in range(runs)]
    print(f"median of {runs} runs: seconds, seconds of processor time, MB")
    totals = [0.0, 0.0, 0.0]
    for kind in made[0]:
        row = [median(run[kind][column] for run in made) for column in range(3)]
        totals = [total + value for total, value in zip(totals, row, strict=True)]
        print_row(kind, row)
    print_row("all", totals)


def print_row(name: str, row: Sequence[float]) -> None:
    """Print one line of the table."""
    print(f"  {name:12s} {row[0]:7.2f} {row[1]:7.2f} {row[2] / 1e6:8.2f}")


def study(folder: Path) -> tuple[LoadedStudy, np.ndarray, Assessment]:
    """Generate and load a study, and assess its true labels."""
    protocol = Protocol(n_slices=10, n_phases=25, slice_distance_mm=10.0, n_rows=256, n_columns=256)
    patient = generate(HeartKind.DILATED, 1, protocol=protocol)
    loaded = load_study(write_study(patient.instances(), folder))
    labels = patient.cine().labels.astype(np.uint8)
    sure = np.full(labels.shape[:2], 0.95, np.float32)
    return loaded, labels, assess(loaded.stack, Segmentation(labels, sure), loaded.patient)


def build_once(
    loaded: LoadedStudy, labels: np.ndarray, assessment: Assessment, folder: Path
) -> dict[str, tuple[float, float, int]]:
    """Build and write every object; return seconds, processor seconds and bytes by kind."""
    identity = AnalysisIdentity(
        software_version="benchmark",
        bundle_name="none",
        bundle_version="0",
        bundle_digest="0" * 64,
        input_digest=loaded.input_digest,
        created_at=datetime.now(tz=UTC),
    )
    uids = ResultUids(str(loaded.reference.StudyInstanceUID), identity, "benchmark")
    pages: dict[str, np.ndarray] = {}
    pictures: dict[str, bytes] = {}
    explanation = explain(loaded.stack, labels, assessment, loaded.patient)
    material = Material(
        loaded.reference,
        loaded.stack,
        labels,
        assessment,
        identity,
        uids,
        loaded.clinical,
        explanation=explanation,
        pages=pages,
        pictures=pictures,
    )
    found = {}
    for kind, build in BUILDERS.items():
        started, used = time.perf_counter(), time.process_time()
        if kind == "sr":  # what both forms say counts to the first
            material = replace(material, report=report_content(material))
        if kind in PAGES:
            pages[kind] = PAGES[kind](loaded.stack, labels, assessment, identity)
        elif kind == "saliency" and explanation is not None:
            pages[kind] = saliency_page(explanation, assessment, identity)
        if kind in pages:
            pictures[kind] = png(pages[kind])
            (folder / f"{kind}.png").write_bytes(pictures[kind])
        dataset = build(material)
        size = 0
        if dataset is not None:
            size = write_object(kind, dataset, folder).path.stat().st_size
        found[kind] = (time.perf_counter() - started, time.process_time() - used, size)
    return found


if __name__ == "__main__":
    main()
