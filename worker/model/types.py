"""What the vision tower gives back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Labels of a whole cine in its own pixel grid.

    Attributes
    ----------
    labels
        uint8 ``[phase, slice, row, column]``: 0 background, 1 RV cavity, 2 LV myocardium, 3 LV
        cavity (papillary muscles and trabeculae belong to the cavity).
    confidence
        float32 ``[phase, slice]`` in 0..1: mean probability of the chosen class where the network
        saw any heart; 1 where it saw none. Not calibrated.
    regions
        float32 ``[phase, slice, region, feature]``, see `worker.model.regions`; None when the
        network gives no features.
    """

    labels: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.float32]
    regions: npt.NDArray[np.float32] | None = None
