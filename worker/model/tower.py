"""The vision tower: a cine in, labels of every phase and slice out.

It finds the heart itself, in the whole field, and never trusts the image centre; then it looks at
every phase in a window around it. Everything is done at the network's pixel size; the
probabilities, not the labels, are resampled back. It measures nothing (`worker.findings`).

The window is as large as the views the network learnt from (``image.view_mm`` of the manifest):
GroupNorm takes its statistics from all that is shown, so a larger field moves the contours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.clean import clean_heart, drop_lonely_islands
from worker.model.golden import open_verified
from worker.model.intensity import scale_intensities
from worker.model.resample import resample, resampled_size, resampling_matrix
from worker.model.sessions import Device
from worker.model.types import Segmentation
from worker.volume.types import CineStack

Float32Array = npt.NDArray[np.float32]
Progress = Callable[[float], None]

SMALLEST_MARGIN_MM = 8.0
_LOCALISER_PHASES = (0.0, 0.35)
_SMALLEST_HEART_MM2 = 150.0
_SMALLEST_HEART_SLICES = 2
_BATCH_PIXELS = 16 * 160 * 160
_LOCALISER_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """Rows and columns of the network grid, end excluded."""

    top: int
    bottom: int
    left: int
    right: int


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
        grid = _Grid.of(stack, self._spacing_mm)
        images = grid.to_network(scale_intensities(stack.pixels))
        window = self._find_heart(images)
        tell(_LOCALISER_SHARE)
        way_back = grid.way_back(window)
        confidence = np.ones(stack.pixels.shape[:2], dtype=np.float32)
        inside: list[npt.NDArray[np.uint8]] = []
        for phase in range(stack.n_phases):
            p = self._probabilities(images[phase], window)
            confidence[phase] = _confidence(p)
            likeliest = resample(p, way_back.row_matrix, way_back.column_matrix).argmax(axis=1)
            inside.append(clean_heart(likeliest.astype(np.uint8)))
            done = (phase + 1) / stack.n_phases
            tell(_LOCALISER_SHARE + (1 - _LOCALISER_SHARE) * done)
        labels = np.zeros(stack.pixels.shape, dtype=np.uint8)
        labels[:, :, way_back.rows, way_back.columns] = drop_lonely_islands(np.stack(inside))
        if not labels.any():
            raise ModelError(Reason.HEART_NOT_FOUND)
        return Segmentation(labels, confidence)

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
        inside = np.s_[:, window.top : window.bottom, window.left : window.right]
        for phase in phases:
            seen[inside] |= self._probabilities(images[phase], window).argmax(axis=1) > 0
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

    def _probabilities(self, slices: Float32Array, window: Window) -> Float32Array:
        """Class probabilities ``[slice, class, row, column]`` of one phase inside the window."""
        crop = slices[:, window.top : window.bottom, window.left : window.right]
        n_rows, n_columns = crop.shape[1:]
        pad_rows, pad_columns = self._missing(n_rows), self._missing(n_columns)
        padded = np.pad(crop, ((0, 0), (0, pad_rows), (0, pad_columns)))
        order = np.arange(len(crop))
        below, above = np.maximum(order - 1, 0), np.minimum(order + 1, len(crop) - 1)
        inputs = np.stack((padded[below], padded, padded[above]), axis=1)
        size = max(1, _BATCH_PIXELS // (inputs.shape[2] * inputs.shape[3]))
        scores = np.concatenate(
            [
                self._session.run({self._input_name: inputs[k : k + size]})[0]
                for k in range(0, len(inputs), size)
            ]
        )
        return _softmax(scores[:, :, :n_rows, :n_columns])

    def _missing(self, n: int) -> int:
        """Pixels to add, as air, up to the view size and to what the graph can divide."""
        size = max(n, self._view_px)
        return size - n + -size % self._multiple


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The way from a stack's pixels to the network's and back."""

    n_rows: int
    n_columns: int
    row_ratio: float
    column_ratio: float

    @classmethod
    def of(cls, stack: CineStack, spacing_mm: float) -> "_Grid":
        _, _, n_rows, n_columns = stack.pixels.shape
        return cls(
            n_rows,
            n_columns,
            spacing_mm / stack.row_spacing_mm,
            spacing_mm / stack.column_spacing_mm,
        )

    def to_network(self, pixels: Float32Array) -> Float32Array:
        rows = resampled_size(self.n_rows, 1.0, self.row_ratio)
        columns = resampled_size(self.n_columns, 1.0, self.column_ratio)
        return resample(
            pixels,
            resampling_matrix(self.n_rows, rows, self.row_ratio),
            resampling_matrix(self.n_columns, columns, self.column_ratio),
        )

    def way_back(self, window: Window) -> "_WayBack":
        """Return how values inside a window get to the stack's pixels under it."""
        row_matrix, rows = _back(self.n_rows, self.row_ratio, window.top, window.bottom)
        column_matrix, columns = _back(self.n_columns, self.column_ratio, window.left, window.right)
        return _WayBack(row_matrix, column_matrix, rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _WayBack:
    """Matrices from a window of the network grid to the rows and columns of the stack."""

    row_matrix: Float32Array
    column_matrix: Float32Array
    rows: slice
    columns: slice


def _back(n: int, ratio: float, start: int, stop: int) -> tuple[Float32Array, slice]:
    matrix = resampling_matrix(resampled_size(n, 1.0, ratio), n, 1 / ratio)[:, start:stop]
    # pixels whose neighbours are mostly inside the window
    (hit,) = np.nonzero(matrix.sum(axis=1) > 0.5)  # noqa: PLR2004 - a majority
    covered = slice(int(hit[0]), int(hit[-1]) + 1)
    return matrix[covered], covered


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
