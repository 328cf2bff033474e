"""Whether hiding what a map calls important moves a value more than hiding what it calls not.

    python -m tests.benchmarks.deletion_curves [--bundle acdc-unet]

Two generated hearts. Slices, or AHA segments, are hidden one by one and ranked by how far that
moves a value; then they are hidden together, from the first downwards and from the last upwards.
Printed is how far the value moved on average over two slices or four segments. `without guide` also
keeps the tower from carrying contours into a hidden slice and out of it.
"""

import argparse
from contextlib import contextmanager

import numpy as np

from tests.worker.explain.validation import example
from worker.bundle import load_bundle
from worker.explain import PartKind
from worker.explain.occlusion import hidden, look, regions
from worker.model import tower as towers

HEARTS = (("dilated", 3), ("healthy", 5))
VALUES = ("rv_end_diastolic_volume", "lv_end_diastolic_volume", "lv_ejection_fraction", "lv_mass")
STEPS = {PartKind.SLICE: 2, PartKind.SEGMENT: 4}


def main() -> None:
    """Print a row for every heart, kind of part and value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="")
    tower = towers.SegmentationTower(load_bundle(parser.parse_args().bundle or None), threads=1)
    print("| heart | hidden | value | unhidden | first ones first | last ones first |")
    print("|---|---|---|---|---|---|")
    for kind, seed in HEARTS:
        beat = example(kind, seed).beat
        parts = {PartKind.SLICE: {}, PartKind.SEGMENT: {}}
        for part, index, region in regions(beat, with_segments=True):
            parts[part][index] = region
        for part, guided in (
            (PartKind.SLICE, True),
            (PartKind.SLICE, False),
            (PartKind.SEGMENT, True),
        ):
            for row in compare(tower, beat, parts[part], STEPS[part], guided=guided):
                name = f"{part.value}s" + ("" if guided else " without guide")
                print(f"| {kind} | {name} | {' | '.join(row)} |", flush=True)


def compare(tower, beat, parts, n_steps, *, guided):
    """Yield value, unhidden, and how far it moved in both orders."""
    unhidden = values_of(look(tower, beat))

    def moved(indices):
        covered = np.any([parts[index] for index in indices], axis=0)
        with kept_apart(() if guided else indices):
            after = values_of(look(tower, hidden(beat, covered)))
        return {key: abs(after[key] - unhidden[key]) for key in VALUES}

    alone = {index: moved([index]) for index in parts}
    for key in VALUES:
        order = sorted(parts, key=lambda index: alone[index][key], reverse=True)
        curves = (
            np.mean([moved(way[: n + 1])[key] for n in range(n_steps)])
            for way in (order, order[::-1])
        )
        yield (key, f"{unhidden[key]:.1f}", *(f"{one:.1f}" for one in curves))


def values_of(beat) -> dict[str, float]:
    """Values of a beat; 0 for what it does not give."""
    return {key: 0.0 if beat is None else beat.value(key) or 0.0 for key in VALUES}


@contextmanager
def kept_apart(slices):
    """Keep the tower from carrying contours into some slices and out of them."""
    outwards = towers.outwards

    def cut(n_slices, middle):
        for z, neighbour in outwards(n_slices, middle):
            yield z, None if z in slices or neighbour in slices else neighbour

    towers.outwards = cut
    try:
        yield
    finally:
        towers.outwards = outwards


if __name__ == "__main__":
    main()
