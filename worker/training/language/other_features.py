"""Studies as towers of another training would describe them, for the ablations of that training.

``python -m worker.training.language.other_features --bundle FOLDER --acdc FOLDER --pretrained FILE
--out FOLDER`` writes three folders of the same ACDC patients, readable by `recognition_trial`: what
is pooled over the regions comes from the bundle's own tower (``labels``: it learnt from contours),
from the network of ``train pretrain`` (``pretrained``: it never saw one) or from one that learnt
nothing (``random``). Masks, shapes and measurements are those of the bundle's tower in all three.
"""

import argparse
import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import EllipsisType

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from plugin.domain.errors import ModelError
from worker.bundle import Bundle, load_bundle
from worker.bundle.manifest import ImageSpec
from worker.model.beat import opposite_phases
from worker.model.golden import open_verified
from worker.model.grid import Grid
from worker.model.intensity import scale_intensities
from worker.model.propagation import guide, middle_slice, outwards
from worker.model.regions import SHAPE_FEATURES, pool_regions
from worker.model.tower import LV_CAVITY, Progress, SegmentationTower, with_neighbours
from worker.model.types import Segmentation
from worker.training.beginning import read_beginning
from worker.training.cohorts import acdc_patients
from worker.training.language.study_data import LabelledStudy, acdc_study, write_study
from worker.training.network import N_CLASSES, SegmentationNetwork
from worker.volume.types import CineStack

Float32Array = npt.NDArray[np.float32]
Describe = Callable[[Float32Array], Float32Array]
"""Feature maps ``[n, map, row / 2, column / 2]`` of images ``[n, 9, row, column]``."""


def describe_by_network(network: SegmentationNetwork) -> Describe:
    """Return what a network of the training makes of images."""
    network.eval()

    def describe(images: Float32Array) -> Float32Array:
        with torch.inference_mode():
            features = network.scores_and_features(torch.from_numpy(images))[1]
        return np.asarray(features.numpy(), dtype=np.float32)

    return describe


def untrained(network: SegmentationNetwork, seed: int) -> SegmentationNetwork:
    """Return a network of the same sizes that learnt nothing."""
    torch.manual_seed(seed)
    fresh = copy.deepcopy(network)
    for layer in fresh.modules():
        if isinstance(layer, nn.Conv2d | nn.GroupNorm):
            layer.reset_parameters()
    return fresh


def describe_by_bundle(bundle: Bundle, threads: int = 0) -> Describe:
    """Return what the tower of a bundle makes of images, as it runs."""
    session = open_verified(bundle, "segmentation", "cpu", threads)
    return lambda images: session.run({"images": images})[1]


def described(
    describe: Describe, stack: CineStack, labels: npt.NDArray[np.uint8], image: ImageSpec
) -> Float32Array:
    """Pool a network's maps over masks that are known.

    The network is shown what the tower would show it at last: each phase beside the other end of
    the beat, and the mask of the slice before, in a window of the tower's size around the heart.

    Parameters
    ----------
    stack, labels
        A cine and its masks, ``[phase, slice, row, column]``.
    image
        How images become network input.

    Returns
    -------
    numpy.ndarray
        float32 ``[phase, slice, region, feature]`` as of `worker.model.regions.pool_regions`.
    """
    grid = Grid.of(stack, image.spacing_mm)
    one_hot = (labels[:, :, None] == np.arange(N_CLASSES)[:, None, None]).astype(np.float32)
    inside = _window(labels, grid, round(image.view_mm / image.spacing_mm))
    shares = _padded(grid.to_network(one_hot)[inside], image.multiple_of)
    images = _padded(grid.to_network(scale_intensities(stack.pixels))[inside], image.multiple_of)
    masks, views = shares.argmax(axis=2), with_neighbours(images)
    n_phases, n_slices = labels.shape[:2]
    cavity = (masks == LV_CAVITY).sum(axis=(1, 2, 3))
    opposite = opposite_phases(n_phases, list(range(n_phases)), cavity)
    regions: dict[int, Float32Array] = {}
    for z, neighbour in outwards(n_slices, middle_slice(masks)):
        known = np.zeros_like(masks[:, z]) if neighbour is None else masks[:, neighbour]
        shown = np.concatenate((views[:, z], views[opposite, z], guide(known)), axis=1)
        regions[z] = pool_regions(shares[:, z], describe(shown), image.spacing_mm)
    return np.stack([regions[z] for z in sorted(regions)], axis=1)


