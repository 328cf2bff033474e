"""Whether maps of occlusion depend on what the network has learnt: a control with other weights.

    python -m tests.benchmarks.randomised_weights [--bundle acdc-unet] [--seeds 3]

A patch of 12 pixels (18 mm) after the other is hidden in the middle slice of a generated heart, at
end-diastole and end-systole; the map is how far the mean probability of LV cavity, where the
released network sees cavity, moves. The same map is made by networks whose weights were shuffled
within their layers, from the last layer backwards. A map that stays alike shows the picture, not
the network (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018). No network looks far
from a pixel, so patches far from the cavity move nothing with any weights, and maps of the whole
field are alike for that alone: the columns "heart" compare patches with heart in them only. The
last column is the LV volume that the product would measure, and so explain, with such a network.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from scipy.stats import spearmanr

from plugin.domain.errors import ModelError
from tests.worker.explain.validation import example
from worker.bundle import load_bundle
from worker.explain.occlusion import look
from worker.model.grid import Grid
from worker.model.intensity import scale_intensities
from worker.model.sessions import GraphSession
from worker.model.tower import LV_CAVITY, SegmentationTower, with_neighbours

PATCH_PX = 12
CENTRE = 1  # of the slices that the network is shown
HEARTS = (("dilated", 3), ("healthy", 5))
VALUE = "lv_end_diastolic_volume"


def main() -> None:
    """Print a row for every number of shuffled layers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle or None)
    layers = layers_from_the_last(bundle)
    tower = SegmentationTower(bundle, threads=1)
    beats = [example(*heart).beat for heart in HEARTS]
    released = [patch_map(tower, beat) for beat in beats]
    print(
        "| layers shuffled | Spearman, field | Spearman, heart | similarity, heart | volume, ml |"
    )
    print("|---|---|---|---|---|")
    volumes = [value(tower, beat) for beat in beats]
    print(f"| none | 1 | 1 | 1 | {listed(volumes)} |", flush=True)
    for n_layers in sorted({1, 3, 6, len(layers) // 2, len(layers)}):
        field, heart, structure, volumes = [], [], [], []
        for seed in range(arguments.seeds):
            other = shuffled(bundle, layers[:n_layers], seed)
            for beat, (own, cavity, on_heart) in zip(beats, released, strict=True):
                moved, *_ = patch_map(other, beat, cavity)
                field.append(rank_likeness(own, moved))
                heart.append(rank_likeness(own[on_heart], moved[on_heart]))
                structure.append(similarity(own[on_heart], moved[on_heart]))
                volumes.append(value(other, beat))
        shares = " | ".join(spread(one) for one in (field, heart, structure))
        print(f"| {n_layers} of {len(layers)} | {shares} | {listed(volumes)} |", flush=True)


def layers_from_the_last(bundle) -> list[str]:
    """Names of the convolutions' weights, the last layer first."""
    model = onnx.load(bundle.folder / bundle.manifest.graph("segmentation").file)
    return [one.name for one in model.graph.initializer if one.name.endswith(".weight")][::-1]


def shuffled(bundle, names, seed) -> SegmentationTower:
    """Return the tower with the weights of some layers in another order."""
    spec = bundle.manifest.graph("segmentation")
    model = onnx.load(bundle.folder / spec.file)
    rng = np.random.default_rng(seed)
    for one in model.graph.initializer:
        if one.name in names:
            weights = numpy_helper.to_array(one)
            moved = rng.permutation(weights.reshape(-1)).reshape(weights.shape)
            one.CopyFrom(numpy_helper.from_array(moved, one.name))
    tower = SegmentationTower(bundle, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shuffled.onnx"
        onnx.save(model, path)
        tower._session = GraphSession(path, spec, "cpu", 1)
    return tower


def patch_map(tower, beat, cavity=None):
    """Return the map ``[patch row, patch column]``, where cavity is, and which patches hold heart.

    Parameters
    ----------
    cavity
        bool ``[row, column]``; None: where this network sees it.
    """
    grid = Grid.of(beat.stack, tower.bundle.manifest.image.spacing_mm)
    views = with_neighbours(grid.to_network(scale_intensities(beat.stack.pixels)))
    middle = views.shape[1] // 2
    shown = views[:, middle]  # [phase, 3, row, column]
    p, _ = tower._look(shown[:1], shown[1:])
    seen = p[0].argmax(axis=0)
    cavity = seen == LV_CAVITY if cavity is None else cavity
    before = p[0, LV_CAVITY][cavity].mean()
    n_rows, n_columns = (size // PATCH_PX for size in shown.shape[-2:])
    moved, on_heart = np.zeros((n_rows, n_columns)), np.zeros((n_rows, n_columns), dtype=bool)
    for row, column in np.ndindex(n_rows, n_columns):
        inside = np.s_[
            :,
            CENTRE,
            row * PATCH_PX : (row + 1) * PATCH_PX,
            column * PATCH_PX : (column + 1) * PATCH_PX,
        ]
        on_heart[row, column] = (seen[inside[2:]] > 0).any()
        hidden = shown.copy()
        hidden[inside] = hidden[inside].mean(axis=(1, 2), keepdims=True)
        after, _ = tower._look(hidden[:1], hidden[1:])
        moved[row, column] = abs(after[0, LV_CAVITY][cavity].mean() - before)
    return moved, cavity, on_heart


def value(tower, beat) -> float | None:
    """Return what the product would explain."""
    try:
        seen = look(tower, beat)
    except ModelError:
        return None
    return None if seen is None else seen.value(VALUE)


def rank_likeness(one, other) -> float:
    """Spearman's correlation of two maps; 0 where one of them is flat."""
    found = spearmanr(one.reshape(-1), other.reshape(-1)).statistic
    return 0.0 if np.isnan(found) else float(found)


def similarity(one, other) -> float:
    """Structural similarity of two maps, each scaled to 0..1, in one window (Wang et al., 2004)."""
    a, b = (m / m.max() if m.max() > 0 else m for m in (one, other))
    c1, c2 = 0.01**2, 0.03**2
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    bright = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
    return float(bright * (2 * covariance + c2) / (a.var() + b.var() + c2))


def listed(volumes) -> str:
    """``301, 120, no heart``."""
    return ", ".join("no heart" if one is None else f"{one:.0f}" for one in volumes)


def spread(values) -> str:
    """``0.12 (-0.10 to 0.31)``: mean, lowest, highest."""
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
