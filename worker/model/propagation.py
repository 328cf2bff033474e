"""From mid-ventricle outwards: each slice is labelled with its neighbour's labels in view.

At mid-ventricle the picture leaves little doubt. What is found there is carried slice by slice to
the base and to the apex, where the picture alone does not tell the ventricles from the atria or
from each other.

References
----------
Zheng, Delingette, Duchateau, Ayache, 3-D Consistent and Robust Segmentation of Cardiac Images by
Deep Learning with Spatial Propagation, IEEE TMI 37(9):2137-2148, 2018.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

# RV cavity, LV myocardium, LV cavity
N_GUIDE_CHANNELS = 3


def middle_slice(labels: npt.NDArray[np.integer]) -> int:
    """Return the slice at the middle of the left ventricle.

    Parameters
    ----------
    labels
        ``[..., slice, row, column]`` as the tower gives them.
    """
    n_slices = int(labels.shape[-3])
    left = (labels > 1).reshape(-1, n_slices, labels.shape[-2] * labels.shape[-1])
    areas: list[int] = left.sum(axis=(0, 2)).tolist()
    if not any(areas):
        return n_slices // 2
    middle = sum(z * area for z, area in enumerate(areas)) / sum(areas)
    return round(middle)


def outwards(n_slices: int, middle: int) -> Iterator[tuple[int, int | None]]:
    """Yield each slice with the neighbour that is labelled before it; the middle one has none."""
    yield middle, None
    for z in range(middle - 1, -1, -1):
        yield z, z + 1
    for z in range(middle + 1, n_slices):
        yield z, z - 1


def guide(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Turn labels ``[n, row, column]`` into the channels ``[n, 3, row, column]`` of a guide."""
    return np.stack([labels == k for k in range(1, 1 + N_GUIDE_CHANNELS)], axis=1).astype(
        np.float32
    )
