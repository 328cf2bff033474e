"""Sections on what is stated: findings against the expert's, priority, report texts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Certainty, Priority
from plugin.drawing.html import charts, figure, paragraph, section, side_by_side, table
from plugin.drawing.svg import Axis, Chart
from worker.training.calibration import area_under_curve
from worker.training.judged import ABSENT, QUESTIONS, Answer, Question
from worker.training.page.measured import share_text, with_interval
from worker.training.page.outcome import Outcome
from worker.training.report_fidelity import LANGUAGES

_PRESENT, _UNDETERMINED = Certainty.PRESENT.value, Certainty.UNDETERMINED.value
_LANGUAGE_NAMES = {"en": "English", "zh": "Chinese"}
_RATES = (0.0, 1.0)


def findings_section(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return ROC curves and tables of calls for every threshold finding."""
    curves, areas, calls = [], [], []
    for question in QUESTIONS:
        answers = _answers(outcomes, question)
        decided = [a for a in answers if a.truth != _UNDETERMINED]
        truth = np.array([a.truth == _PRESENT for a in decided], dtype=bool)
        score = np.array([a.score for a in decided], dtype=np.float64)
        areas.append(_area_row(question, answers, truth, score, seed))
        if question.finding is not None:
            calls.append(_calls_table(question, answers))
        if truth.any() and not truth.all():
            curves.append(_roc(question, decided, truth, score))
    return section(
        "Findings",
        "Truth: the same rule on the expert's contours, whose values count as exact. The area "
        "under the ROC curve is the share of pairs of patients, one with and one without the "
        "finding, that the network's measurement puts in the right order. The product calls a "
        "finding present when the value and its whole uncertainty interval lie beyond the "
        "threshold, undetermined when only a part does. Where the limits differ between men and "
        "women and the sex is not known, a value between them is undetermined also for the expert "
        "and is left out of the curve.",
        charts(curves) if curves else paragraph("No curve: too few patients."),
        table(
            (
                "finding",
                "area under the curve (95 % bootstrap)",
                "with / without / between",
                "called present, of those with it",
                "present or undetermined, of those with it",
                "not called present, of those without it",
            ),
            areas,
            "Shares with 95 % Wilson intervals",
        ),
        charts(calls),
    )


def priority_section(outcomes: Sequence[Outcome]) -> str:
    """Return suggested priorities from the network's contours against those from the expert's."""
    pairs = [o.judged.priority for o in outcomes if o.judged.priority is not None]
    levels = [level.value for level in Priority]
    promoted = [pair for pair in pairs if pair[0] != Priority.ROUTINE.value]
    kept = [pair for pair in pairs if pair[0] == Priority.ROUTINE.value]
    hits = sum(own != Priority.ROUTINE.value for _, own in promoted)
    quiet = sum(own == Priority.ROUTINE.value for _, own in kept)
    rows = [
        (f"from the expert's contours {true}", *(str(pairs.count((true, own))) for own in levels))
        for true in levels
    ]
    return section(
        "Suggested priority",
        "The rules promote a study on its measurements alone. Sensitivity: promoted from the "
        "network's contours, of those that the expert's contours promote.",
        side_by_side(
            (
                table(("", *(f"network: {level}" for level in levels)), rows, f"n = {len(pairs)}"),
                table(
                    ("", "share (95 % Wilson interval)"),
                    (
                        ("sensitivity", share_text(hits, len(promoted))),
                        ("specificity", share_text(quiet, len(kept))),
                    ),
                ),
            )
        ),
    )


