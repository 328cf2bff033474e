"""A study and an assessment to report about, made without the stages that usually make them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from plugin.domain.findings import (
    Assessment,
    Certainty,
    Code,
    Finding,
    Measurement,
    NormalRange,
    NotAssessed,
    Priority,
    PrioritySuggestion,
    QualityNote,
    VolumeCurve,
)
from worker.clinical import ClinicalContext
from worker.report import AnalysisIdentity
from worker.volume.types import CineStack, FrameReference, PatientContext

STUDY_UID = "2.25.1001"
LV = Code("87878005", "SCT", "Left ventricle")
RV = Code("53085002", "SCT", "Right ventricle")
MYOCARDIUM = Code("49848007", "SCT", "Myocardium of left ventricle")
SEGMENT_SITES = {
    1: ("264850008", "Basal anterior"),
    2: ("396482007", "Basal anteroseptal"),
    3: ("396646008", "Basal inferoseptal"),
    4: ("264846001", "Basal inferior"),
    5: ("396652009", "Basal inferolateral"),
    6: ("396654005", "Basal anterolateral"),
    7: ("264848000", "Mid anterior"),
    8: ("396647004", "Mid anteroseptal"),
    9: ("396649001", "Mid inferoseptal"),
    10: ("264847005", "Mid inferior"),
    11: ("396655006", "Mid inferolateral"),
    12: ("396656007", "Mid anterolateral"),
    13: ("264844003", "Apical anterior"),
    14: ("264845002", "Apical septal"),
    15: ("264849008", "Apical inferior"),
    16: ("264853005", "Apical lateral"),
}
SOURCE = "Kawel-Boehm N et al. J Cardiovasc Magn Reson 2020;22:87"


@dataclass(frozen=True)
class LoadedSample:
    """The part of a loaded study that the report reads."""

    stack: CineStack
    patient: PatientContext
    reference: Dataset
    clinical: ClinicalContext = field(default_factory=ClinicalContext)


@dataclass(frozen=True)
class SegmentationSample:
    """Labels ``[phase, slice, row, column]`` and confidence ``[phase, slice]``."""

    labels: np.ndarray
    confidence: np.ndarray


def reference_header() -> Dataset:
    header = Dataset()
    header.StudyInstanceUID = STUDY_UID
    header.PatientName = "Müller^Zoë^^Dr."
    header.PatientID = "P-4711"
    header.PatientBirthDate = "19700101"
    header.PatientSex = "M"
    header.PatientAge = "055Y"
    header.PatientSize = "1.8"
    header.PatientWeight = "80"
    header.StudyDate = "20250102"
    header.StudyTime = "101112"
    header.ReferringPhysicianName = "Referrer^Rita"
    header.StudyID = "S1"
    header.AccessionNumber = "A-17"
    header.StudyDescription = "Cardiac MRI"
    return header


def request_item() -> Dataset:
    item = Dataset()
    item.RequestedProcedureID = "RP-9"
    item.RequestedProcedureDescription = "Cardiac MRI with stress"
    item.ScheduledProcedureStepID = "SPS-9"
    return item


def discs(
    n_phases: int = 25,
    n_slices: int = 10,
    size: int = 96,
    wall_mm: float = 9.0,
    spacing: float = 1.5,
    contraction: float = 0.32,
) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and labels of a beating ring with a crescent beside it."""
    rows, columns = np.mgrid[:size, :size] * spacing
    centre_row, centre_column = size * spacing * 0.52, size * spacing * 0.56
    radius = np.hypot(rows - centre_row, columns - centre_column)
    labels = np.zeros((n_phases, n_slices, size, size), np.uint8)
    for phase in range(n_phases):
        squeeze = 0.5 * (1 - np.cos(2 * np.pi * min(phase / n_phases / 0.8, 1.0)))
        for index in range(n_slices):
            level = 1 - 0.55 * (index / n_slices) ** 1.5
            cavity = 25 * level * (1 - contraction * squeeze)
            wall = wall_mm * (1 + 0.35 * squeeze)
            rv = np.hypot((rows - centre_row) / 1.3, columns - centre_column + 28) < 32 * level * (
                1 - 0.25 * squeeze
            )
            frame = labels[phase, index]
            frame[rv & (index < 0.85 * n_slices)] = 1
            frame[radius < cavity + wall] = 2
            frame[radius < cavity] = 3
    brightness = np.array([70.0, 420.0, 110.0, 450.0])[labels]
    noise = np.random.default_rng(3).normal(0, 18, labels.shape[1:])
    return (brightness + noise).astype(np.float32), labels


