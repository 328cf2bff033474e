"""What the tower sees in each region of the heart, slice by slice: the study encoder's input.

A region is weighted by its probability, not by its label, so a contour that moves by half a pixel
moves the features by little. Which study a slice belongs to, and what a phase is, is not known
here.

References
----------
He et al., Mask R-CNN, ICCV 2017 (pooling a backbone's maps over a region).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]

REGIONS = ("lv_cavity", "myocardium", "rv_cavity", "context")
SHAPE_FEATURES = (
    "area_mm2",
    "certainty",
    "long_axis_mm",
    "short_axis_mm",
    "distance_mm",
    "distance_spread_mm",
    "deepest_mm",
    "shallowest_mm",
)
"""What follows the pooled maps; no intensity is in them, so no vendor is either.

Size: area, and how sure the tower is of it. Form: standard deviations along the two principal axes
(a D-shaped septum, a crescent). Place: mean distance from the centre of the left ventricle and its
spread; of the myocardium, the spread is the mean wall. Evenness: largest and smallest depth of the
region in the sectors around that centre; of the myocardium, thickest and thinnest wall.
"""

SMALLEST_REGION_MM2 = 25.0
CONTEXT_RING_MM = 15.0
N_SECTORS = 12

# Classes of the tower: background, RV cavity, myocardium, LV cavity.
_CLASSES = (3, 2, 1)
_LEFT = slice(0, 2)
_TRACE = 0.2
_NOTHING = 1e-6


def pool_regions(
    probabilities: Float32Array, features: Float32Array, spacing_mm: float
) -> Float32Array:
    """Average feature maps over the regions of every slice, and describe the regions' shape.

    Parameters
    ----------
    probabilities
        float32 ``[slice, class, row, column]``: background, RV cavity, myocardium, LV cavity.
    features
        float32 ``[slice, map, row / 2, column / 2]``, rounded up, of the same field.
    spacing_mm
        Pixel size of the probabilities.

    Returns
    -------
    numpy.ndarray
        float32 ``[slice, region, feature]`` in the order of `REGIONS`; one feature for each map,
        then `SHAPE_FEATURES`. Not-a-number for a region of less than `SMALLEST_REGION_MM2`, and
        for the context of a slice without a heart.
    """
    weights, area_mm2 = _weights(probabilities, features.shape[2:], spacing_mm)
    total = np.maximum(weights.sum(axis=(2, 3)), _NOTHING)
    n_slices, n_regions = total.shape
    flat = (weights / total[..., None, None]).reshape(n_slices, n_regions, -1)
    maps = features.reshape(*features.shape[:2], -1)
    pooled = flat @ maps.transpose(0, 2, 1)
    # mean probability of a region's own class where it has any
    certainty = (weights**2).sum(axis=(2, 3)) / total
    shape = _shape(flat, weights.shape[2:], total, 2 * spacing_mm)
    size = total[..., None] * (2 * spacing_mm) ** 2
    result = np.concatenate((pooled, size, certainty[..., None], shape), axis=2)
    result[area_mm2 < SMALLEST_REGION_MM2] = np.nan
    return np.asarray(result, dtype=np.float32)


def _weights(
    probabilities: Float32Array, size: tuple[int, ...], spacing_mm: float
) -> tuple[Float32Array, Float32Array]:
    """Return region weights ``[slice, region, *size]`` and areas of the likeliest label in mm2."""
    n_slices, n_classes = probabilities.shape[:2]
    missing = [2 * n - have for n, have in zip(size, probabilities.shape[2:], strict=True)]
    padded = np.pad(probabilities, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])))
    halved = padded.reshape(n_slices, n_classes, size[0], 2, size[1], 2).mean(axis=(3, 5))
    likeliest = probabilities.argmax(axis=1)
    counts = [(likeliest == label).sum(axis=(1, 2)) for label in _CLASSES]
    heart = halved[:, 1:].sum(axis=1)
    ring = _ring(heart > 0.5, 2 * spacing_mm)  # noqa: PLR2004 - more likely than not
    context = np.where(ring, 1.0 - heart, 0.0)
    areas = np.stack((*counts, (likeliest > 0).sum(axis=(1, 2))), axis=1) * spacing_mm**2
    weights = np.stack((*(halved[:, label] for label in _CLASSES), context), axis=1)
    # a trace of doubt all over the field would outweigh a small region
    weights[weights < _TRACE] = 0.0
    return weights.astype(np.float32, copy=False), areas.astype(np.float32)


def _ring(heart: npt.NDArray[np.bool_], spacing_mm: float) -> npt.NDArray[np.bool_]:
    """Return what lies around the heart of every slice, ``[slice, row, column]``."""
    width = max(1, round(CONTEXT_RING_MM / spacing_mm))
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return np.asarray(ndimage.binary_dilation(heart, cross, iterations=width) & ~heart)


def _shape(
    flat: Float32Array, size: tuple[int, ...], total: Float32Array, spacing_mm: float
) -> Float32Array:
    """Return axes, distance and depths ``[slice, region, 6]`` in mm of normalised weights."""
    row, column = (axis.reshape(-1) * spacing_mm for axis in np.indices(size, dtype=np.float32))
    centre = np.stack((flat @ row, flat @ column), axis=2)
    variance = np.stack((flat @ row**2, flat @ column**2), axis=2) - centre**2
    product = flat @ (row * column) - centre[..., 0] * centre[..., 1]
    middle = variance.mean(axis=2)
    apart = np.hypot((variance[..., 0] - variance[..., 1]) / 2, product)
    origin = _left_centre(centre, total)
    away = row - origin[:, :1], column - origin[:, 1:]
    distance = np.hypot(*away)
    mean = np.einsum("srp,sp->sr", flat, distance)
    spread = np.einsum("srp,sp->sr", flat, distance**2) - mean**2
    depths = _depths(flat * total[..., None] * spacing_mm**2, distance, np.arctan2(*away))
    axes = [middle + apart, middle - apart]
    roots = [np.sqrt(np.maximum(value, 0.0)) for value in (*axes, spread)]
    return np.stack(
        (roots[0], roots[1], mean, roots[2], depths.max(axis=2), depths.min(axis=2)), axis=2
    )


def _left_centre(centre: Float32Array, total: Float32Array) -> Float32Array:
    """Centre of the left ventricle with its wall, else of the right one, ``[slice, 2]`` in mm."""
    share = total.copy()
    share[:, 3] = 0.0
    left = share[:, _LEFT].sum(axis=1) > 1.0
    share[left, 2] = 0.0
    weighted = (centre * share[..., None]).sum(axis=1)
    return np.asarray(weighted / np.maximum(share.sum(axis=1), _NOTHING)[:, None])


def _depths(area_mm2: Float32Array, distance_mm: Float32Array, angle: Float32Array) -> Float32Array:
    """Depth of each region in the sectors around the centre, ``[slice, region, sector]`` in mm.

    The area of a sector over the arc at its mean distance: of a ring, its wall.
    """
    turn = 2 * math.pi / N_SECTORS
    sector = ((angle + math.pi) / turn).astype(np.intp) % N_SECTORS
    n_slices, n_regions, _ = area_mm2.shape
    place: IntArray = sector + N_SECTORS * np.arange(n_slices)[:, None]

    def per_sector(values: Float32Array) -> Float32Array:
        sums = np.bincount(place.reshape(-1), values.reshape(-1), n_slices * N_SECTORS)
        return np.asarray(sums.reshape(n_slices, N_SECTORS), dtype=np.float32)

    areas = np.stack([per_sector(area_mm2[:, k]) for k in range(n_regions)], axis=1)
    reach = np.stack([per_sector(area_mm2[:, k] * distance_mm) for k in range(n_regions)], axis=1)
    return np.asarray(areas**2 / np.maximum(reach * turn, _NOTHING), dtype=np.float32)
