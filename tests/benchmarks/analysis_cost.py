"""Seconds, memory and a profile of one analysis, from DICOM on disk to the SR written.

    python -m tests.benchmarks.analysis_cost [STUDY_DIR] [--runs 5]

Without STUDY_DIR a generated study of 10 slices x 25 phases is written first (not counted). Each
run is a process of its own, as a worker would be after start: the bundle is loaded before the clock
starts, peak memory is that of the whole process. Prints each stage's median and range, and with
STUDY_DIR also where the time of one more run goes (cProfile, by cumulative time).
"""

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate, write_study

_CHILD = "--child"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(_CHILD, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure_once(arguments.study)))
        return
    with tempfile.TemporaryDirectory(prefix="cmr-cost-") as folder:
        study = arguments.study or generate_study(Path(folder))
        runs = [in_own_process(study) for _ in range(arguments.runs)]
    print(f"{arguments.runs} runs, median (lowest to highest)")
    for name in runs[0]:
        values = sorted(run[name] for run in runs)
        print(f"  {name:16s} {median(values):8.2f}  ({values[0]:.2f} to {values[-1]:.2f})")
    if arguments.study:
        profile(arguments.study)


def generate_study(folder: Path) -> Path:
    """Write a generated study of 10 slices x 25 phases of 256 x 256."""
    study = folder / "study"
    protocol = Protocol(n_slices=10, n_phases=25, slice_distance_mm=10.0, n_rows=256, n_columns=256)
    write_study(generate(HeartKind.DILATED, 1, protocol=protocol).instances(), study)
    return study


def in_own_process(study: Path) -> dict[str, float]:
    """Run ``measure_once`` in a fresh interpreter."""
    out = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.analysis_cost", str(study), _CHILD],
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return result


def measure_once(study: Path) -> dict[str, float]:
    """Analyse once; return seconds per stage, in all, and the peak memory in MiB."""
    from worker.pipeline import analyse_paths

    tower = load_tower()
    paths = [path for path in study.rglob("*") if path.is_file()]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        result = analyse_paths(paths, tower, Path(out), software_version="benchmark")
    total = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**result.timings_seconds, "all stages": total, "peak memory MiB": peak}


def load_tower():
    """Load the shipped bundle."""
    from worker.bundle import load_bundle
    from worker.model.tower import SegmentationTower

    return SegmentationTower(load_bundle(None))


def profile(study: Path) -> None:
    """Print where one run spends its time."""
    from worker.pipeline import analyse_paths

    tower = load_tower()
    paths = [path for path in study.rglob("*") if path.is_file()]
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory() as out:
        profiler.runcall(analyse_paths, paths, tower, Path(out), software_version="benchmark")
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(25)


if __name__ == "__main__":
    main()
