"""What the product states of a heart from the network's contours, and from an expert's.

The same code states both, so that a difference is the contours' alone. The expert's values count as
exact: a finding is present or not, except where the limits for men and women disagree on a patient
of unknown sex. Draws nothing (`evaluation_page`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError
from plugin.domain.findings import Assessment, Certainty, PatternEstimate
from worker.findings import assess
from worker.findings.limits import LVEF_NORMAL_PERCENT, LVEF_REDUCED_PERCENT
from worker.findings.pattern import PatternTable
from worker.findings.rules import RANGE_RULES, Side
from worker.findings.uncertainty import STANDARD_ERRORS, StandardError
from worker.model.types import Segmentation
from worker.training.report_fidelity import LANGUAGES, Fidelity, read_back
from worker.volume.types import CineStack, PatientContext

ABSENT = "absent"
COVERED = (
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_systolic_volume",
    "lv_mass",
    "rv_ejection_fraction",
    "rv_end_diastolic_volume",
    "rv_end_systolic_volume",
    "maximal_wall_thickness",
)
"""Measurements whose uncertainty interval is compared with the expert's value."""


_EXACT = {key: StandardError(0.0, 0.0, "an expert's contours") for key in STANDARD_ERRORS}


@dataclass(frozen=True, slots=True)
class Question:
    """A yes-or-no question about a heart, and the measurement that answers it.

    Attributes
    ----------
    finding
        Key of the finding that the product states; None where it states none and the threshold
        alone is looked at.
    threshold
        Limit on the expert's value where there is no finding.
    """

    name: str
    keys: tuple[str, ...]
    side: Side
    finding: str | None = None
    threshold: float | None = None


QUESTIONS = (
    Question(
        f"LV dysfunction (LVEF below {LVEF_NORMAL_PERCENT:g} %)",
        ("lv_ejection_fraction",),
        Side.BELOW,
        finding="lv_systolic_dysfunction",
    ),
    Question(
        f"LVEF {LVEF_REDUCED_PERCENT:g} % or less",
        ("lv_ejection_fraction",),
        Side.BELOW,
        threshold=LVEF_REDUCED_PERCENT,
    ),
    *(Question(rule.code.meaning, rule.keys, rule.side, finding=rule.key) for rule in RANGE_RULES),
    Question(
        "LV wall of 15 mm or more",
        ("maximal_wall_thickness",),
        Side.ABOVE,
        finding="lv_wall_thickening",
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One question, one patient.

    Attributes
    ----------
    truth, called
        ``"present"``, ``"undetermined"`` or ``"absent"``, from the expert's and from the network's
        contours. The truth is undetermined only between the limits for men and women.
    score
        The network's measurement, signed so that higher speaks for yes.
    """

    truth: str
    called: str
    score: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One patient as the product sees it.

    Attributes
    ----------
    refused
        Why there is no report from the network's contours (log value of the reason), or None.
    answers
        By the question's name.
    covered
        By measurement: whether the interval holds the expert's value.
    priority
        Suggested priority from the expert's and from the network's contours.
    pattern
        Which group the network's contours resemble; None without a table or an answer.
    """

    patient: str
    refused: str | None
    answers: dict[str, Answer]
    covered: dict[str, bool]
    priority: tuple[str, str] | None
    fidelity: tuple[Fidelity, ...]
    pattern: PatternEstimate | None = None


def judge_patient(
    patient: str,
    stack: CineStack,
    truth: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    context: PatientContext,
    pattern_table: PatternTable | None = None,
    standard_errors: Mapping[str, StandardError] = STANDARD_ERRORS,
) -> Judged:
    """State everything twice and compare.

    Parameters
    ----------
    truth, labels
        uint8 ``[2, slice, row, column]``: the expert's and the network's.
    pattern_table, standard_errors
        Of the bundle.
    """
    expert = assess(stack, _sure(truth), context, standard_errors=_EXACT)
    try:
        own = assess(
            stack,
            _sure(labels),
            context,
            standard_errors=standard_errors,
            pattern_table=pattern_table,
        )
    except ModelError as error:
        return Judged(patient, error.reason.value, {}, {}, None, ())
    answers = {
        question.name: answer
        for question in QUESTIONS
        if (answer := _answer(question, expert, own)) is not None
    }
    return Judged(
        patient,
        None,
        answers,
        _covered(expert, own),
        (expert.priority.level.value, own.priority.level.value),
        tuple(read_back(own, language) for language in LANGUAGES),
        own.pattern,
    )


def _sure(labels: npt.NDArray[np.uint8]) -> Segmentation:
    return Segmentation(labels, np.ones(labels.shape[:2], dtype=np.float32))


def _answer(question: Question, expert: Assessment, own: Assessment) -> Answer | None:
    values = _first_pair(question.keys, expert, own)
    if values is None:
        return None
    sign = 1.0 if question.side is Side.ABOVE else -1.0
    if question.finding is not None:
        said, called = _stated(question.finding, expert), _stated(question.finding, own)
    else:
        said, called = (
            Certainty.PRESENT.value if value <= (question.threshold or 0.0) else ABSENT
            for value in values
        )
    return Answer(said, called, sign * values[1])


def _first_pair(
    keys: Sequence[str], expert: Assessment, own: Assessment
) -> tuple[float, float] | None:
    for key in keys:
        true, measured = expert.value(key), own.value(key)
        if true is not None and measured is not None:
            return true, measured
    return None


def _stated(finding: str, assessment: Assessment) -> str:
    return next((one.certainty.value for one in assessment.findings if one.key == finding), ABSENT)


def _covered(expert: Assessment, own: Assessment) -> dict[str, bool]:
    inside: dict[str, bool] = {}
    for key in COVERED:
        true, measured = expert.value(key), own.measurement(key)
        if true is not None and measured is not None and measured.interval is not None:
            inside[key] = measured.interval[0] <= true <= measured.interval[1]
    return inside
