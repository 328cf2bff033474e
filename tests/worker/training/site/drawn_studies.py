"""A small bundle and drawn studies, as a hospital's folder would give them; no generator runs."""

from pathlib import Path

import numpy as np
import torch

from tests.worker.training.hearts import drawn_volume
from worker.model.intensity import scale_intensities
from worker.model.types import Segmentation
from worker.training.evaluate import stack_from_array
from worker.training.export import BundleText, write_bundle
from worker.training.network import SegmentationNetwork
from worker.training.site.studies import SiteStudy
from worker.training.terms import terms_of

CHANNELS = (8, 8, 8, 8, 8)
SPACING_MM = (1.5, 1.5, 10.0)
N_PHASES = 4


def small_network(seed=0):
    torch.manual_seed(seed)
    network = SegmentationNetwork(CHANNELS).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.GroupNorm):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.uniform_(-0.5, 0.5)
    return network


def write_parent(folder, cohorts=("phantom",)):
    text = BundleText(
        folder.name,
        "1.0.0",
        "Nothing.",
        "none",
        spacing_mm=1.5,
        view_mm=72.0,
        terms=terms_of(cohorts),
    )
    write_bundle(small_network(), folder, text)
    return folder


def drawn_study(seed=0, folders=()):
    """Return a study and its labels ``[phase, slice, row, column]``; the LV empties and fills."""
    volume = drawn_volume(seed, n_slices=5)
    labels = np.stack([volume.labels] * N_PHASES)
    labels[2][labels[2] == 3] = np.where(np.arange((labels[2] == 3).sum()) % 3, 2, 3)
    pixels = np.stack([volume.images] * N_PHASES)
    stack = stack_from_array(pixels, SPACING_MM)
    images = scale_intensities(pixels)
    found = SiteStudy(
        f"study-{seed}", f"patient-{seed}", stack, images, tuple(Path(f) for f in folders)
    )
    return found, labels


class DrawnTower:
    """Knows the contours of drawn studies by their size; its doubts are given."""

    def __init__(self, labels, confidence=0.95, mistake=0):
        self._labels, self._confidence, self._mistake = labels, confidence, mistake
        self.n_looks = 0

    def segment(self, stack, on_progress=None):
        del on_progress
        self.n_looks += 1
        labels = self._labels[: stack.n_phases].copy()
        if stack.n_phases == 2:
            labels = self._labels[[0, 2]].copy()
            labels[..., : self._mistake] = 0
            labels = np.roll(labels, self._mistake, axis=-1)
        confidence = np.full(labels.shape[:2], self._confidence, np.float32)
        return Segmentation(labels, confidence)
