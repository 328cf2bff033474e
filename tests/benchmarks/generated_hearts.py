"""How well bundles contour generated hearts that none of them was shown, and what is refused.

    python -m tests.benchmarks.generated_hearts --bundle acdc-unet --bundle phantom-unet

End-diastole and end-systole of hearts of every kind, each imaged in its own way, with known truth.
It says whether the road works, and how a network does on what it was made for; hearts of patients
are another matter (``cmr-triage evaluate``).
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from worker.bundle import load_bundle
from worker.model.tower import SegmentationTower
from worker.training.evaluate import Case, evaluate_patient, refusal, summarise
from worker.training.generated_hearts import generated_cines, stack_of

SEED = 20261231
SHOWN = (
    "Dice lv, mean of ED and ES",
    "Dice rv, mean of ED and ES",
    "Dice myocardium, mean of ED and ES",
    "lvef_percent mean absolute error",
    "rvef_percent mean absolute error",
    "share with a gross failure",
    "share refused",
    "share with a gross failure that was not refused",
)


def cases(count: int) -> Iterator[Case]:
    """Generate hearts as the evaluation takes them: two phases, and what is true of them."""
    for number, cine in enumerate(generated_cines(count, SEED)):
        ends = [cine.ed_phase, cine.es_phase]
        stack = stack_of(cine)
        two = replace(
            stack, pixels=stack.pixels[ends], trigger_times_ms=stack.trigger_times_ms[ends]
        )
        yield Case(f"generated {number}", cine.heart.kind.value, two, cine.labels[ends])


def main() -> None:
    """Measure every bundle on the same hearts and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", action="append", required=True)
    parser.add_argument("--hearts", type=int, default=21)
    arguments = parser.parse_args()
    found = {}
    for name in arguments.bundle:
        tower, results = SegmentationTower(load_bundle(name), threads=1), []
        for case in cases(arguments.hearts):
            result, contours = evaluate_patient(tower, case)
            refused = refusal(case.stack, contours, tower.bundle)
            results.append(replace(result, refused=refused))
        found[name] = {row.measure: row for row in summarise(results)}
    print(f"| {arguments.hearts} generated hearts | {' | '.join(found)} |")
    print(f"|---{'|---' * len(found)}|")
    for measure in SHOWN:
        cells = (
            f"{rows[measure].value:.3f} ({rows[measure].low:.3f} to {rows[measure].high:.3f})"
            for rows in found.values()
        )
        print(f"| {measure} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
