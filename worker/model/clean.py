"""Makes one heart out of per-pixel labels: components, holes, impossible islands.

Works on ``[slice, row, column]`` of one phase. It removes what no heart can have and never draws
anything new except in holes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

RV, MYOCARDIUM, LV = 1, 2, 3
LabelArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

_WITHIN_AND_ACROSS = ndimage.generate_binary_structure(3, 1)
_IN_PLANE = ndimage.generate_binary_structure(2, 1)
_ALL_AROUND = ndimage.generate_binary_structure(2, 2)
_MINOR_PART = 0.25


def clean_heart(labels: LabelArray) -> LabelArray:
    """Keep one heart, whole.

    Parameters
    ----------
    labels
        uint8 ``[slice, row, column]`` of one phase.

    Returns
    -------
    numpy.ndarray
        Cleaned copy.
    """
    result = _keep_one_heart(labels)
    for label in (LV, MYOCARDIUM, RV):
        _keep_main_parts(result, label)
    for image in result:
        _fill_holes(image)
        _drop_naked_cavity(image)
    return result


def _keep_one_heart(labels: LabelArray) -> LabelArray:
    """Keep the connected structure with the most left ventricle; the rest is background."""
    # Slices move against each other between breath-holds: connect across slices generously.
    parts, n = ndimage.label(labels > 0, _WITHIN_AND_ACROSS)
    if n <= 1:
        return labels.copy()
    left = np.isin(labels, (MYOCARDIUM, LV))
    weight = np.bincount(parts[left], minlength=n + 1).astype(float)
    weight += 0.1 * np.bincount(parts.reshape(-1), minlength=n + 1)
    weight[0] = 0
    return np.where(parts == int(weight.argmax()), labels, 0).astype(np.uint8)


def _keep_main_parts(labels: LabelArray, label: int) -> None:
    """Drop parts of a class that are small beside its largest part (3D components), in place."""
    parts, n = ndimage.label(labels == label, _WITHIN_AND_ACROSS)
    if n > 1:
        sizes = np.bincount(parts.reshape(-1))
        sizes[0] = 0
        minor = sizes < _MINOR_PART * sizes.max()
        minor[0] = False
        labels[minor[parts]] = 0


def _fill_holes(image: LabelArray) -> None:
    """Fill what is enclosed by the left ventricle: by cavity inside cavity, else by majority."""
    left = (image == MYOCARDIUM) | (image == LV)
    if not left.any():
        return
    holes, n = ndimage.label(ndimage.binary_fill_holes(left) & ~left, _IN_PLANE)
    for k in range(1, n + 1):
        hole = holes == k
        rim = ndimage.binary_dilation(hole, _IN_PLANE) & left
        cavity = np.count_nonzero(image[rim] == LV) >= np.count_nonzero(image[rim] == MYOCARDIUM)
        image[hole] = LV if cavity else MYOCARDIUM


def _drop_naked_cavity(image: LabelArray) -> None:
    """Drop cavity parts that touch no myocardium, and per-slice crumbs of a class, in place."""
    for label in (LV, RV, MYOCARDIUM):
        parts, n = ndimage.label(image == label, _IN_PLANE)
        if n == 0:
            continue
        drop = np.zeros(n + 1, dtype=bool)
        if n > 1:
            sizes = np.bincount(parts.reshape(-1))
            drop[1:] = sizes[1:] < _MINOR_PART * sizes[1:].max()
        if label == LV:
            wall = ndimage.binary_dilation(image == MYOCARDIUM, _IN_PLANE)
            touching = np.bincount(parts[wall], minlength=n + 1) > 0
            drop[1:] |= ~touching[1:]
        if drop.any():
            image[drop[parts]] = 0


def drop_lonely_islands(labels: LabelArray, overlap_phases: Sequence[int] = (-1, 1)) -> LabelArray:
    """Drop labels of slices that neither neighbouring phase supports.

    A slice that shows heart in one phase, but in no pixel near it in the phase before or after, is
    noise: the heart does not appear for 30 ms.

    Parameters
    ----------
    labels
        uint8 ``[phase, slice, row, column]``; the last phase is followed by the first.
    overlap_phases
        Which phases count as neighbours.
    """
    n_phases = labels.shape[0]
    if n_phases < 2 * len(overlap_phases) + 1:
        return labels
    present = labels > 0
    others = [np.roll(present, -shift, axis=0) for shift in overlap_phases]
    support = np.any([(present & other).any(axis=(2, 3)) for other in others], axis=0)
    for phase, z in np.argwhere(present.any(axis=(2, 3)) & ~support):
        near = ndimage.binary_dilation(present[phase, z], _ALL_AROUND, iterations=2)
        support[phase, z] = any((near & other[phase, z]).any() for other in others)
    result = labels.copy()
    result[~support] = 0
    return result
