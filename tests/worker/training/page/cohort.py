"""A made-up cohort: outcomes drawn from a seed, and one generated heart that is really judged."""

from functools import cache

import numpy as np

from tests.worker.findings.shapes import heart_of, heart_study
from worker.training.evaluate import Case, PatientResult, stack_from_array
from worker.training.judged import COVERED, QUESTIONS, Answer, Judged
from worker.training.page.outcome import Outcome
from worker.training.report_fidelity import LANGUAGES, Fidelity
from worker.volume.types import PatientContext

GROUPS = ("DCM", "HCM", "MINF", "NOR", "RV")
_LVEF = (20.0, 65.0, 30.0, 60.0, 52.0)
_SPACING_MM = (1.6, 1.6, 8.0)


def drawn_outcome(number):
    """Return an outcome drawn from its number."""
    rng = np.random.default_rng(number)
    k = number % len(GROUPS)
    lvef, lvedv = _LVEF[k] + rng.normal(0, 6), 150.0 + rng.normal(0, 25)
    true = {
        "lvef_percent": lvef,
        "lvedv_ml": lvedv,
        "lvesv_ml": lvedv * (1 - lvef / 100),
        "lv_mass_g": 130 + rng.normal(0, 30),
        "rvef_percent": 50 + rng.normal(0, 10),
        "rvedv_ml": 150 + rng.normal(0, 40),
        "rvesv_ml": 80 + rng.normal(0, 20),
    }
    measured = {key: value + rng.normal(-1, 3) for key, value in true.items()}
    dice = {
        f"{structure}_{phase}": 1.0 - abs(rng.normal(0.06, 0.02))
        for structure in ("lv", "rv", "myocardium")
        for phase in ("ED", "ES")
    }
    result = PatientResult(f"drawn{number}", GROUPS[k], dice, true, measured, {}, number == 3)
    return Outcome(result, _judged(number, lvef, rng), 7 + number % 6, 1.4 + 0.1 * k, 10.0, 1.9)


def _judged(number, lvef, rng):
    answers = {}
    for question in QUESTIONS:
        true = rng.normal()
        score = true + rng.normal(0, 0.3)
        called = "present" if score > 0.8 else "undetermined" if score > 0.5 else "absent"
        answers[question.name] = Answer("present" if true > 0.6 else "absent", called, score)
    level = "URGENT" if lvef <= 35 else "ROUTINE"
    texts = tuple(Fidelity(language, 40, 70, (), 25, 25) for language in LANGUAGES)
    covered = {key: bool(rng.random() < 0.9) for key in COVERED}
    return Judged(f"drawn{number}", None, answers, covered, (level, level), texts)


@cache
def drawn_case(kind="dilated"):
    """Return the two ends of the beat of a generated heart, painted by its labels."""
    labels, _ = heart_study(kind)
    volumes = (labels == 3).sum(axis=(1, 2, 3))
    truth = labels[[int(volumes.argmax()), int(volumes.argmin())]]
    pixels = np.array([10.0, 200.0, 90.0, 210.0], np.float32)[truth]
    person = heart_of(kind).person
    context = PatientContext(height_cm=person.height_m * 100.0, weight_kg=person.weight_kg)
    return Case(kind, "DCM", stack_from_array(pixels, _SPACING_MM), truth, context)
