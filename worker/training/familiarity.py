"""Fills a bundle's table of what its network saw in training (`worker.gate.familiarity`).

The features of the training patients give mean and covariance; how far patients lie from a table
that they are no part of gives the limits. The network itself did see them, so a patient of another
hospital lies further away than these distances tell: the limits leave room for that.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf

from worker.bundle.manifest import Manifest
from worker.gate.familiarity import TABLE_FILE, Familiarity, moments
from worker.gate.verdict import Limit
from worker.model.regions import SHAPE_FEATURES
from worker.training.bundle_tables import put_table

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

N_PARTS = 10
FLAG_PERCENTILE = 99.0
FLAG_ROOM = 1.15
REFUSE_ROOM = 2.5
_SMALLEST_SPREAD = 1e-6
_NO_LIMIT = Limit("distance")


def fit(studies: Sequence[Float32Array]) -> Familiarity:
    """Describe the hearts of training, with limits from patients left out in turn.

    Parameters
    ----------
    studies
        ``[phase, slice, region, feature]`` of each patient, see `worker.model.regions`.

    Returns
    -------
    Familiarity
        Flags beyond the 99th percentile of left-out patients with 15 % room, refuses beyond the
        farthest of them by two and a half times: another scanner alone is no reason to refuse.
    """
    distances = left_out_distances(studies)
    flag_above = FLAG_ROOM * float(np.percentile(distances, FLAG_PERCENTILE))
    refuse_above = max(REFUSE_ROOM * float(distances.max()), flag_above)
    mean, whitening = _describe(studies)
    limit = Limit("distance", flag_above=flag_above, refuse_above=refuse_above)
    return Familiarity(mean, whitening, limit)


def left_out_distances(studies: Sequence[Float32Array]) -> Float64Array:
    """Return the distance of each patient from a table made of the others, a tenth at a time."""
    distances = np.empty(len(studies))
    for part in range(min(N_PARTS, len(studies))):
        others = [study for k, study in enumerate(studies) if k % N_PARTS != part]
        table = Familiarity(*_describe(others), _NO_LIMIT)
        for k in range(part, len(studies), N_PARTS):
            distances[k] = table.distance(studies[k])
    return distances


def add_table(table: Familiarity, folder: Path) -> Manifest:
    """Write the table into a bundle; nothing but its manifest's list of files changes with it."""
    held = io.BytesIO()
    np.savez_compressed(
        held,
        mean=table.mean.astype(np.float32),
        whitening=table.whitening.astype(np.float32),
        limits=np.array([table.limit.flag_above, table.limit.refuse_above]),
    )
    return put_table(folder, TABLE_FILE, held.getvalue())


def _describe(studies: Sequence[Float32Array]) -> tuple[Float64Array, Float64Array]:
    """Mean ``[region, feature]`` and whitening ``[region, feature, feature]`` of all slices."""
    seen = [moments(study)[..., : -len(SHAPE_FEATURES)] for study in studies]
    rows = np.concatenate([one.reshape(-1, *one.shape[2:]) for one in seen]).astype(np.float64)
    means: list[Float64Array] = []
    whitenings: list[Float64Array] = []
    for region in range(rows.shape[1]):
        found = rows[:, region][np.isfinite(rows[:, region]).all(axis=1)]
        means.append(found.mean(axis=0))
        spread = np.maximum(found.std(axis=0), _SMALLEST_SPREAD)
        # shrinkage pulls towards equal variances, so features are brought to one scale before
        precision = LedoitWolf().fit((found - means[-1]) / spread).precision_
        whitenings.append(np.linalg.cholesky(precision).T / spread)
    return np.stack(means), np.stack(whitenings)
