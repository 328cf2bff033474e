"""The vision tower: a cine in, labels of every phase and slice out.

It finds the heart itself, in the whole field, and never trusts the image centre; then it looks at
it in a window. A first look at a few phases tells full from empty and where the middle of the
ventricle is. From there it goes slice by slice to base and apex, showing the network each phase
beside the other end of the beat and what it found in the slice before. Everything is done at the
network's pixel size; the probabilities, not the labels, are resampled back. It measures nothing
(`worker.findings`).

The window is as large as the views the network learnt from (``image.view_mm`` of the manifest):
GroupNorm takes its statistics from all that is shown, so a larger field moves the contours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.beat import opposite_phases, phases_near_ends, phases_to_look_at
from worker.model.clean import clean_heart, drop_lonely_islands
from worker.model.golden import open_verified
from worker.model.grid import Grid, Window
from worker.model.intensity import scale_intensities
from worker.model.propagation import N_GUIDE_CHANNELS, guide, middle_slice, outwards
from worker.model.regions import pool_regions
from worker.model.resample import Float32Array, resample
from worker.model.sessions import Device
from worker.model.turned import turned
from worker.model.types import Segmentation
from worker.volume.types import CineStack

Progress = Callable[[float], None]

LV_CAVITY = 3
SMALLEST_MARGIN_MM = 8.0
_LOCALISER_PHASES = (0.0, 0.35)
_SMALLEST_HEART_MM2 = 150.0
_SMALLEST_HEART_SLICES = 2
_BATCH_PIXELS = 16 * 160 * 160
_LOCALISER_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class _Beat:
    """What a first look tells.

    Attributes
    ----------
    opposite
        The phase that each is shown beside.
    middle
        The slice at mid-ventricle.
    ends
        Phases near end-diastole and end-systole.
    """

    opposite: list[int]
    middle: int
    ends: list[int]


class SegmentationTower:
    """Runs the segmentation graph of a bundle over cines.

    Parameters
    ----------
    bundle
        A verified bundle with a segmentation graph.
    device
        ``"cpu"`` or ``"cuda"``.
    threads
        CPU threads, 0 for all.

    Raises
    ------
    ModelError
        The graph is not usable or fails its golden run.
    ConfigurationError
        The runtime or the device is missing.
    """

    def __init__(self, bundle: Bundle, device: Device = "cpu", threads: int = 0) -> None:
        self.bundle = bundle
        self._session = open_verified(bundle, "segmentation", device, threads)
        spec = bundle.manifest.graph("segmentation")
        self._input_name = spec.inputs[0].name if spec else ""
        self._spacing_mm = bundle.manifest.image.spacing_mm
        self._both_ends = bundle.manifest.image.phases == 2  # noqa: PLR2004 - systole and diastole
        self._propagates = bundle.manifest.image.propagates
        self._turns_degrees = bundle.manifest.image.turns_degrees
        self._multiple = bundle.manifest.image.multiple_of
        self._view_px = round(bundle.manifest.image.view_mm / self._spacing_mm)

    def segment(self, stack: CineStack, on_progress: Progress | None = None) -> Segmentation:
        """Label every phase and slice of a cine.

        Parameters
        ----------
        stack
            Any number of phases (also one) and slices.
        on_progress
            Called with the share that is done, 0 to 1.

        Raises
        ------
        ModelError
            ``HEART_NOT_FOUND``: the network sees no heart anywhere.
        """
        tell = on_progress or _silent
        grid = Grid.of(stack, self._spacing_mm)
        images = grid.to_network(scale_intensities(stack.pixels))
        window = self._find_heart(images)
        tell(_LOCALISER_SHARE)
        way_back = grid.way_back(window)
        views = with_neighbours(images[_inside(window)])
        beat = self._first_look(views)
        found = np.zeros((*views.shape[:2], *views.shape[3:]), dtype=np.uint8)
        confidence = np.ones(stack.pixels.shape[:2], dtype=np.float32)
        inside = np.zeros((*views.shape[:2], *way_back.shape), dtype=np.uint8)
        regions: dict[int, Float32Array] = {}
        for n_done, (z, neighbour) in enumerate(outwards(stack.n_slices, beat.middle), start=1):
            known = np.zeros_like(found[:, z]) if neighbour is None else found[:, neighbour]
            shown = views[:, z], views[beat.opposite, z], guide(known)
            p, features = self._look(*shown)
            p[beat.ends] = self._looked_again(p[beat.ends], *(one[beat.ends] for one in shown))
            found[:, z] = p.argmax(axis=1)
            if features is not None:
                regions[z] = pool_regions(p, features, self._spacing_mm)
            confidence[:, z] = _confidence(p)
            back = resample(p, way_back.row_matrix, way_back.column_matrix)
            inside[:, z] = back.argmax(axis=1)
            tell(_LOCALISER_SHARE + (1 - _LOCALISER_SHARE) * n_done / stack.n_slices)
        labels = np.zeros(stack.pixels.shape, dtype=np.uint8)
        cleaned = np.stack([clean_heart(phase) for phase in inside])
        labels[:, :, way_back.rows, way_back.columns] = drop_lonely_islands(cleaned)
        if not labels.any():
            raise ModelError(Reason.HEART_NOT_FOUND)
        pooled = np.stack([regions[z] for z in sorted(regions)], axis=1) if regions else None
        return Segmentation(labels, confidence, pooled)

    def feature_maps(self, images: Float32Array) -> Float32Array | None:
        """Return the network's feature maps of single images, whatever they show of a heart.

        Parameters
        ----------
        images
            ``[image, row, column]`` at the network's pixel size, scaled as network input.

        Returns
        -------
        numpy.ndarray or None
            ``[image, map, row / 2, column / 2]``, rounded up; None where the network gives none.
        """
        return self._look(with_neighbours(images[:, None])[:, 0])[1]

    def _first_look(self, views: Float32Array) -> _Beat:
        """Look at a few phases, each alone, where the network wants to know more than a slice."""
        n_phases, n_slices = views.shape[:2]
        if not (self._both_ends or self._propagates):
            return _Beat(list(range(n_phases)), n_slices // 2, [])
        looked_at = phases_to_look_at(n_phases)
        found = np.stack([self._look(views[phase])[0].argmax(axis=1) for phase in looked_at])
        cavity = (found == LV_CAVITY).sum(axis=(1, 2, 3))
        return _Beat(
            opposite_phases(n_phases, looked_at, cavity),
            middle_slice(found),
            phases_near_ends(n_phases, looked_at, cavity),
        )

    def _looked_again(
        self,
        p: Float32Array,
        views: Float32Array,
        opposite: Float32Array,
        guided: Float32Array,
    ) -> Float32Array:
        """Return the mean of the probabilities ``p`` found in views and of those in turned ones."""
        looks = [p]
        for degrees in self._turns_degrees:
            seen, _ = self._look(*(turned(one, degrees) for one in (views, opposite, guided)))
            looks.append(turned(seen, -degrees))
        return np.asarray(np.mean(looks, axis=0), dtype=np.float32)

    def _find_heart(self, images: Float32Array) -> Window:
        """Look at the whole field in a few phases, then again at the window that this gives."""
        _, _, n_rows, n_columns = images.shape
        everything = window = Window(0, n_rows, 0, n_columns)
        for _ in range(2):
            heart = self._largest_part(images, window)
            if heart is None:
                return everything
            rows, columns = (np.nonzero(heart.any(axis=axes))[0] for axes in ((0, 2), (0, 1)))
            window = Window(*self._span(rows, n_rows), *self._span(columns, n_columns))
        return window

    def _largest_part(self, images: Float32Array, window: Window) -> npt.NDArray[np.bool_] | None:
        """Return where the heart is, ``[slice, row, column]``; None when two places compete."""
        n_phases = len(images)
        phases = sorted({round(share * (n_phases - 1)) for share in _LOCALISER_PHASES})
        seen = np.zeros(images.shape[1:], dtype=bool)
        inside = _inside(window)
        for phase in phases:
            views = with_neighbours(images[phase][inside])
            seen[inside] |= self._look(views)[0].argmax(axis=1) > 0
        parts, n = ndimage.label(seen)
        if n == 0:
            raise ModelError(Reason.HEART_NOT_FOUND)
        sizes = np.bincount(parts.reshape(-1))
        sizes[0] = 0
        heart = np.asarray(parts == int(sizes.argmax()))
        area_px = _SMALLEST_HEART_MM2 / self._spacing_mm**2
        unclear = int((heart.sum(axis=(1, 2)) > area_px).sum()) < min(
            _SMALLEST_HEART_SLICES, images.shape[1]
        )
        return None if unclear or sizes.max() < 0.5 * sizes.sum() else heart

    def _span(self, hit: npt.NDArray[np.intp], n: int) -> tuple[int, int]:
        """Return where a window of the network's view size, or of a larger heart's, lies."""
        first, last = int(hit[0]), int(hit[-1]) + 1
        margin = round(SMALLEST_MARGIN_MM / self._spacing_mm)
        size = max(self._view_px, last - first + 2 * margin)
        start = min(max(0, (first + last - size) // 2), max(0, n - size))
        return start, min(n, start + size)

    def _look(
        self,
        views: Float32Array,
        opposite: Float32Array | None = None,
        guided: Float32Array | None = None,
    ) -> tuple[Float32Array, Float32Array | None]:
        """Run the network.

        Parameters
        ----------
        views
            ``[n, 3, row, column]``: slice z-1, z, z+1.
        opposite
            The same at the other end of the beat; the phase itself when None.
        guided
            What was found in a neighbouring slice, ``[n, 3, row, column]``; nothing when None.

        Returns
        -------
        tuple
            Class probabilities ``[n, class, row, column]``, and features ``[n, feature, row / 2,
            column / 2]`` if the network gives any.
        """
        n_rows, n_columns = views.shape[2:]
        shown = [views]
        if self._both_ends:
            shown.append(views if opposite is None else opposite)
        if self._propagates:
            nothing = np.zeros((len(views), N_GUIDE_CHANNELS, n_rows, n_columns), np.float32)
            shown.append(nothing if guided is None else guided)
        inputs = np.concatenate(shown, axis=1)
        pad = ((0, self._missing(n_rows)), (0, self._missing(n_columns)))
        inputs = np.pad(inputs, ((0, 0), (0, 0), *pad))
        size = max(1, _BATCH_PIXELS // (inputs.shape[2] * inputs.shape[3]))
        parts = [
            self._session.run({self._input_name: inputs[k : k + size]})
            for k in range(0, len(inputs), size)
        ]
        scores, *more = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        features = more[0][:, :, : (n_rows + 1) // 2, : (n_columns + 1) // 2] if more else None
        return _softmax(scores[:, :, :n_rows, :n_columns]), features

    def _missing(self, n: int) -> int:
        """Pixels to add, as air, up to the view size and to what the graph can divide."""
        size = max(n, self._view_px)
        return size - n + -size % self._multiple


def with_neighbours(images: Float32Array) -> Float32Array:
    """Put each slice between its neighbours; the outermost ones stand in for those they lack.

    Parameters
    ----------
    images
        ``[..., slice, row, column]``.

    Returns
    -------
    numpy.ndarray
        ``[..., slice, 3, row, column]``: slice z-1, z, z+1.
    """
    order = np.arange(images.shape[-3])
    below, above = np.maximum(order - 1, 0), np.minimum(order + 1, order[-1])
    around = [images[..., picked, :, :] for picked in (below, order, above)]
    return np.stack(around, axis=-3)


def _inside(window: Window) -> tuple[EllipsisType, slice, slice]:
    return (..., slice(window.top, window.bottom), slice(window.left, window.right))


def _softmax(scores: Float32Array) -> Float32Array:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def _confidence(p: Float32Array) -> Float32Array:
    """Mean probability of the chosen class where any heart is at all likely, ``[slice]``."""
    near = p[:, 0] < 0.95  # noqa: PLR2004 - at least a hint of heart
    certain = p.max(axis=1)
    n = near.sum(axis=(1, 2))
    mean = (certain * near).sum(axis=(1, 2)) / np.maximum(n, 1)
    return np.asarray(np.where(n > 0, mean, 1.0), dtype=np.float32)


def _silent(_fraction: float) -> None:
    """Tell nobody."""
