"""How far pictures can be spoilt before the measurement fails, and where the gate begins to refuse.

    python -m tests.benchmarks.stress_ladder OUT.jsonl [--hearts 3] [--bundle acdc-unet]
    python -m tests.benchmarks.stress_ladder OUT.jsonl --only-print

Generated hearts with known ejection fraction; each ladder spoils one thing in steps, the first step
not at all. Every study is a line of OUT.jsonl; a run that was stopped goes on. Prints, for every
step, the mean absolute and mean error of LVEF where a number was reported, and the shares refused
and flagged, with the layer that refused most.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import ndimage

from tests.benchmarks.gate_rates import read
from tests.benchmarks.gate_road import outcome, stack_of, travel
from worker.bundle import load_bundle
from worker.gate.familiarity import load_familiarity
from worker.gate.verdict import Limit
from worker.model.tower import SegmentationTower
from worker.phantom.anatomy import Label
from worker.phantom.cine import Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import generate

PLAIN = Protocol(
    n_phases=10, slice_distance_mm=10.0, pixel_mm=1.6, n_rows=136, n_columns=120, breath_hold_mm=0.5
)


KINDS = (HeartKind.HEALTHY, HeartKind.DILATED, HeartKind.HYPERTROPHIC_SEPTAL)


def heart_of(number):
    """Generate the heart of a number."""
    return generate(KINDS[number % len(KINDS)], 900 + number, protocol=PLAIN)


def noise(cine, share, rng):
    """Rician noise of this share of the blood's brightness."""
    sigma = share * cine.protocol.blood_value
    real, other = rng.normal(0, sigma, (2, *cine.pixels.shape))
    return stack_of(cine, np.hypot(cine.pixels + real, other))


def motion(cine, reach_mm, _rng):
    """Move the chest so far up and down while a picture is taken."""
    reach = reach_mm / cine.protocol.pixel_mm
    moved = [
        ndimage.shift(cine.pixels.astype(np.float32), (0, 0, step * reach, 0), order=1)
        for step in (-0.5, -0.25, 0.0, 0.25, 0.5)
    ]
    return stack_of(cine, np.mean(moved, axis=0))


def mistriggering(cine, share, rng):
    """Every slice begins at another moment, up to this share of the beat early or late."""
    n = len(cine.pixels)
    pixels = cine.pixels.copy()
    for s in range(pixels.shape[1]):
        late = round(rng.uniform(-share, share) * n)
        pixels[:, s] = np.roll(pixels[:, s], late, axis=0)
    return stack_of(cine, pixels)


def missing_base(cine, n_slices, _rng):
    """So many slices at the base were not taken."""
    return stack_of(cine, cine.pixels[:, int(n_slices) :])


def breath_hold(cine, sigma_mm, rng):
    """Slices are shifted in their plane against each other, normally distributed."""
    pixels = cine.pixels.astype(np.float32)
    for s in range(pixels.shape[1]):
        down, across = rng.normal(0, sigma_mm / cine.protocol.pixel_mm, 2)
        pixels[:, s] = ndimage.shift(pixels[:, s], (0, down, across), order=1, mode="nearest")
    return stack_of(cine, pixels)


def contrast(cine, share, _rng):
    """Brighten the muscle by this share of its distance to blood."""
    pixels = cine.pixels.astype(np.float32)
    muscle = cine.labels == Label.LV_MYOCARDIUM
    blood = np.median(pixels[cine.labels == Label.LV_CAVITY])
    pixels[muscle] += share * (blood - pixels[muscle])
    return stack_of(cine, pixels)


def brightness_curve(cine, gamma, _rng):
    """Another vendor's curve from signal to grey."""
    top = np.percentile(cine.pixels, 99)
    return stack_of(cine, top * (cine.pixels / top) ** gamma)


