"""How far the features of a heart lie from those of the hearts that the network was trained on.

Knows the table of a bundle (`tables/familiarity.npz`) and the distance. Who fills the table is
`worker.training.familiarity`. Features of cavities, muscle and surroundings are compared at the
fullest and the emptiest moment, slice by slice; the middle of all these distances counts, so that
one odd slice makes no stranger.

References
----------
Lee K et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples, NeurIPS 2018
(Mahalanobis distance of a network's features).
"""

from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.gate.verdict import Limit
from worker.model.regions import REGIONS, SHAPE_FEATURES

TABLE_FILE = "tables/familiarity.npz"

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

_CAVITY_AREA = REGIONS.index("lv_cavity"), -len(SHAPE_FEATURES)


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """The hearts of training in feature space.

    Attributes
    ----------
    mean
        float64 ``[region, feature]``.
    whitening
        float64 ``[region, feature, feature]``; ``whitening @ (x - mean)`` has unit covariance.
    limit
        Of the distance.
    """

    mean: Float64Array
    whitening: Float64Array
    limit: Limit

    def distance(self, regions: Float32Array) -> float:
        """Return the root mean square Mahalanobis distance per feature, median of the regions.

        Parameters
        ----------
        regions
            ``[phase, slice, region, feature]`` of `worker.model.regions`. Infinite where no region
            was found at all.
        """
        away = moments(regions)[..., : self.mean.shape[1]].astype(np.float64) - self.mean
        whitened = np.einsum("rij,psrj->psri", self.whitening, away)
        distances = np.sqrt((whitened**2).mean(axis=-1))
        found = distances[np.isfinite(distances)]
        return float(np.median(found)) if found.size else float("inf")


def moments(regions: Float32Array) -> Float32Array:
    """Return the features of fullest and emptiest moment, ``[2, slice, region, feature]``."""
    areas = np.nansum(regions[:, :, _CAVITY_AREA[0], _CAVITY_AREA[1]], axis=1)
    return regions[[int(areas.argmax()), int(areas.argmin())]]


def load_familiarity(bundle: Bundle) -> Familiarity | None:
    """Read the table of a bundle; None where it has none.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: the table is not one.
    """
    if TABLE_FILE not in {entry.path for entry in bundle.manifest.files}:
        return None
    try:
        with np.load(bundle.folder / TABLE_FILE, allow_pickle=False) as table:
            mean, whitening = table["mean"], table["whitening"]
            flag_above, refuse_above = (float(v) for v in table["limits"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ModelError(Reason.BUNDLE_INVALID, TABLE_FILE) from error
    n_regions, n_features = mean.shape
    if n_regions != len(REGIONS) or whitening.shape != (n_regions, n_features, n_features):
        raise ModelError(Reason.BUNDLE_INVALID, TABLE_FILE)
    limit = Limit(
        "distance from the hearts of training",
        flag_above=flag_above,
        refuse_above=refuse_above,
        decimals=2,
    )
    return Familiarity(mean.astype(np.float64), whitening.astype(np.float64), limit)
