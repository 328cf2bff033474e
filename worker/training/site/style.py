"""How the images of a hospital look, as grey value curves, and generated hearts in that look.

A curve holds the quantiles of the scaled grey values around a heart. Generated slices, whose truth
is known, are given the curve of a study of the site, so that training sees the site's contrast
together with contours that are right.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from worker.training.batches import ReadySlices
from worker.training.cohorts import LabelledVolume

_N_QUANTILES = 33
_MARGIN_MM = 20.0

Curve = npt.NDArray[np.float32]


def curve_of(volume: LabelledVolume) -> Curve:
    """Return the grey value quantiles in a box around the contours of a volume."""
    margins = [int(np.ceil(_MARGIN_MM / spacing)) for spacing in volume.spacing_mm]
    return _curve(volume.images, volume.labels.max(axis=0), margins)


def in_style(
    ready: ReadySlices, curves: Sequence[Curve], spacing_mm: float, seed: int
) -> ReadySlices:
    """Give every slice the grey values of one of ``curves``, drawn at random.

    Parameters
    ----------
    spacing_mm
        Pixel size of the slices.
    """
    rng = np.random.default_rng(seed)
    margin = int(np.ceil(_MARGIN_MM / spacing_mm))
    images = np.empty_like(ready.images)
    for k, (image, labels) in enumerate(zip(ready.images, ready.labels, strict=True)):
        own = _curve(image.astype(np.float32), labels, [margin, margin])
        target = curves[int(rng.integers(len(curves)))]
        # equal neighbours would make the curve go back on itself
        rising = np.maximum.accumulate(own + np.arange(_N_QUANTILES) * 1e-6)
        images[k] = np.interp(image.astype(np.float32), rising, target)
    return ReadySlices(images, ready.labels)


def _curve(
    images: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], margins: Sequence[int]
) -> Curve:
    rows, columns = np.nonzero(labels)
    inside = images
    if len(rows):
        top, left = (
            max(0, int(hit.min()) - m) for hit, m in zip((rows, columns), margins, strict=True)
        )
        bottom, right = (
            int(hit.max()) + m + 1 for hit, m in zip((rows, columns), margins, strict=True)
        )
        inside = images[:, top:bottom, left:right]
    return np.quantile(inside, np.linspace(0, 1, _N_QUANTILES)).astype(np.float32)
