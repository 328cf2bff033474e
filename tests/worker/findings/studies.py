"""Studies without images: made up by seed, and a few whose numbers are written down here."""

from functools import cache

import numpy as np

from plugin.domain.findings import Assessment, QualityNote, VolumeCurve
from worker.findings.conclude import conclude
from worker.findings.cycle import CardiacCycle
from worker.findings.measure import global_measurements, global_values
from worker.findings.uncertainty import STANDARD_ERRORS, StandardError
from worker.findings.volumes import DiscVolumes
from worker.training.language.studies import SampledStudy, sample_study
from worker.volume.types import PatientContext

FIXED_ERRORS = {
    **STANDARD_ERRORS,
    "lv_ejection_fraction": StandardError(4.0, 0.0, "test"),
    "lv_mass": StandardError(9.0, 0.0, "test"),
}


@cache
def study(seed: int) -> SampledStudy:
    return sample_study(np.random.default_rng(seed))


def known(
    patient: PatientContext,
    lv_ml: tuple[float, float],
    rv_ml: tuple[float, float] | None,
    muscle_ml: float,
    wall_mm: float,
    *,
    rr_ms: float | None = 900.0,
    quality: tuple[QualityNote, ...] = (),
) -> Assessment:
    """Assessment of a heart whose volumes at ED and ES, myocardium and wall are given."""
    right = rv_ml or (1.0, 1.0)
    volumes = DiscVolumes(np.array(lv_ml), np.array(right), np.array([muscle_ml, muscle_ml]))
    cycle = CardiacCycle(0, 1, ())
    values = global_values(volumes, cycle, rr_ms, patient, with_right=rv_ml is not None)
    values["maximal_wall_thickness"] = wall_mm
    measurements = global_measurements(values, patient, FIXED_ERRORS)
    return conclude(measurements, quality, patient, VolumeCurve((), (), ()), cycle)


KNOWN = {
    "healthy woman": known(PatientContext("F", 44.0, 168.0, 64.0), (130, 48), (135, 54), 76, 9.2),
    "weak dilated left ventricle": known(
        PatientContext("M", 61.0, 181.0, 84.0), (268, 201), (171, 95), 139, 9.8
    ),
    "mildly reduced, borderline wall": known(
        PatientContext("M", 55.0, 175.0, 78.0), (171, 94), (160, 80), 128, 14.6
    ),
    "thick wall": known(PatientContext("F", 52.0, 160.0, 71.0), (118, 33), (110, 40), 170, 31.4),
    "large right ventricle, sex unknown": known(
        PatientContext(None, None, 172.0, 70.0), (128, 55), (246, 164), 88, 9.5
    ),
    "no size, no rate, no right ventricle": known(
        PatientContext("M", 70.0),
        (240, 120),
        None,
        150,
        12.1,
        rr_ms=None,
        quality=(
            QualityNote("few_phases", "Only 9 phases; end-systole may lie between two of them."),
        ),
    ),
    "child": known(
        PatientContext("F", 9.0, 130.0, 28.0),
        (70, 26),
        (72, 30),
        42,
        6.0,
        quality=(
            QualityNote(
                "under_18",
                "The patient is under 18: values are given without reference ranges and grades.",
            ),
        ),
    ),
}
