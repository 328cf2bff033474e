"""Training batches: which slice is shown, where the view is centred, which others come with it.

Mixes the cohorts in the recipe's proportions. Each patient weighs alike; slices at the ends of the
labelled heart come more often, because base and apex are where volumes go wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from worker.model.propagation import N_GUIDE_CHANNELS, middle_slice
from worker.training.augment import Augmentation, sampling_grid, vary_intensities
from worker.training.cohorts import LabelledVolume
from worker.training.network import N_CLASSES, N_IMAGES, N_PHASES

PHANTOM_SPACING_MM = 1.5


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs ``[n, 9, row, column]``, labels int64 ``[n, row, column]``, ``lv_only`` bool [n]."""

    images: Tensor
    labels: Tensor
    lv_only: Tensor


@dataclass(frozen=True, slots=True)
class ReadySlices:
    """Slices of one phase, 1.5 mm pixels: images ``[n, 3, row, column]``, labels without the 3."""

    images: npt.NDArray[np.generic]
    labels: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ViewPolicy:
    """How views are placed and neighbours disturbed (probabilities per image)."""

    anywhere: float = 0.25
    offset_mm: float = 30.0
    flip_neighbours: float = 0.5
    drop_neighbours: float = 0.15
    drop_opposite: float = 0.25
    drop_guide: float = 0.25
    spoil_guide: float = 0.5
    end_slice_weight: float = 2.0
    unlabelled_slice_weight: float = 1.5


