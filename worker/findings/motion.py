"""The moving heart: what contours at every phase tell beyond those of two.

Knows which phases may be used, and goes from contours to rates and to measurements by segment.
Thickening, inward motion and score need end-diastole and end-systole only; rates, times and
dyssynchrony need twelve phases with times and are otherwise not measured, with a note.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from plugin.domain.findings import Measurement, QualityNote, SegmentCurve
from worker.findings.beat_curve import MINIMUM_PHASES, BeatCurve
from worker.findings.contours import BoolArray
from worker.findings.cycle import CardiacCycle, beat_length_ms
from worker.findings.definitions import DEFINITIONS
from worker.findings.measure import (
    motion_measurements,
    rate_values,
    segment_summary_values,
    thickness_measurements,
)
from worker.findings.orientation import find_orientation
from worker.findings.rates import peak_rates, steady_base_ml, volume_curve
from worker.findings.segments import (
    PhaseWalls,
    phase_walls,
    segment_floating_mm,
    segment_thickness_mm,
)
from worker.findings.uncertainty import StandardError
from worker.findings.volumes import LV_MYOCARDIUM, DiscVolumes, Float64Array, LabelArray
from worker.findings.wall_motion import (
    PeakTimes,
    grade,
    inward_motion_mm,
    peak_times,
    thickening_percent,
    thickness_over_beat,
)
from worker.volume.types import CineStack


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """When the phases were, how long the beat is, and which phases may be used (``[phase]``)."""

    times_ms: Float64Array
    length_ms: float
    used: BoolArray

    def only_used(self, values: Float64Array) -> Float64Array:
        """Return the values with NaN where the phase is not used."""
        return np.asarray(np.where(self.used, values, np.nan), np.float64)


@dataclass(frozen=True, slots=True)
class SegmentMotion:
    """What was measured by AHA segment.

    Attributes
    ----------
    measurements
        By segment, in the order of ``DEFINITIONS``.
    values
        Of the whole wall, by key.
    curves
        Thickness of each segment at every phase; empty where the beat is not known.
    quality
        Why there are none.
    """

    measurements: tuple[Measurement, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    curves: tuple[SegmentCurve, ...] = ()
    quality: tuple[QualityNote, ...] = ()


def find_beat(stack: CineStack, cycle: CardiacCycle) -> tuple[Beat | None, tuple[QualityNote, ...]]:
    """Return the beat, or a note that says why nothing is measured over it."""
    used = np.ones(stack.n_phases, np.bool_)
    used[list(cycle.outlier_phases)] = False
    n_used = int(np.count_nonzero(used))
    if n_used < MINIMUM_PHASES:
        sentence = (
            f"Rates, times to peak and dyssynchrony were not measured: {n_used} phases can be "
            "used, and 12 are needed."
        )
        return None, (QualityNote("beat_too_few_phases", sentence),)
    length_ms = beat_length_ms(stack.trigger_times_ms, stack.rr_interval_ms)
    if length_ms is None:
        sentence = (
            "Rates, times to peak and dyssynchrony were not measured: the images do not tell when "
            "the phases were taken."
        )
        return None, (QualityNote("beat_without_times", sentence),)
    return Beat(stack.trigger_times_ms, length_ms, used), ()


def volume_curves(
    labels: LabelArray, stack: CineStack, rv_ml: Float64Array, beat: Beat
) -> tuple[BeatCurve, BeatCurve]:
    """Smooth volumes of the left and the right ventricle, from which the rates are read."""
    left_ml = steady_base_ml(labels, stack, beat.only_used(beat.times_ms), beat.length_ms)
    left, right = (
        volume_curve(beat.only_used(ml), beat.times_ms, beat.length_ms) for ml in (left_ml, rv_ml)
    )
    return left, right


def measure_rates(
    labels: LabelArray,
    stack: CineStack,
    volumes: DiscVolumes,
    cycle: CardiacCycle,
    beat: Beat | None,
    *,
    with_right: bool,
) -> dict[str, float]:
    """Ejection and filling rates by key; empty without a beat."""
    if beat is None:
        return {}
    left, right = volume_curves(labels, stack, volumes.rv_ml, beat)
    return rate_values(
        peak_rates(left),
        peak_rates(right) if with_right else None,
        float(volumes.lv_ml[cycle.ed_phase]),
    )


def measure_segments(
    labels: LabelArray,
    stack: CineStack,
    cycle: CardiacCycle,
    relaxed: PhaseWalls,
    beat: Beat | None,
    errors: Mapping[str, StandardError],
) -> SegmentMotion:
    """Measure the AHA segments where image and patient coordinates agree on them.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``.
    relaxed
        The walls at end-diastole.
    """
    orientation = find_orientation(labels[cycle.ed_phase], stack)
    if orientation.septum_deg is None:
        sentence = f"AHA segments were not placed: {orientation.problem}."
        return SegmentMotion(quality=(QualityNote("segments_not_placed", sentence),))
    septum_deg = orientation.septum_deg
    walls = {
        phase: relaxed if phase == cycle.ed_phase else phase_walls(one, stack)
        for phase, one in enumerate(_around_wall(labels))
        if beat is not None or phase in (cycle.ed_phase, cycle.es_phase)
    }
    thickness_mm = {phase: segment_thickness_mm(one, septum_deg) for phase, one in walls.items()}
    relaxed_mm, contracted_mm = thickness_mm[cycle.ed_phase], thickness_mm[cycle.es_phase]
    floating_mm = [
        segment_floating_mm(walls[phase], septum_deg) for phase in (cycle.ed_phase, cycle.es_phase)
    ]
    over_beat: dict[int, Float64Array] = {}
    peaks = None
    if beat is not None:
        found = thickness_over_beat([thickness_mm[phase] for phase in range(stack.n_phases)])
        over_beat = {n: beat.only_used(values) for n, values in found.items()}
        peaks = peak_times(over_beat, beat.times_ms, beat.length_ms, relaxed_mm)
    thickness = thickness_measurements(relaxed_mm, contracted_mm, errors)
    motion, values = _motion(
        thickening_percent(relaxed_mm, contracted_mm),
        inward_motion_mm(*floating_mm),
        peaks,
        thickness,
    )
    curves = tuple(SegmentCurve(n, _known(values_mm)) for n, values_mm in over_beat.items())
    return SegmentMotion((*thickness, *motion), values, curves)


def _motion(
    thickening: Mapping[int, float],
    inward_mm: Mapping[int, float],
    peaks: PeakTimes | None,
    thickness: Sequence[Measurement],
) -> tuple[tuple[Measurement, ...], dict[str, float]]:
    """Grade the segments whose two numbers a heart can have, and make the measurements."""
    grades = {
        n: grade(percent, inward_mm[n])
        for n, percent in thickening.items()
        if n in inward_mm
        and DEFINITIONS["wall_thickening"].is_plausible(percent)
        and DEFINITIONS["inward_motion"].is_plausible(inward_mm[n])
    }
    ratios = [one for one in thickness if one.key == "wall_thickening_ratio"]
    measurements = motion_measurements(thickening, inward_mm, grades, peaks, ratios)
    return measurements, segment_summary_values(grades, peaks)


def _around_wall(labels: LabelArray) -> LabelArray:
    """Cut the images to the left ventricle: outlines of a small image are found sooner."""
    wall: BoolArray = np.any(labels >= LV_MYOCARDIUM, axis=(0, 1))
    rows, columns = np.flatnonzero(wall.any(axis=1)), np.flatnonzero(wall.any(axis=0))
    return labels[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _known(values: Float64Array) -> tuple[float | None, ...]:
    return tuple(float(one) if np.isfinite(one) else None for one in values)
