"""Two bundles on the same ACDC patients, with paired differences: what further training changed.

    python -m tests.benchmarks.bundles_on_patients BEFORE AFTER --acdc DIR [--without FILE]

The patients for validation are left out, and those named in FILE: name there every patient that
either bundle has learnt from.
"""

import argparse
from pathlib import Path

import numpy as np

from tests.benchmarks.pretraining_gain import interval
from worker.bundle import load_bundle
from worker.model.tower import SegmentationTower
from worker.training.evaluate import evaluate_patient, patients_of, read_cases

STRUCTURES = ("lv", "rv", "myocardium")


def main() -> None:
    """Evaluate both, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs=2)
    parser.add_argument("--acdc", required=True, type=Path)
    parser.add_argument("--without", type=Path)
    arguments = parser.parse_args()
    towers = [SegmentationTower(load_bundle(name), threads=1) for name in arguments.bundles]
    left_out = set(arguments.without.read_text().split()) if arguments.without else set()
    everyone = [
        name for split in ("training", "monitor") for name in patients_of(split, arguments.acdc)
    ]
    cases = read_cases(arguments.acdc, [name for name in everyone if name not in left_out])
    found = np.array([[row(tower, case) for tower in towers] for case in cases])
    print(f"{len(found)} patients | before | after | difference")
    for k, name in enumerate((*STRUCTURES, "LVEF error, points", "gross failures")):
        before, after = found[:, :, k].mean(axis=0)
        low, high = interval(found[:, 1, k] - found[:, 0, k])
        change = f"{after - before:+.3f} ({low:+.3f} to {high:+.3f})"
        print(f"{name}: {before:.3f} | {after:.3f} | {change}")


def row(tower, case):
    """Return Dice of each structure over ED and ES, error of the LVEF, gross failure."""
    result, _ = evaluate_patient(tower, case)
    dice = [(result.dice[f"{name}_ED"] + result.dice[f"{name}_ES"]) / 2 for name in STRUCTURES]
    off = abs(result.measured["lvef_percent"] - result.true["lvef_percent"])
    return [*dice, off, float(result.gross_failure)]


if __name__ == "__main__":
    main()