class BatchMaker:
    """Draws batches; everything random comes from the one seed.

    Parameters
    ----------
    cohorts
        Labelled volumes by cohort name.
    ready
        Slices that need no sampling from a stack, by cohort name.
    mix
        Share of each cohort name in a batch.
    spacing_mm
        Pixel size of the views.
    """

    def __init__(
        self,
        cohorts: Mapping[str, Sequence[LabelledVolume]],
        ready: Mapping[str, ReadySlices],
        mix: Mapping[str, float],
        *,
        augmentation: Augmentation,
        policy: ViewPolicy,
        seed: int,
        spacing_mm: float = 1.5,
    ) -> None:
        self._spacing_mm = spacing_mm
        self._cohorts = {name: _by_patient(cohorts[name]) for name in mix if cohorts.get(name)}
        self._ready = {name: ready[name] for name in mix if name in ready}
        known = [n for n in mix if n in self._cohorts or n in self._ready]
        shares = np.array([mix[n] for n in known], dtype=np.float64)
        self._names, self._shares = known, shares / shares.sum()
        self._augmentation, self._policy = augmentation, policy
        self._seed = seed
        self.reseed(0)
        self._centres: dict[int, tuple[float, float]] = {}
        self._middles: dict[int, int] = {}
        self._weights: dict[int, npt.NDArray[np.float64]] = {}

    def reseed(self, stream: int) -> None:
        """Begin another stream of chance, so that copies of a maker draw other batches."""
        seed = self._seed if not stream else hash((self._seed, stream)) % 2**31
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def names(self) -> tuple[str, ...]:
        """Cohorts that are there and can be drawn."""
        return tuple(self._names)

    def draw(self, n: int, size: int) -> Batch:
        """Draw ``n`` views of ``size`` x ``size`` pixels."""
        images = torch.empty(n, N_IMAGES, size, size)
        guides = torch.zeros(n, N_GUIDE_CHANNELS, size, size)
        labels = torch.empty(n, size, size, dtype=torch.int64)
        lv_only = torch.zeros(n, dtype=torch.bool)
        for k, name in enumerate(self._rng.choice(self._names, size=n, p=self._shares)):
            if name in self._ready:
                images[k], labels[k], guides[k] = self._ready_view(self._ready[name], size)
                continue
            patients = self._cohorts[name]
            volumes = patients[int(self._rng.integers(len(patients)))]
            volume = volumes[int(self._rng.integers(len(volumes)))]
            images[k], labels[k], guides[k] = self._view(volume, size)
            lv_only[k] = volume.lv_only
        varied = vary_intensities(images, self._augmentation, self._generator)
        return Batch(torch.cat((varied, guides), dim=1), labels, lv_only)

    def _view(self, volume: LabelledVolume, size: int) -> tuple[Tensor, Tensor, Tensor]:
        weights = self._slice_weights(volume)
        z = int(self._rng.choice(len(weights), p=weights))
        picked = self._neighbours(z, len(weights))
        opposite = volume.opposite
        if opposite is None or self._rng.random() < self._policy.drop_opposite:
            opposite = volume.images
        shown = np.concatenate((volume.images[picked], opposite[picked]))
        stack = torch.from_numpy(shown)[None]
        guiding = self._guiding(volume, z)
        nothing = np.zeros_like(volume.labels[z])
        return self._sample(
            stack,
            volume.labels[z],
            nothing if guiding is None else volume.labels[guiding],
            volume.spacing_mm,
            self._centre(volume),
            size,
        )

    def _guiding(self, volume: LabelledVolume, z: int) -> int | None:
        """Return the neighbour whose labels are given, as if the middle were a slice off."""
        if volume.lv_only or self._rng.random() < self._policy.drop_guide:
            return None
        if id(volume) not in self._middles:
            self._middles[id(volume)] = middle_slice(volume.labels)
        middle = self._middles[id(volume)] + int(self._rng.integers(-1, 2))
        neighbour = z + (z < middle) - (z > middle)
        return neighbour if neighbour != z and 0 <= neighbour < len(volume.labels) else None

    def _spoilt(self, guide: Tensor) -> Tensor:
        """Give a guide ``[3, row, column]`` the errors that a network's answer has."""
        if self._rng.random() >= self._policy.spoil_guide:
            return guide
        reach = 8 if self._rng.random() < 0.1 else 2  # noqa: PLR2004 - now and then far off
        shift = [int(v) for v in self._rng.integers(-reach, reach + 1, size=2)]
        guide = guide.roll(shift, dims=(1, 2))
        k = int(self._rng.integers(3 * N_GUIDE_CHANNELS))
        if k < N_GUIDE_CHANNELS:
            guide[k] = 0.0
        elif k < 2 * N_GUIDE_CHANNELS:
            k -= N_GUIDE_CHANNELS
            larger = functional.max_pool2d(guide[None, k : k + 1], 3, stride=1, padding=1)[0]
            guide = guide * (1.0 - larger)
            guide[k] = larger[0]
        return guide

    def _ready_view(self, ready: ReadySlices, size: int) -> tuple[Tensor, Tensor, Tensor]:
        k = int(self._rng.integers(len(ready.images)))
        stack = torch.from_numpy(ready.images[k].astype(np.float32)).repeat(N_PHASES, 1, 1)[None]
        labels = ready.labels[k]
        spacing_mm = (PHANTOM_SPACING_MM, PHANTOM_SPACING_MM)
        return self._sample(stack, labels, np.zeros_like(labels), spacing_mm, _middle(labels), size)

    def _sample(
        self,
        stack: Tensor,
        labels: npt.NDArray[np.uint8],
        guide: npt.NDArray[np.uint8],
        spacing_mm: tuple[float, float],
        heart: tuple[float, float],
        size: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        centre = self._view_centre(heart, labels.shape, spacing_mm)
        grid = sampling_grid(
            size,
            self._spacing_mm,
            (labels.shape[0], labels.shape[1]),
            spacing_mm,
            centre,
            self._augmentation,
            self._generator,
        )
        truth = torch.from_numpy(np.stack((labels, guide)).astype(np.int64))
        one_hot = functional.one_hot(truth, N_CLASSES).movedim(-1, 1).float()
        image = functional.grid_sample(stack, grid, padding_mode="zeros", align_corners=False)
        # background first and a hair heavier, so that outside the field nothing else can win
        both = grid.expand(2, -1, -1, -1)
        soft = functional.grid_sample(one_hot, both, padding_mode="zeros", align_corners=False)
        soft[:, 0] += 1e-3
        found, guiding = soft.argmax(dim=1)
        channels = functional.one_hot(guiding, N_CLASSES).movedim(-1, 0)[1:].float()
        return image[0], found, self._spoilt(channels)

    def _view_centre(
        self,
        heart: tuple[float, float],
        shape: tuple[int, ...],
        spacing_mm: tuple[float, float],
    ) -> tuple[float, float]:
        if self._rng.random() < self._policy.anywhere:
            return float(self._rng.uniform(0, shape[0])), float(self._rng.uniform(0, shape[1]))
        offset = self._rng.uniform(-1, 1, size=2) * self._policy.offset_mm
        return heart[0] + offset[0] / spacing_mm[0], heart[1] + offset[1] / spacing_mm[1]

    def _neighbours(self, z: int, n_slices: int) -> list[int]:
        below, above = max(z - 1, 0), min(z + 1, n_slices - 1)
        if self._rng.random() < self._policy.flip_neighbours:
            below, above = above, below
        drop = self._rng.random(2) < self._policy.drop_neighbours
        return [z if drop[0] else below, z, z if drop[1] else above]

    def _slice_weights(self, volume: LabelledVolume) -> npt.NDArray[np.float64]:
        if id(volume) not in self._weights:
            drawn = volume.labels.any(axis=(1, 2))
            weights = np.where(drawn, 1.0, self._policy.unlabelled_slice_weight)
            (inside,) = np.nonzero(drawn)
            if len(inside):
                weights[[inside[0], inside[-1]]] = self._policy.end_slice_weight
            self._weights[id(volume)] = weights / weights.sum()
        return self._weights[id(volume)]

    def _centre(self, volume: LabelledVolume) -> tuple[float, float]:
        if id(volume) not in self._centres:
            self._centres[id(volume)] = _middle(volume.labels.max(axis=0))
        return self._centres[id(volume)]


def _by_patient(volumes: Sequence[LabelledVolume]) -> list[list[LabelledVolume]]:
    grouped: dict[str, list[LabelledVolume]] = {}
    for volume in volumes:
        grouped.setdefault(volume.patient, []).append(volume)
    return list(grouped.values())


def _middle(labels: npt.NDArray[np.uint8]) -> tuple[float, float]:
    rows, columns = np.nonzero(labels)
    if not len(rows):
        return labels.shape[0] / 2, labels.shape[1] / 2
    return (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