def pixel_size(cine, pixel_mm, _rng):
    """Larger pixels, averaged as a scanner would."""
    zoom = cine.protocol.pixel_mm / pixel_mm
    sigma = 0.42 * np.sqrt(max(1 / zoom**2 - 1, 0))
    blurred = ndimage.gaussian_filter(cine.pixels.astype(np.float32), (0, 0, sigma, sigma))
    coarse = blurred if zoom == 1 else ndimage.zoom(blurred, (1, 1, zoom, zoom), order=1)
    true_mm = cine.protocol.pixel_mm * cine.pixels.shape[3] / coarse.shape[3]
    return stack_of(cine, coarse, columns_mm=true_mm)


LADDERS = {
    "noise, share of blood": (noise, (0.0, 0.1, 0.2, 0.3, 0.45)),
    "motion while imaging, mm": (motion, (0, 4, 8, 16, 24)),
    "mis-triggering, share of beat": (mistriggering, (0.0, 0.1, 0.2, 0.35, 0.5)),
    "slices missing at the base": (missing_base, (0, 1, 2, 3, 4)),
    "breath-hold shift, SD in mm": (breath_hold, (0, 3, 6, 10, 16)),
    "muscle nearer to blood": (contrast, (0.0, 0.3, 0.5, 0.7, 0.9)),
    "curve of brightness, exponent": (brightness_curve, (1.0, 0.6, 0.35, 1.7, 3.0)),
    "pixel size, mm": (pixel_size, (1.6, 2.2, 3.0, 4.0, 6.0)),
}


def main() -> None:
    """Measure what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--hearts", type=int, default=3)
    parser.add_argument("--bundle", default="")
    parser.add_argument("--only-print", action="store_true")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle or None)
    if not arguments.only_print:
        climb(arguments.out, arguments.hearts, SegmentationTower(bundle, threads=1))
    familiarity = load_familiarity(bundle)
    report(read(arguments.out), Limit("distance") if familiarity is None else familiarity.limit)


def climb(out, n_hearts, tower) -> None:
    """Measure every heart on every step; the unspoilt one once."""
    known = {(r["ladder"], r["step"], r["heart"]) for r in read(out)}
    with out.open("a", encoding="utf-8") as file:
        for heart in range(n_hearts):
            patient = heart_of(heart)
            cine, plain = patient.cine(), None
            for ladder, (spoil, steps) in LADDERS.items():
                for rung, step in enumerate(steps):
                    if (ladder, step, heart) in known:
                        continue
                    if rung == 0 and plain is not None:
                        measured = plain
                    else:
                        rng = np.random.default_rng([heart, rung])
                        measured = travel(spoil(cine, step, rng), tower)
                    plain = measured if rung == 0 else plain
                    place = {"ladder": ladder, "step": step, "heart": heart}
                    truth = {"true_lvef_percent": patient.truth.lv_ef_percent}
                    file.write(json.dumps({**place, **truth, **measured}) + "\n")
                    file.flush()


def report(records, limit) -> None:
    """Print a row for every step."""
    print("| spoilt | step | LVEF error: mean absolute (bias), n | refused | flagged | by |")
    print("|---|---|---|---|---|---|")
    for ladder, (_, steps) in LADDERS.items():
        for step in steps:
            here = [r for r in records if (r["ladder"], r["step"]) == (ladder, step)]
            if not here:
                continue
            answers = [outcome(record, limit) for record in here]
            reported = [
                record["lvef_percent"] - record["true_lvef_percent"]
                for record, (answer, _) in zip(here, answers, strict=True)
                if answer != "refused"
            ]
            shares = [sum(a == one for a, _ in answers) for one in ("refused", "flagged")]
            by = Counter(layer for _, layer in answers if layer).most_common(2)
            print(
                f"| {ladder} | {step:g} | {_error(reported)} | {shares[0]} of {len(here)} "
                f"| {shares[1]} of {len(here)} | {', '.join(layer for layer, _ in by)} |"
            )


def _error(errors) -> str:
    if not errors:
        return "none reported"
    return f"{np.mean(np.abs(errors)):.1f} ({np.mean(errors):+.1f}), {len(errors)}"


if __name__ == "__main__":
    main()
