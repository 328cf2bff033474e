"""What beginning with pre-trained weights gains, by how many patients have contours.

    python -m tests.benchmarks.pretraining_gain OUT.jsonl --acdc DIR --recipe RECIPE
        --start pretrained=RUN/pretrained.pt [--start phantoms=RUN/checkpoint.pt]
        [--labelled 5 20] [--steps 300] [--seeds 3]

From each start, and from random weights, the recipe's network learns the contours of a few ACDC
patients, always the same number of steps on the same views; then Dice on the monitor patients,
whose images pre-training must not have seen either. Views centred on the drawn heart, no clean-up.
Each run is a line of OUT.jsonl; what is there is not run again.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.gate_rates import read
from worker.training.augment import Augmentation
from worker.training.batches import BatchMaker, ViewPolicy
from worker.training.beginning import read_beginning
from worker.training.cohorts import read_acdc, read_acdc_info
from worker.training.evaluate import patients_of
from worker.training.losses import segmentation_loss
from worker.training.monitor import dice_in_views
from worker.training.network import SegmentationNetwork
from worker.training.recipe import read_recipe
from worker.training.terms import ACDC

RATE, WARM_UP, BATCH = 1.5e-3, 20, 12
AUGMENTATION = Augmentation(full_circle=0.08, mirror=0.02, intensity=0.75)
POLICY = ViewPolicy(anywhere=0.12, flip_neighbours=0.05, drop_neighbours=0.05)
STRUCTURES = ("lv", "rv", "myocardium")


def main() -> None:
    """Train what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--acdc", required=True, type=Path)
    parser.add_argument("--recipe", required=True, type=Path)
    parser.add_argument("--start", action="append", default=[])
    parser.add_argument("--labelled", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    recipe = read_recipe(arguments.recipe)
    starts = {"random": None, **dict(one.split("=", 1) for one in arguments.start)}
    known = {(r["start"], r["labelled"], r["seed"], r["steps"]) for r in read(arguments.out)}
    judged = read_acdc(arguments.acdc, patients_of("monitor", arguments.acdc))
    for seed in range(arguments.seeds):
        for labelled in arguments.labelled:
            for start, path in starts.items():
                if (start, labelled, seed, arguments.steps) in known:
                    continue
                patients = few(arguments.acdc, labelled, seed)
                network = beginning(recipe.channels, path, seed)
                learn(network, read_acdc(arguments.acdc, patients), recipe, arguments.steps, seed)
                scores = [score(network, volume, recipe) for volume in judged]
                record = {
                    "start": start,
                    "labelled": labelled,
                    "seed": seed,
                    "steps": arguments.steps,
                    "dice": scores,
                }
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
    report(read(arguments.out), arguments.steps)


def few(acdc, n, seed):
    """Choose patients, as many of each group as there are of any other."""
    groups: dict[str, list[str]] = {}
    for patient in patients_of("training", acdc):
        groups.setdefault(read_acdc_info(acdc / patient).group, []).append(patient)
    rng = np.random.default_rng(seed)
    share = n // len(groups)
    return [str(p) for all_of in groups.values() for p in rng.permutation(all_of)[:share]]


def beginning(channels, path, seed):
    """Return random weights, or those of a file."""
    torch.manual_seed(seed)
    return SegmentationNetwork(channels) if path is None else read_beginning(Path(path)).network


def learn(network, volumes, recipe, steps, seed):
    """Train all weights; the rate rises, then falls along a cosine."""
    stage = recipe.stages[-1]
    maker = BatchMaker(
        {ACDC: volumes},
        {},
        {ACDC: 1.0},
        augmentation=AUGMENTATION,
        policy=POLICY,
        spacing_mm=stage.spacing_mm,
        seed=seed,
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=recipe.weight_decay)
    network.train()
    for step in range(steps):
        rate = RATE * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = maker.draw(BATCH, stage.crop)
        loss = segmentation_loss(network(batch.images), batch.labels, batch.lv_only)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
    network.eval()


def score(network, volume, recipe):
    """Return the Dice of each structure in one phase."""
    stage = recipe.stages[-1]
    dice = dice_in_views(network, [volume], spacing_mm=recipe.spacing_mm, size=stage.crop)
    return [dice[f"dice_{name}"] for name in STRUCTURES]


def report(records, steps):
    """Print Dice by start, and the difference to random weights with an interval over patients."""
    records = [record for record in records if record["steps"] == steps]
    for labelled in sorted({record["labelled"] for record in records}):
        by_start: dict[str, dict[int, np.ndarray]] = {}
        for record in records:
            if record["labelled"] == labelled:
                by_start.setdefault(record["start"], {})[record["seed"]] = np.array(record["dice"])
        for start, runs in by_start.items():
            seeds = sorted(runs.keys() & by_start["random"].keys())
            ours = np.stack([runs[seed] for seed in seeds])
            gain = (ours - np.stack([by_start["random"][seed] for seed in seeds])).mean(axis=(0, 2))
            low, high = interval(gain.reshape(-1, 2).mean(axis=1))
            means = ", ".join(
                f"{name} {value:.3f}"
                for name, value in zip(STRUCTURES, ours.mean(axis=(0, 1)), strict=True)
            )
            by_seed = ", ".join(f"{value:.3f}" for value in ours.mean(axis=(1, 2)))
            print(f"{labelled} patients, {start}: {means} (means by seed {by_seed})", end="; ")
            print(f"beside random {gain.mean():+.3f} ({low:+.3f} to {high:+.3f})")


def interval(values):
    """Return the 95 % bootstrap interval of a mean over patients."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    return np.percentile(means, [2.5, 97.5])


if __name__ == "__main__":
    main()
