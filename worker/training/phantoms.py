"""Makes a cache of phantom slices for training, scaled the way stacks are.

A generator costs as much as the training itself on a CPU, so slices are made once and reused; the
random views of `batches` make them look different each time.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from worker.model.intensity import scale_intensities
from worker.phantom.slices import slice_batch

_CHUNK = 32


def cache_phantoms(
    path: Path, n: int, *, size: int, seed: int, on_progress: Callable[[int], None] | None = None
) -> None:
    """Write ``n`` phantom slices with labels to an ``.npz``; half precision keeps it small.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    n
        Number of slices.
    size
        Rows and columns, 1.5 mm pixels.
    seed
        Seed of the generator.
    on_progress
        Called with the number of slices made so far.
    """
    images = np.empty((n, 3, size, size), dtype=np.float16)
    labels = np.empty((n, size, size), dtype=np.uint8)
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        rng = np.random.default_rng([seed, start])
        made, labels[start:stop] = slice_batch(rng, stop - start, size=size)
        for k, image in enumerate(made):
            images[start + k] = scale_intensities(image)
        if on_progress is not None:
            on_progress(stop)
    temporary = path.with_name("unfinished-" + path.name)
    np.savez(temporary, images=images, labels=labels)
    temporary.replace(path)
