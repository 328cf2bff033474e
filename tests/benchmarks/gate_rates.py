"""How often the gate refuses real hearts, how often impostors, and what is usual for each number.

    python -m tests.benchmarks.gate_rates OUT.jsonl --acdc DIR [--sunnybrook DIR] [--hearts 8]
    python -m tests.benchmarks.gate_rates OUT.jsonl --only-print

Real hearts: the ACDC patients that are not for validation, ED and ES (the network was trained on
them: false refusals elsewhere can be more). Sunnybrook slices have pictures only. Impostors: every
kind of `worker.phantom.impostors` made of generated hearts, and of every fourth ACDC patient where
pixels alone make one. Every study is a line of OUT.jsonl; a run that was stopped goes on. The
verdicts are made anew from the lines, with the limits as they are now.
"""

import argparse
import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import ndimage

from tests.benchmarks.gate_road import OUTCOMES, counted, outcome, stack_of, travel
from worker.bundle import load_bundle
from worker.gate.familiarity import load_familiarity
from worker.gate.pictures import picture_numbers
from worker.gate.verdict import Limit
from worker.model.tower import SegmentationTower
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.impostors import IMPOSTORS
from worker.phantom.study import generate

SMALL = Protocol(n_phases=6, slice_distance_mm=10.0, pixel_mm=1.8, n_rows=128, n_columns=112)
EVERY = 4


def main() -> None:
    """Measure what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--acdc", type=Path)
    parser.add_argument("--sunnybrook", type=Path)
    parser.add_argument("--hearts", type=int, default=0)
    parser.add_argument("--bundle", default="")
    parser.add_argument("--only-print", action="store_true")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle or None)
    if not arguments.only_print:
        measure(arguments, SegmentationTower(bundle, threads=1))
    familiarity = load_familiarity(bundle)
    limit = Limit("distance") if familiarity is None else familiarity.limit
    report(read(arguments.out), limit)


def measure(arguments, tower) -> None:
    """Append a line for every study that has none."""
    known = {record["name"] for record in read(arguments.out)}
    with arguments.out.open("a", encoding="utf-8") as file:

        def keep(name, kind, make):
            if name not in known:
                record = {"name": name, "kind": kind, **make()}
                file.write(json.dumps(record) + "\n")
                file.flush()

        if arguments.acdc:
            real_hearts(arguments.acdc, tower, keep)
        if arguments.sunnybrook:
            sunnybrook(arguments.sunnybrook, keep)
        for seed in range(arguments.hearts):
            generated(seed, tower, keep)


def real_hearts(folder, tower, keep) -> None:
    """Go through ED and ES of the patients, and what is made of some of them."""
    from worker.training.cohorts import acdc_patients, read_splits
    from worker.training.evaluate import read_cases

    validation = set(read_splits().validation)
    patients = [p.name for p in acdc_patients(folder) if p.name not in validation]
    for number, case in enumerate(read_cases(folder, patients)):
        keep(case.patient, "real heart", lambda s=case.stack: travel(s, tower))
        if number % EVERY:
            continue
        for kind, spoil in SPOILT.items():
            rng = np.random.default_rng(number)
            keep(
                f"{case.patient} {kind}",
                f"{kind} (real)",
                lambda s=case.stack, f=spoil, r=rng: travel(f(s, r), tower),
            )


def sunnybrook(folder, keep) -> None:
    """Look at the pictures of another hospital; one phase of neighbouring slices each."""
    from worker.training.cohorts import SUNNYBROOK_SPACING_MM, read_sunnybrook
    from worker.training.evaluate import stack_from_array

    for run in read_sunnybrook(folder):
        if len(run.images) > 1:
            spacing = (SUNNYBROOK_SPACING_MM, SUNNYBROOK_SPACING_MM, 8.0)
            stack = stack_from_array(run.images[None], spacing)
            numbers = {"pictures": picture_numbers(stack)}
            record = {"numbers": numbers, "refused_by": None, "reason": "", "flags": []}
            keep(f"{run.patient} {run.phase}", "Sunnybrook pictures", lambda r=record: r)


def generated(seed, tower, keep) -> None:
    """Go through a generated heart and all its impostors."""
    kinds = list(HeartKind)
    cine = generate(kinds[seed % len(kinds)], 500 + seed, protocol=SMALL).cine()
    keep(f"heart {seed}", "generated heart", lambda: travel(stack_of(cine), tower))
    for kind, impostor in IMPOSTORS.items():
        rng = np.random.default_rng(seed)
        keep(
            f"heart {seed} {kind}",
            kind,
            lambda f=impostor, r=rng: travel(stack_of(f(cine, r)), tower),
        )


def _shuffled(stack, rng):
    order = rng.permutation(stack.n_slices)
    return dataclasses.replace(stack, pixels=stack.pixels[:, order])


def _static(stack, rng):
    still = np.repeat(stack.pixels[:1], stack.n_phases, axis=0)
    sigma = 0.01 * np.percentile(stack.pixels, 99)
    return dataclasses.replace(stack, pixels=still + rng.normal(0, sigma, still.shape).astype("f4"))


def _cut_along_rows(stack, _rng):
    """Cut the volume along its rows, in true proportions: a coarse long axis of a real heart."""
    from worker.training.evaluate import stack_from_array

    step = round(stack.slice_spacing_mm / stack.row_spacing_mm)
    middle = stack.pixels.shape[2] // 2
    rows = middle + step * np.arange(-4, 5)
    cut = stack.pixels[:, :, rows].transpose(0, 2, 1, 3)
    stretch = stack.slice_spacing_mm / stack.row_spacing_mm
    fine = ndimage.zoom(cut, (1, 1, stretch, 1), order=1)
    spacing = (stack.row_spacing_mm, stack.column_spacing_mm, stack.slice_spacing_mm)
    return stack_from_array(fine, spacing)


def _negative(stack, _rng):
    return dataclasses.replace(stack, pixels=stack.pixels.max() - stack.pixels)


SPOILT = {
    "shuffled_slices": _shuffled,
    "static_heart": _static,
    "swapped_axes": _cut_along_rows,
    "negative_image": _negative,
}


def read(path) -> list[dict]:
    """Return the lines that are there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def report(records, limit) -> None:
    """Print what is usual, and what became of each kind of study."""
    print("| number | lowest | median | highest of real hearts |\n|---|---|---|---|")
    usual: dict[str, list[float]] = {}
    for record in records:
        if record["kind"] in ("real heart", "Sunnybrook pictures"):
            for layer, numbers in record["numbers"].items():
                for quantity, value in numbers.items():
                    usual.setdefault(f"{layer}.{quantity}", []).append(value)
    for quantity, values in sorted(usual.items()):
        low, middle, high = np.percentile(values, (0, 50, 100))
        print(f"| {quantity} (n {len(values)}) | {low:.3f} | {middle:.3f} | {high:.3f} |")
    print("\n| study | refused | flagged | passed | by |\n|---|---|---|---|---|")
    for kind in dict.fromkeys(record["kind"] for record in records):
        answers = [outcome(record, limit) for record in records if record["kind"] == kind]
        shares = [counted(sum(a == one for a, _ in answers), len(answers)) for one in OUTCOMES]
        by = Counter(layer for _, layer in answers if layer)
        print(f"| {kind} | {' | '.join(shares)} | {_listed(by)} |")


def _listed(counts: Counter) -> str:
    return ", ".join(f"{layer} {n}" for layer, n in counts.most_common())


if __name__ == "__main__":
    main()