def _window(
    labels: npt.NDArray[np.uint8], grid: Grid, size: int
) -> tuple[EllipsisType, slice, slice]:
    """Return rows and columns of the network's grid around the heart."""
    anywhere = np.asarray((labels > 0).any(axis=(0, 1)), dtype=np.float32)
    heart = np.asarray(grid.to_network(anywhere) > 0)
    rows, columns = (np.asarray(heart.any(axis=axis)) for axis in (1, 0))
    return (..., _around(rows, size), _around(columns, size))


def _around(hit: npt.NDArray[np.bool_], size: int) -> slice:
    first, last = np.flatnonzero(hit)[[0, -1]]
    start = min(max(0, int(first + last + 1 - size) // 2), max(0, len(hit) - size))
    return slice(start, start + size)


def _padded(images: Float32Array, multiple: int) -> Float32Array:
    missing = [(0, -n % multiple) for n in images.shape[-2:]]
    return np.pad(images, [(0, 0)] * (images.ndim - 2) + missing)


class SeveralDescriptions(SegmentationTower):
    """The tower of a bundle, its regions described by several networks one after the other.

    Parameters
    ----------
    bundle, threads
        As for `SegmentationTower`.
    describes
        The networks; their maps follow each other, then come the shapes of the regions.
    """

    def __init__(self, bundle: Bundle, describes: Sequence[Describe], threads: int = 0) -> None:
        super().__init__(bundle, threads=threads)
        self._describes = describes

    def segment(self, stack: CineStack, on_progress: Progress | None = None) -> Segmentation:
        """Label a cine as the tower does, with the regions of all networks."""
        found = super().segment(stack, on_progress)
        image = self.bundle.manifest.image
        each = [described(one, stack, found.labels, image) for one in self._describes]
        maps = [regions[..., : -len(SHAPE_FEATURES)] for regions in each]
        shapes = each[0][..., -len(SHAPE_FEATURES) :]
        return replace(found, regions=np.concatenate((*maps, shapes), axis=-1))


def split(study: LabelledStudy, n_networks: int) -> list[LabelledStudy]:
    """Return a study of `SeveralDescriptions` as each network alone describes it."""
    regions = study.features.regions
    *maps, shapes = np.split(
        regions, _bounds(regions.shape[-1] - len(SHAPE_FEATURES), n_networks), axis=-1
    )
    return [
        replace(
            study, features=replace(study.features, regions=np.concatenate((one, shapes), axis=-1))
        )
        for one in maps
    ]


def _bounds(n_maps: int, n_networks: int) -> list[int]:
    return [n_maps // n_networks * (k + 1) for k in range(n_networks)]


def write_all(
    tower: SeveralDescriptions, acdc: Path, patients: Sequence[str], folders: Sequence[Path]
) -> list[str]:
    """Write each patient into the folder of each network; return those whom the tower refused.

    A patient who is in the last folder is done and is left alone.
    """
    refused = []
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for patient in patients:
        if (folders[-1] / f"{patient}.npz").exists():
            continue
        try:
            study = acdc_study(tower, acdc, patient)
        except ModelError:
            refused.append(patient)
            continue
        for one, folder in zip(split(study, len(folders)), folders, strict=True):
            write_study(one, folder)
    return refused


def _main() -> None:
    parser = argparse.ArgumentParser(description="Describe patients by towers of other training.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--acdc", type=Path, required=True)
    parser.add_argument("--pretrained", type=Path, required=True, help="of train pretrain")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the network that learnt nothing")
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    bundle, pretrained = load_bundle(given.bundle), read_beginning(given.pretrained).network
    describes = {
        "labels": describe_by_bundle(bundle, given.threads),
        "pretrained": describe_by_network(pretrained),
        "random": describe_by_network(untrained(pretrained, given.seed)),
    }
    tower = SeveralDescriptions(bundle, list(describes.values()), given.threads)
    refused = write_all(
        tower,
        given.acdc,
        [path.name for path in acdc_patients(given.acdc)],
        [given.out / name for name in describes],
    )
    print(json.dumps({"refused": refused}))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    _main()