def stack_of(pixels: np.ndarray, *, row_mm: float = 1.5, column_mm: float = 1.5) -> CineStack:
    n_phases, n_slices = pixels.shape[:2]
    row = np.array([0.6, 0.64, -0.48])
    row /= np.linalg.norm(row)
    apex = np.array([0.6, -0.55, -0.55])
    apex -= (apex @ row) * row
    apex /= np.linalg.norm(apex)
    column = np.cross(apex, row)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = row * column_mm, column * row_mm, apex * 10.0
    affine[:3, 3] = (-60.0, -70.0, 40.0)
    origins = affine[:3, 3] + np.arange(n_slices)[:, None] * affine[:3, 2]
    frames = tuple(
        tuple(
            FrameReference(
                "1.2.840.10008.5.1.4.1.1.4", f"2.25.5{phase:03d}{index:03d}", f"2.25.40{index}"
            )
            for index in range(n_slices)
        )
        for phase in range(n_phases)
    )
    times = np.arange(n_phases) * (900.0 / n_phases)
    return CineStack(pixels, affine, origins, times, frames, "2.25.77", rr_interval_ms=900.0)


def loaded_sample(**options: float) -> tuple[LoadedSample, SegmentationSample]:
    pixels, labels = discs(**options)  # type: ignore[arg-type]
    stack = stack_of(pixels)
    confidence = np.full(labels.shape[:2], 0.96, np.float32)
    patient = PatientContext("M", 55.0, 180.0, 80.0, 1.5)
    return LoadedSample(stack, patient, reference_header()), SegmentationSample(labels, confidence)


def _volume(
    key: str, name: str, value: float, code: tuple[str, str], **more: object
) -> Measurement:
    options: dict[str, object] = {
        "unit": "ml",
        "finding_site": LV,
        "definition": "Sum of discs over all slices, papillary muscles in the cavity.",
        "interval": (value * 0.94, value * 1.07),
        **more,
    }
    return Measurement(key, name, value, code=Code(*code, name), **options)  # type: ignore[arg-type]


def _normal(low: float | None, high: float | None, population: str = "men, 1.5/3 T") -> NormalRange:
    return NormalRange(low, high, population, SOURCE)


def measurements(ef: float = 38.4, wall_mm: float = 9.0) -> tuple[Measurement, ...]:
    lv = [
        _volume(
            "lv_ejection_fraction",
            "LV ejection fraction",
            ef,
            ("8811-2", "LN"),
            unit="%",
            interval=(ef - 3.1, ef + 3.4),
            normal_ranges=(_normal(49, 79),),
        ),
        _volume(
            "lv_end_diastolic_volume",
            "LV end-diastolic volume",
            221.3,
            ("8821-1", "LN"),
            phase="ED",
            normal_ranges=(_normal(96, 205),),
        ),
        _volume(
            "lv_end_diastolic_volume_index",
            "LV end-diastolic volume index",
            110.7,
            ("8821-1", "LN"),
            unit="ml/m2",
            phase="ED",
            normal_ranges=(_normal(52, 101),),
        ),
        _volume("lv_end_systolic_volume", "LV end-systolic volume", 136.3, ("8823-7", "LN")),
        _volume("lv_stroke_volume", "LV stroke volume", 85.0, ("90096001", "SCT")),
        _volume("cardiac_output", "Cardiac output", 5.67, ("82799009", "SCT"), unit="l/min"),
        _volume(
            "lv_mass",
            "LV mass",
            141.2,
            ("18087-7", "LN"),
            unit="g",
            phase="ED",
            normal_ranges=(_normal(80, 180),),
        ),
        _volume(
            "lv_mass_index",
            "LV mass index",
            70.6,
            ("18087-7", "LN"),
            unit="g/m2",
            phase="ED",
            normal_ranges=(_normal(41, 86),),
        ),
        _volume(
            "maximal_wall_thickness",
            "Maximal wall thickness (ED)",
            wall_mm + 1.6,
            ("122445", "DCM"),
            unit="mm",
            phase="ED",
            finding_site=MYOCARDIUM,
            normal_ranges=(_normal(None, 12),),
        ),
    ]
    rv = [
        _volume(
            "rv_ejection_fraction",
            "RV ejection fraction",
            51.0,
            ("8818-7", "LN"),
            unit="%",
            finding_site=RV,
            normal_ranges=(_normal(40, 74, "men"), _normal(42, 76, "women")),
        ),
        _volume(
            "rv_end_diastolic_volume",
            "RV end-diastolic volume",
            172.0,
            ("8822-9", "LN"),
            finding_site=RV,
            normal_ranges=(_normal(98, 220),),
        ),
        _volume(
            "rv_end_systolic_volume",
            "RV end-systolic volume",
            84.0,
            ("8824-5", "LN"),
            finding_site=RV,
        ),
        _volume(
            "heart_rate",
            "Heart rate",
            66.7,
            ("8867-4", "LN"),
            unit="/min",
            finding_site=None,
            interval=None,
        ),
    ]
    wall = [
        Measurement(
            "wall_thickness_ed",
            f"Wall thickness, {meaning.lower()}",
            wall_mm + 1.5 * float(np.sin(segment)),
            "mm",
            Code("122445", "DCM", "Wall Thickness"),
            "Mean distance from endocardium to epicardium within the segment at end-diastole.",
            finding_site=Code(code, "SCT", f"{meaning} segment"),
            segment=segment,
            phase="ED",
            interval=(wall_mm - 0.5, wall_mm + 2.9),
        )
        for segment, (code, meaning) in SEGMENT_SITES.items()
    ]
    return (*lv, *rv, *wall)


