"""How fast a ventricle empties and fills, from its volume at every phase.

Rates are slopes of the smooth curve of ``beat_curve``, never differences of neighbouring phases.
Knows no segment and no image.
"""

from dataclasses import dataclass

import numpy as np

from worker.findings.beat_curve import BeatCurve, fit_beat
from worker.findings.volumes import Float64Array

_VOLUME_CUTOFF = 5.0


@dataclass(frozen=True, slots=True)
class PeakRates:
    """Steepest fall and rise of one ventricle's volume; times after the R wave.

    ``filling_after_ms`` counts from the smallest volume of this ventricle's own curve.
    """

    ejection_ml_per_s: float
    ejection_at_ms: float
    filling_ml_per_s: float
    filling_at_ms: float
    filling_after_ms: float


def volume_curve(volumes_ml: Float64Array, times_ms: Float64Array, beat_ms: float) -> BeatCurve:
    """Smooth volume over the beat; NaN marks a phase that is not used (``[phase]``).

    Raises
    ------
    ValueError
        Too few phases, see ``fit_beat``.
    """
    return fit_beat(volumes_ml, times_ms, beat_ms, cutoff=_VOLUME_CUTOFF)


def peak_rates(curve: BeatCurve) -> PeakRates:
    """Find the steepest fall and the steepest rise between the first and the last phase."""
    rates, times_ms = curve.rates_per_s, curve.times_ms
    falling, rising = int(np.argmin(rates)), int(np.argmax(rates))
    smallest_at_ms = float(times_ms[np.argmin(curve.values)])
    return PeakRates(
        ejection_ml_per_s=float(-rates[falling]),
        ejection_at_ms=float(times_ms[falling]),
        filling_ml_per_s=float(rates[rising]),
        filling_at_ms=float(times_ms[rising]),
        filling_after_ms=(float(times_ms[rising]) - smallest_at_ms) % curve.beat_ms,
    )
