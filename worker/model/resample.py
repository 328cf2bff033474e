"""Linear resampling of images between pixel spacings, as two small matrix products.

The same matrices serve images going to the network grid and probabilities coming back. Pixel
centres are aligned on the field: the edge of the first pixel stays where it was.
"""

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]


def resampling_matrix(n_in: int, n_out: int, ratio: float) -> Float32Array:
    """Weights that turn ``n_in`` samples into ``n_out`` samples.

    Parameters
    ----------
    n_in, n_out
        Numbers of samples.
    ratio
        Output spacing divided by input spacing. Above 1 the triangle kernel widens with it, which
        keeps fine detail from aliasing.

    Returns
    -------
    numpy.ndarray
        float32 ``[n_out, n_in]``; every row sums to 1.
    """
    centres = (np.arange(n_out) + 0.5) * ratio - 0.5
    width = max(1.0, ratio)
    distance = np.abs(np.clip(centres, 0.0, n_in - 1.0)[:, None] - np.arange(n_in)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / width)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def resampled_size(n_in: int, spacing_in_mm: float, spacing_out_mm: float) -> int:
    """Return the number of samples that covers the same length at the new spacing (at least 1)."""
    return max(1, int(np.ceil(n_in * spacing_in_mm / spacing_out_mm - 1e-6)))


def resample(
    images: Float32Array, row_matrix: Float32Array, column_matrix: Float32Array
) -> Float32Array:
    """Apply a row and a column matrix to the last two axes of ``[..., row, column]``."""
    rows_done = np.matmul(row_matrix, images)
    return np.asarray(np.matmul(rows_done, column_matrix.T), dtype=np.float32)
