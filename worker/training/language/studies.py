"""Made-up studies without images: plausible measurements through the rules of the runtime.

Volumes, mass and wall of a heart are drawn by kind of disease; patients and headers lack what they
often lack. Everything after that (values, intervals, ranges, plausibility, quality notes, findings,
priority, text) is what ``worker.findings`` makes of them, so the evidence that a model learns from
is of exactly the form that it will meet. The kinds only spread the numbers over their range; they
are no model of any disease.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError
from plugin.domain.findings import Assessment, Measurement, QualityNote, VolumeCurve
from worker.findings.checks import (
    quality_notes,
    require_plausible,
    right_ventricle_usable,
    without_implausible,
)
from worker.findings.conclude import conclude
from worker.findings.cycle import CardiacCycle
from worker.findings.language import load_language
from worker.findings.measure import global_measurements, global_values, thickness_measurements
from worker.findings.uncertainty import STANDARD_ERRORS
from worker.findings.volumes import LV_CAVITY, MYOCARDIAL_DENSITY_G_PER_ML, DiscVolumes
from worker.volume.types import CineStack, FrameReference, PatientContext, StackNote

Generator = np.random.Generator
Float64Array = npt.NDArray[np.float64]

ED, ES = 0, 1


@dataclass(frozen=True, slots=True)
class Kind:
    """Mean and standard deviation of each drawn quantity."""

    lv_edv_ml_per_m2: tuple[float, float]
    lvef_percent: tuple[float, float]
    mass_g_per_m2: tuple[float, float]
    rv_edv_ml_per_m2: tuple[float, float]
    rvef_percent: tuple[float, float]
    wall_mm: tuple[float, float]


KINDS: Mapping[str, Kind] = {
    "healthy": Kind((80, 10), (62, 5), (54, 8), (80, 11), (58, 5), (9.5, 1.2)),
    "dilated": Kind((140, 30), (28, 9), (74, 14), (95, 22), (42, 12), (9, 1.5)),
    "hypertrophic": Kind((72, 12), (68, 6), (92, 24), (72, 12), (62, 6), (20, 5.5)),
    "infarcted": Kind((104, 22), (36, 9), (66, 12), (78, 14), (52, 9), (10.5, 2)),
    "right_ventricular": Kind((74, 12), (57, 7), (55, 9), (135, 26), (38, 10), (9.5, 1.5)),
    "trained": Kind((114, 9), (58, 4), (76, 8), (118, 10), (54, 4), (11.5, 1)),
    "borderline": Kind((105, 8), (50, 4), (74, 7), (112, 9), (48, 4), (15, 1.2)),
    "scattered": Kind((105, 40), (48, 17), (75, 25), (95, 32), (48, 14), (13, 5)),
}

_STACK_NOTES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "duplicate_uid": {"n_images": (1, 6)},
    "extra_slice": {"n_slices": (1, 2)},
    "incomplete_slice": {"n_slices": (1, 3)},
    "shifted_slices": {"shift_mm": (4, 14)},
    "repeated_slice": {"n_slices": (1, 4)},
    "few_phases": {"n_phases": (6, 12)},
    "missing_phase": {"n_images": (1, 12)},
    "phase_count": {"n_slices": (1, 3), "n_phases": (20, 30)},
    "uneven_spacing": {"low_mm": (6, 8), "high_mm": (9, 11)},
    "other_short_axis": {"n_series": (1, 3)},
    "frame_of_reference": {},
    "unreadable_image": {"n_images": (1, 5)},
}
_SHARES: Mapping[str, float] = {
    "male": 0.55,
    "child": 0.04,
    "sex": 0.92,
    "age": 0.94,
    "body_size": 0.9,
    "heart_rate": 0.92,
    "equal_strokes": 0.75,
    "failed_right_ventricle": 0.03,
    "no_segments": 0.06,
    "outlier_phase": 0.04,
    "few_slices": 0.04,
    "base_at_edge": 0.25,
    "apex_cut": 0.06,
    "unsure": 0.05,
}
"""How often headers tell something, and how often something is odd."""

_PROBLEMS = ("not_found", "differ", "ambiguous", "ruled_out")
_ENGLISH = load_language("en")


@dataclass(frozen=True, slots=True)
class SampledStudy:
    """What the runtime states about a made-up heart, and whose heart it is."""

    kind: str
    patient: PatientContext
    assessment: Assessment


def sample_study(rng: Generator) -> SampledStudy:
    """Draw one study; equal states of ``rng`` give equal studies."""
    while True:
        kind = str(rng.choice(list(KINDS)))
        try:
            return _drawn(kind, rng)
        except ModelError:
            continue  # what the runtime refuses is no study to write about


def _drawn(kind: str, rng: Generator) -> SampledStudy:
    patient, bsa_m2 = _patient(rng)
    volumes, wall_mm = _heart(KINDS[kind], bsa_m2, rng)
    outliers = (int(rng.integers(3, 20)),) if _happens("outlier_phase", rng) else ()
    cycle = CardiacCycle(ED, ES, outliers)
    rr_ms = float(rng.uniform(550, 1250)) if _happens("heart_rate", rng) else None
    with_right = right_ventricle_usable(volumes, cycle)
    values = global_values(volumes, cycle, rr_ms, patient, with_right=with_right)
    require_plausible(values, volumes, cycle)
    values["maximal_wall_thickness"] = wall_mm
    segments, notes = _segments(wall_mm, rng)
    labels, confidence = _labels(rng)
    stack = _stack(labels, rr_ms, _stack_notes(rng))
    quality = quality_notes(stack, labels, confidence, volumes, cycle, values, patient)
    curve = VolumeCurve((0.0, 320.0), _pair(volumes.lv_ml), _pair(volumes.rv_ml))
    measurements, odd = without_implausible(
        (*global_measurements(values, patient, STANDARD_ERRORS), *segments)
    )
    assessment = conclude(measurements, (*quality, *notes, *odd), patient, curve, cycle)
    return SampledStudy(kind, patient, assessment)


def _happens(what: str, rng: Generator) -> bool:
    return float(rng.random()) < _SHARES[what]


def _pair(values: Float64Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _patient(rng: Generator) -> tuple[PatientContext, float]:
    """Draw a patient as the headers tell of him, and his true body surface in m2."""
    male = _happens("male", rng)
    child = _happens("child", rng)
    age = float(rng.integers(6, 18) if child else rng.integers(18, 89))
    height_cm = float(rng.normal(177 if male else 164, 7)) - (18.0 if child else 0.0)
    weight_kg = float(np.clip(rng.normal(82 if male else 69, 13), 35, 160)) * (0.6 if child else 1)
    bsa_m2 = float(np.sqrt(height_cm * weight_kg / 3600.0))
    sized = _happens("body_size", rng)
    patient = PatientContext(
        sex=("M" if male else "F") if _happens("sex", rng) else None,
        age_years=age if child or _happens("age", rng) else None,
        height_cm=round(height_cm) if sized else None,
        weight_kg=round(weight_kg) if sized else None,
        field_strength_t=float(rng.choice([0.55, 1.5, 3.0], p=[0.02, 0.58, 0.4])),
    )
    return patient, bsa_m2


def _heart(kind: Kind, bsa_m2: float, rng: Generator) -> tuple[DiscVolumes, float]:
    """Draw volumes at ED and ES, ``[2]`` in ml, and the maximal wall thickness in mm."""

    def draw(quantity: tuple[float, float], low: float) -> float:
        return max(float(rng.normal(*quantity)), low)

    lv_ml = draw(kind.lv_edv_ml_per_m2, 30) * bsa_m2
    rv_ml = draw(kind.rv_edv_ml_per_m2, 30) * bsa_m2
    lv_share = 1.0 - min(draw(kind.lvef_percent, 8), 85.0) / 100.0
    rv_share = 1.0 - min(draw(kind.rvef_percent, 8), 85.0) / 100.0
    if _happens(
        "equal_strokes", rng
    ):  # without a leak or a shunt both ventricles pump the same volume
        stroke_ml = lv_ml * (1.0 - lv_share) * float(rng.normal(1.0, 0.1))
        rv_share = 1.0 - float(np.clip(stroke_ml / rv_ml, 0.1, 0.8))
    if _happens("failed_right_ventricle", rng):
        rv_share = 0.98  # contours that no heart has: the runtime leaves the RV out
    muscle_ml = draw(kind.mass_g_per_m2, 20) * bsa_m2 / MYOCARDIAL_DENSITY_G_PER_ML
    ratio = float(rng.normal(1.1, 0.16))
    volumes = DiscVolumes(
        np.array([lv_ml, lv_ml * lv_share]),
        np.array([rv_ml, rv_ml * rv_share]),
        np.array([muscle_ml, muscle_ml * ratio]),
    )
    return volumes, draw(kind.wall_mm, 5)


def _segments(
    wall_mm: float, rng: Generator
) -> tuple[tuple[Measurement, ...], tuple[QualityNote, ...]]:
    """Wall of the AHA segments, or the note that says why there is none."""
    if _happens("no_segments", rng):
        problem = _ENGLISH.tables["problems"][str(rng.choice(_PROBLEMS))]
        sentence = _ENGLISH.say("quality", "segments_not_placed", problem=problem)
        return (), (QualityNote("segments_not_placed", sentence),)
    relaxed = {n: wall_mm * float(rng.uniform(0.55, 0.95)) for n in range(1, 17)}
    contracted = {n: mm * float(rng.uniform(1.05, 1.7)) for n, mm in relaxed.items()}
    return thickness_measurements(relaxed, contracted, STANDARD_ERRORS), ()


def _labels(rng: Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Cavity areas that decide the notes on coverage, ``[2, slice, 1, column]``, and confidence."""
    n_slices = int(rng.integers(4, 6)) if _happens("few_slices", rng) else int(rng.integers(7, 13))
    areas = np.linspace(20, 6, n_slices).astype(int)
    areas[0] = 18 if _happens("base_at_edge", rng) else 5
    areas[-1] = 9 if _happens("apex_cut", rng) else 2
    labels = np.zeros((2, n_slices, 1, 20), np.uint8)
    for index, area in enumerate(areas):
        labels[:, index, :, :area] = LV_CAVITY
    sure = rng.uniform(0.6, 0.79) if _happens("unsure", rng) else rng.uniform(0.85, 0.99)
    return labels, np.full(labels.shape[:2], sure, np.float32)


