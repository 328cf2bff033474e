"""What ``train adapt`` does to generated hearts whose images look unlike the training's.

    python -m tests.benchmarks.site_adaptation --bundle BUNDLE --out DIR [--studies 12]

Writes studies whose grey values are washed out, shaded and noisy, adapts the bundle to them without
their truth, and compares both bundles with the truth of studies that neither saw: in the same look
and in the usual one. Generated hearts only: it says whether the machinery works, not how much a
hospital gains.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from worker.bundle import load_bundle
from worker.model.tower import SegmentationTower
from worker.phantom.cine import PhantomCine, Protocol
from worker.phantom.heart import HeartKind
from worker.phantom.study import GeneratedPatient, build_study, generate, write_study
from worker.training.evaluate import dice_coefficient, stack_from_array
from worker.training.site.adapt import Requirements, adapt
from worker.training.site.pseudo_labels import ConfidenceGate
from worker.training.site.run import SiteOptions

N_TRUTH = 4
STRUCTURES = {"LV": 3, "myocardium": 2, "RV": 1}
PROTOCOL = Protocol(
    n_phases=8, slice_distance_mm=10.0, pixel_mm=2.0, n_rows=112, n_columns=96, breath_hold_mm=0.0
)
_KINDS = (HeartKind.HEALTHY, HeartKind.DILATED, HeartKind.HYPERTROPHIC_SEPTAL)


def main() -> None:
    """Write, adapt, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--studies", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=4.0)
    arguments = parser.parse_args()
    folder = arguments.out / "studies"
    if not folder.exists():
        for seed in range(arguments.studies):
            patient = _patient(seed)
            instances = build_study(_odd(patient.cine(), seed), patient.study)
            write_study(instances, folder / f"s{seed}")
    parent = load_bundle(arguments.bundle)
    # The benchmark shows what happens to what passes; the odd look alone lowers confidence.
    required = Requirements(confident=4, gate=ConfidenceGate(0.8, 0.6, 0.75))
    options = SiteOptions("odd-site", "1.0.0", arguments.minutes, n_phantoms=160)
    site = arguments.out / "odd-site"
    found = adapt(parent, folder, site, arguments.out / "run", options, required, threads=1)
    print(f"sure of {found.n_confident} of {found.n_studies} studies")
    for row in found.manifest.evaluation.rows if found.manifest.evaluation else ():
        print(f"  {row.measure:<72} {row.value:.3f}")
    compare(parent.folder, site)


def compare(before: Path, after: Path) -> None:
    """Print Dice of two bundles on studies with known truth, in both looks."""
    cines = [_patient(1000 + seed).cine() for seed in range(N_TRUTH)]
    looks = {"odd look": [_odd(c, 1000 + k) for k, c in enumerate(cines)], "usual look": cines}
    for name, shown in looks.items():
        for when, folder in (("before", before), ("after", after)):
            tower = SegmentationTower(load_bundle(folder), threads=1)
            scores = np.array([_dice(tower, cine) for cine in shown])
            means = zip(STRUCTURES, scores.mean(axis=0), strict=True)
            said = ", ".join(f"{structure} {value:.3f}" for structure, value in means)
            print(f"{name}, {when}: {said}, worst LV {scores[:, 0].min():.3f}")


def _patient(seed: int) -> GeneratedPatient:
    return generate(_KINDS[seed % len(_KINDS)], seed, protocol=PROTOCOL)


def _odd(cine: PhantomCine, seed: int) -> PhantomCine:
    """Wash out, shade from one side and add noise."""
    rng = np.random.default_rng([seed, 77])
    pixels = cine.pixels.astype(np.float64)
    top = float(np.percentile(pixels, 99.5))
    grey = np.clip(pixels / top, 0.0, 1.5) ** 0.45
    across = np.linspace(0.45, 1.25, pixels.shape[-1])
    noisy = grey * across + rng.normal(0.0, 0.07, pixels.shape)
    return replace(cine, pixels=np.clip(noisy * 700.0, 0, 4095).astype(np.uint16))


def _dice(tower: SegmentationTower, cine: PhantomCine) -> list[float]:
    step = cine.protocol.pixel_mm
    stack = stack_from_array(
        cine.pixels.astype(np.float32), (step, step, cine.protocol.slice_distance_mm)
    )
    labels = tower.segment(stack).labels
    ends = [cine.ed_phase, cine.es_phase]
    return [
        float(np.mean([dice_coefficient(labels[p] == v, cine.labels[p] == v) for p in ends]))
        for v in STRUCTURES.values()
    ]


if __name__ == "__main__":
    main()
