"""Numbers that tell what kind of pictures a stack holds, before any network looks at them.

They need no anatomy: grey values, noise, edges, how neighbouring slices and moments relate. What
is usual is not known here (`limits`). Two moments are looked at, the first phase and the one that
differs most from it, so that a pair of frames gives the same numbers as a whole cine.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from worker.model.intensity import scale_intensities
from worker.volume.types import CineStack

Float32Array = npt.NDArray[np.float32]

_FINE_MM = 1.5
_COARSE_MM = 4.0
_TISSUE = 0.2
_DARK = 0.15
_SMALLEST = 1e-6
_MOST_MOMENTS = 9
_MEDIAN_TO_DEVIATION = 1.4826
_ORDERED_SLICES = 4


def picture_numbers(stack: CineStack) -> dict[str, float]:
    """Measure the pictures of a stack.

    Returns
    -------
    dict
        ``grey_levels``: different values in the stack, counted up to 256. When there is one only,
        nothing else is measured. ``structure``: share of the variance that is left after averaging
        over 4 mm. ``signal_to_noise``: mean of tissue over the deviation of its finest detail.
        ``sharpness``: gradient as it is over gradient after averaging. ``dark_share``,
        ``median_grey``, ``bright_grey``: of scaled values. ``field_mm``: shorter side.
        ``pixel_mm``, ``slice_distance_mm``. ``slice_likeness``: median correlation of neighbouring
        slices. ``slice_order``: how much better neighbours correlate than slices further apart,
        as rank correlation of distance and likeness. With two phases or more, ``motion``: the
        largest change between two moments over the usual one.
    """
    size_mm = (
        stack.pixels.shape[2] * stack.row_spacing_mm,
        (stack.pixels.shape[3] * stack.column_spacing_mm),
    )
    numbers = {"grey_levels": float(_grey_levels(stack.pixels))}
    if numbers["grey_levels"] <= 1:
        return numbers
    first, other = _two_moments(stack.pixels)
    scaled = scale_intensities(np.stack((first, other)))
    spacing = stack.row_spacing_mm, stack.column_spacing_mm
    coarse = np.stack([_averaged(moment, spacing, _COARSE_MM) for moment in scaled])
    numbers |= _detail_numbers(scaled[0], coarse[0])
    numbers |= {
        "field_mm": min(size_mm),
        "pixel_mm": max(spacing),
        "dark_share": float((scaled[0] < _DARK).mean()),
        "median_grey": float(np.median(scaled[0])),
        "bright_grey": float(np.percentile(scaled[0], 90.0)),
    }
    if stack.n_slices > 1:
        numbers["slice_distance_mm"] = stack.slice_spacing_mm
        numbers |= _slice_numbers(coarse[0])
    if stack.n_phases > 1:
        numbers["motion"] = _motion(scaled, spacing)
    return numbers


def _grey_levels(pixels: Float32Array) -> int:
    step = max(1, pixels.size // 100_000)
    return min(256, int(np.unique(pixels.reshape(-1)[::step]).size))


def _two_moments(pixels: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return the first phase, and among some others the one that differs most from it."""
    n_phases = len(pixels)
    chosen = np.unique(np.linspace(0, n_phases - 1, min(n_phases, _MOST_MOMENTS)).astype(int))
    coarse = pixels[chosen][:, :, ::2, ::2]
    away = np.nan_to_num(np.abs(coarse - coarse[0])).mean(axis=(1, 2, 3))
    return pixels[0], pixels[chosen[int(away.argmax())]]


def _averaged(
    images: Float32Array, spacing_mm: tuple[float, float], width_mm: float
) -> Float32Array:
    sigma = (0.0, width_mm / 2.355 / spacing_mm[0], width_mm / 2.355 / spacing_mm[1])
    return np.asarray(ndimage.gaussian_filter(images, sigma, truncate=3.0), dtype=np.float32)


def _detail_numbers(images: Float32Array, coarse: Float32Array) -> dict[str, float]:
    """Noise and sharpness of ``[slice, row, column]``."""
    # of neighbouring pixels in both directions: planes and straight edges along an axis drop out
    fine = images[:, :-1, :-1] - images[:, 1:, :-1] - images[:, :-1, 1:] + images[:, 1:, 1:]
    tissue = coarse[:, :-1, :-1] > _TISSUE
    values = np.abs(fine[tissue]) if tissue.any() else np.abs(fine)
    noise = _MEDIAN_TO_DEVIATION * float(np.median(values)) / 2.0
    level = float(images[:, :-1, :-1][tissue].mean()) if tissue.any() else 0.0
    return {
        "structure": float(coarse.var() / max(float(images.var()), _SMALLEST)),
        "signal_to_noise": level / max(noise, _SMALLEST),
        "sharpness": _gradient(images) / max(_gradient(coarse), _SMALLEST),
    }


def _gradient(images: Float32Array) -> float:
    down, across = np.diff(images, axis=1)[:, :, :-1], np.diff(images, axis=2)[:, :-1]
    return float(np.percentile(np.hypot(down, across), 95.0))


def _slice_numbers(coarse: Float32Array) -> dict[str, float]:
    """How slices resemble each other, ``[slice, row, column]``."""
    flat = coarse[:, ::2, ::2].reshape(len(coarse), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.maximum(np.linalg.norm(flat, axis=1), _SMALLEST)
    likeness = (flat @ flat.T) / np.outer(norms, norms)
    numbers = {"slice_likeness": float(np.median(np.diagonal(likeness, 1)))}
    if len(coarse) >= _ORDERED_SLICES:
        numbers["slice_order"] = float(np.mean(list(_order_of_each(likeness))))
    return numbers


def _order_of_each(likeness: Float32Array) -> Iterator[float]:
    """Rank correlation of nearness and likeness, slice by slice."""
    n = len(likeness)
    for here in range(n):
        others = np.arange(n) != here
        nearness = -np.abs(np.arange(n) - here)[others]
        ranks = np.argsort(np.argsort(likeness[here][others]))
        yield float(np.corrcoef(nearness, ranks)[0, 1])


def _motion(two: Float32Array, spacing_mm: tuple[float, float]) -> float:
    """Largest change over the usual change between two moments."""
    change = np.abs(_averaged(two[1] - two[0], spacing_mm, _COARSE_MM))
    usual = float(np.percentile(change, 50.0))
    largest = float(np.percentile(change, 99.5))
    return largest / max(usual, _SMALLEST) if largest > _SMALLEST else 0.0