def assessment(
    labels: np.ndarray | None = None,
    *,
    priority: Priority = Priority.URGENT,
    ef: float = 38.4,
    wall_mm: float = 9.0,
) -> Assessment:
    if labels is None:
        lv, rv = [200.0, 120.0, 198.0], [170.0, 90.0, 168.0]
    else:
        lv = [float((frame == 3).sum() * 2.25 / 100) for frame in labels]
        rv = [float((frame == 1).sum() * 2.25 / 100) for frame in labels]
    times = tuple(float(t) for t in np.arange(len(lv)) * (900.0 / len(lv)))
    return Assessment(
        measurements=measurements(ef, wall_mm),
        findings=(
            Finding(
                "lv_systolic_dysfunction",
                Code("371862006", "SCT", "Depressed left ventricular systolic function"),
                f"Moderately reduced LV ejection fraction ({ef:.0f} %, normal 49 to 79 %).",
                Certainty.PRESENT,
                ("lv_ejection_fraction",),
                SOURCE,
                grade="reduced",
                finding_site=LV,
            ),
            Finding(
                "lv_dilation",
                Code("LV-DILATION", "99CMRTRIAGE", "Left ventricular dilation"),
                "Left ventricle dilated (EDV index 111 ml/m², normal 52 to 101 ml/m²).",
                Certainty.UNDETERMINED,
                ("lv_end_diastolic_volume_index",),
                SOURCE,
                finding_site=LV,
            ),
        ),
        not_assessed=(
            NotAssessed(
                "late_enhancement",
                Code("122664", "DCM", "Late contrast enhancement"),
                "Late gadolinium enhancement was not analysed.",
            ),
            NotAssessed(
                "thrombus",
                Code("396339007", "SCT", "Thrombus"),
                "Thrombus was not looked for.",
            ),
        ),
        impression=(
            "Dilated left ventricle with moderately reduced systolic function (LVEF 38 %).",
            "Right ventricular size and function within the normal range.",
        ),
        narrative=(
            "The short-axis cine (10 slices, 25 phases) was segmented at all phases.",
            "LV: EDV 221 ml, ESV 136 ml, EF 38 %, mass 141 g. RV: EDV 172 ml, EF 51 %.",
        ),
        priority=PrioritySuggestion(
            priority,
            "lvef_below_40",
            "LV ejection fraction below 40 %: suggested to be read before routine studies.",
            ("lv_ejection_fraction",),
        )
        if priority is not Priority.ROUTINE
        else PrioritySuggestion(priority, "none", "No reason to promote the study."),
        quality=(QualityNote("repeated_slice", "One slice was repeated; the newest was used."),),
        curve=VolumeCurve(times, tuple(lv), tuple(rv)),
        ed_phase=int(np.argmax(lv)),
        es_phase=int(np.argmin(lv)),
        bsa_m2=2.0,
        bsa_formula="Mosteller (1987)",
    )


def identity(**changes: object) -> AnalysisIdentity:
    from datetime import UTC, datetime

    values: dict[str, object] = {
        "software_version": "0.1.0",
        "bundle_name": "cmr-sax",
        "bundle_version": "1.0.0",
        "bundle_digest": "ab" * 32,
        "input_digest": "cd" * 32,
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        **changes,
    }
    return AnalysisIdentity(**values)  # type: ignore[arg-type]


def as_multi_frame(loaded: LoadedSample) -> LoadedSample:
    """Return the study with all frames in one Enhanced MR instance."""
    from dataclasses import replace

    stack = loaded.stack
    frames = tuple(
        tuple(
            FrameReference(
                "1.2.840.10008.5.1.4.1.1.4.1",
                "2.25.600",
                "2.25.601",
                1 + phase * stack.n_slices + index,
            )
            for index in range(stack.n_slices)
        )
        for phase in range(stack.n_phases)
    )
    return replace(loaded, stack=replace(stack, frames=frames))
