"""How fast a ventricle empties and fills, from its volume at every phase.

Rates are slopes of the smooth curve of ``beat_curve``, never differences of neighbouring phases.

Discs make the left ventricle lose or gain a whole basal disc in the moment in which the mitral
valve's plane passes the middle of a slice. For end-diastole and end-systole that is the usual disc
summation; in a rate it would be the greatest slope of all. Here the plane is taken to move smoothly
(a low harmonic curve through the upper face of the first slice with cavity), and the first slice
counts down to where the plane then is. In generated hearts that halves the error and more; where
the plane passes no slice, nothing tells how it moves, and rates come out up to a third too low. The
right ventricle's base is no plane, and its volumes are taken as they are.

Knows no segment.
"""

from dataclasses import dataclass

import numpy as np

from worker.findings.beat_curve import BeatCurve, fit_beat
from worker.findings.volumes import (
    LV_CAVITY,
    Float64Array,
    LabelArray,
    StackGeometry,
    areas_mm2,
    slice_heights_mm,
)

_VOLUME_CUTOFF = 5.0
_BASE_CUTOFF = 2.0
_MM3_PER_ML = 1000.0


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


def steady_base_ml(
    labels: LabelArray, stack: StackGeometry, times_ms: Float64Array, beat_ms: float
) -> Float64Array:
    """LV volumes of a base that moves smoothly through the slices, ``[phase]``.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``.
    times_ms
        ``[phase]``; NaN where a phase is not to be used.

    Raises
    ------
    ValueError
        Too few phases, see ``fit_beat``.
    """
    positions_mm = stack.slice_positions_mm
    heights_mm = slice_heights_mm(positions_mm)
    areas = areas_mm2(labels, LV_CAVITY, stack.pixel_area_mm2)
    first = np.argmax(areas > 0.0, axis=1)
    face_mm = positions_mm[first] - heights_mm[first] / 2.0
    usable = np.isfinite(times_ms) & (areas.max(axis=1) > 0.0)
    base = fit_beat(np.where(usable, face_mm, np.nan), times_ms, beat_ms, cutoff=_BASE_CUTOFF)
    beyond_mm = face_mm - base.at(times_ms)
    first_mm2 = areas[np.arange(len(areas)), first]
    return np.asarray((areas @ heights_mm + first_mm2 * beyond_mm) / _MM3_PER_ML, np.float64)


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