def _stack_notes(rng: Generator) -> tuple[StackNote, ...]:
    n_notes = int(rng.choice([0, 1, 2], p=[0.75, 0.2, 0.05]))
    keys = rng.choice(sorted(_STACK_NOTES), n_notes, replace=False)
    notes = []
    for key in map(str, keys):
        places = {name: str(rng.integers(*span)) for name, span in _STACK_NOTES[key].items()}
        notes.append(StackNote(key, _ENGLISH.say("quality", key, **places)))
    return tuple(notes)


def _stack(
    labels: npt.NDArray[np.uint8], rr_ms: float | None, notes: tuple[StackNote, ...]
) -> CineStack:
    """Make the shell of a stack: its notes are all that is read of it."""
    n_phases, n_slices = labels.shape[:2]
    affine = np.diag([1.5, 1.5, 8.0, 1.0])
    frame = FrameReference("", "", "")
    return CineStack(
        pixels=np.zeros(labels.shape, np.float32),
        affine=affine,
        slice_origins_mm=np.arange(float(n_slices))[:, None] * affine[:3, 2],
        trigger_times_ms=np.array([0.0, 320.0]),
        frames=((frame,) * n_slices,) * n_phases,
        frame_of_reference_uid="",
        rr_interval_ms=rr_ms,
        notes=notes,
    )