def fidelity_section(outcomes: Sequence[Outcome]) -> str:
    """Return whether the report texts say what was measured."""
    rows = []
    kinds: list[str] = []
    for language in LANGUAGES:
        found = [f for o in outcomes for f in o.judged.fidelity if f.language == language]
        wrong = [kind for f in found for kind in f.disagreements]
        kinds += wrong
        planted, caught = (
            sum(f.n_planted for f in found),
            sum(f.n_planted_found for f in found),
        )
        rows.append(
            (
                _LANGUAGE_NAMES.get(language, language),
                str(len(found)),
                str(sum(f.n_sentences for f in found)),
                str(sum(f.n_numbers for f in found)),
                str(len(wrong)),
                share_text(caught, planted),
            )
        )
    return section(
        "Report texts",
        "Every sentence of every report is read by a checker that shares nothing with the writer, "
        "and compared with the measurements: wrong numbers, wrong words, omitted findings. "
        "Control: in every sentence that holds a value one digit was changed; the last column "
        "says how many of these the checker found. A change may hit a value that another sentence "
        "could rightly print.",
        table(
            (
                "language",
                "reports",
                "sentences",
                "numbers",
                "disagreements",
                "planted errors found (95 % Wilson interval)",
            ),
            rows,
        ),
        paragraph(
            "Disagreements by kind: "
            + (", ".join(f"{kinds.count(k)} {k}" for k in sorted(set(kinds))) or "none")
            + "."
        ),
    )


def roc_points(
    score: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]
) -> list[tuple[float, float]]:
    """Return false and true positive rate at every threshold, from (0, 0) to (1, 1)."""
    points = [(0.0, 0.0)]
    for threshold in np.unique(score)[::-1]:
        called = score >= threshold
        points.append((float(called[~positive].mean()), float(called[positive].mean())))
    return points


def _answers(outcomes: Sequence[Outcome], question: Question) -> list[Answer]:
    return [o.judged.answers[question.name] for o in outcomes if question.name in o.judged.answers]


def _area_row(
    question: Question,
    answers: Sequence[Answer],
    truth: npt.NDArray[np.bool_],
    score: npt.NDArray[np.float64],
    seed: int,
) -> tuple[str, ...]:
    n_with, n = int(truth.sum()), len(truth)
    between = len(answers) - n
    area = "–"
    if 0 < n_with < n:
        pairs = np.stack([truth.astype(np.float64), score], axis=1)
        area = with_interval(pairs, _areas, seed, 3)
    return (
        question.name,
        area,
        f"{n_with} / {n - n_with} / {between}",
        share_text(_count(answers, _PRESENT, (_PRESENT,)), n_with),
        share_text(_count(answers, _PRESENT, (_PRESENT, _UNDETERMINED)), n_with),
        share_text(_count(answers, ABSENT, (_UNDETERMINED, ABSENT)), n - n_with),
    )


def _areas(pairs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Area under the curve of ``[..., patient, (truth, score)]``."""
    every = pairs.reshape(-1, *pairs.shape[-2:])
    areas = [area_under_curve(one[:, 1], one[:, 0] > 0) for one in every]
    return np.array(areas).reshape(pairs.shape[:-2])


def _count(answers: Sequence[Answer], truth: str, called: tuple[str, ...]) -> int:
    return sum(a.truth == truth and a.called in called for a in answers)


def _calls_table(question: Question, answers: Sequence[Answer]) -> str:
    calls = (_PRESENT, _UNDETERMINED, ABSENT)
    rows = [
        (truth, *(str(_count(answers, truth, (call,))) for call in calls))
        for truth in calls
        if truth != _UNDETERMINED or any(a.truth == truth for a in answers)
    ]
    # short heads, so that three tables stand side by side
    return table(("expert \\ called", *calls), rows, question.name)


def _roc(
    question: Question,
    answers: Sequence[Answer],
    truth: npt.NDArray[np.bool_],
    score: npt.NDArray[np.float64],
) -> str:
    chart = Chart(
        Axis(*_RATES, "false positive rate"), Axis(*_RATES, "true positive rate"), 300, 290
    )
    chart.line([(0.0, 0.0), (1.0, 1.0)], "chance")
    chart.line(roc_points(score, truth))
    if question.finding is not None:
        for called in ((_PRESENT,), (_PRESENT, _UNDETERMINED)):
            hit = np.array([a.called in called for a in answers])
            chart.dot(float(hit[~truth].mean()), float(hit[truth].mean()), "dot bad", called[-1])
    area = area_under_curve(score, truth)
    caption = (
        f"{question.name}: area {area:.3f}; {int(truth.sum())} with, {int((~truth).sum())} without"
    )
    if question.finding is not None:
        caption += "; dots: called present, and present or undetermined"
    return figure(chart.svg(f"ROC curve: {question.name}"), caption)
