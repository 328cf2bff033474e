"""How pixel values become network input; training and runtime share this one function.

It knows nothing of anatomy: only the distribution of values in the whole stack counts, so that
vendor scaling and receiver gain drop out while slices and phases keep their relation.
"""

import numpy as np
import numpy.typing as npt

LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 99.0
CEILING = 1.5
_MAX_VALUES = 4_000_000


def scale_intensities(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Scale a stack so that its 1st and 99th percentile become 0 and 1, clipped to [0, 1.5].

    Zero is the darkest tissue, so padding a scaled image with zeros adds air, not a new grey.

    Parameters
    ----------
    pixels
        Any shape; all images of one stack together. Not-a-number counts as the darkest value.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape. A constant stack becomes all zeros.
    """
    values = np.asarray(pixels, dtype=np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        floor = float(values[finite].min()) if finite.any() else 0.0
        values = np.where(finite, values, np.float32(floor))
    step = max(1, values.size // _MAX_VALUES)
    low, high = np.percentile(values.reshape(-1)[::step], (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros_like(values)
    scaled = (values - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(scaled, 0.0, CEILING), dtype=np.float32)
