"""Section on groups of patients: what a heart's pattern resembles, and how far to trust it."""

from collections.abc import Sequence

import numpy as np

from plugin.drawing.html import figure, paragraph, section, side_by_side, table
from plugin.drawing.svg import Axis, Chart
from worker.findings.pattern import GROUPS, PatternTable
from worker.training.calibration import reliability, wilson_interval
from worker.training.groups import ACDC_GROUPS
from worker.training.page.measured import share_text
from worker.training.page.outcome import Outcome

_SEVERAL, _NONE, _NO_ANSWER = "several", "none of them", "no answer"


def groups_section(outcomes: Sequence[Outcome], pattern_table: PatternTable | None) -> str:
    """Return confusion and reliability of the groups; nothing for a bundle without the table."""
    if pattern_table is None:
        return ""
    answered = [o for o in outcomes if o.judged.pattern is not None]
    single = [o for o in answered if o.judged.pattern and len(o.judged.pattern.candidates) == 1]
    right = [_truth(o) in _candidates(o) for o in single]
    held = sum(_truth(o) in _candidates(o) for o in answered)
    calls = (*GROUPS, _SEVERAL, _NONE, _NO_ANSWER)
    rows = []
    for group in GROUPS:
        members = [_called(o) for o in outcomes if _truth(o) == group]
        if members:
            rows.append((_words(group), *(str(members.count(call)) for call in calls)))
    figures = table(
        ("", "share (95 % Wilson interval)"),
        (
            ("one group named, of those with an answer", share_text(len(single), len(answered))),
            ("right, of those with one group named", share_text(sum(right), len(single))),
            (
                f"true group in the set (made for {100 * pattern_table.coverage:.0f} %)",
                share_text(held, len(answered)),
            ),
        ),
    )
    return section(
        "Groups of patients",
        "The bundle's table says which group of its patients a pattern resembles: one group with a "
        "calibrated confidence, or several, or none. No diagnosis; findings and priority never "
        f"look at it. The table was made from {pattern_table.patients} ({pattern_table.n_patients} "
        "patients): for patients among these the figures here are too good.",
        table(("data set's group", *(_words(call) for call in calls)), rows, "Called"),
        side_by_side((_reliability_figure(single, right), figures)),
    )


def _reliability_figure(single: Sequence[Outcome], right: Sequence[bool]) -> str:
    """Return accuracy over stated confidence, with the interval of each bin."""
    stated = [o.judged.pattern.confidence_percent for o in single if o.judged.pattern is not None]
    if not stated or None in stated:
        return paragraph("No reliability diagram: no group was named.")
    confidence = np.array(stated, dtype=np.float64) / 100.0
    chart = Chart(Axis(0.0, 1.0, "stated confidence"), Axis(0.0, 1.0, "share right"), 300, 290)
    chart.line([(0.0, 0.0), (1.0, 1.0)], "chance")
    for one in reliability(confidence, np.array(right, dtype=bool)):
        low, high = wilson_interval(round(one.accuracy * one.n), one.n)
        chart.line([(one.confidence, low), (one.confidence, high)], "whisker")
        chart.dot(one.confidence, one.accuracy, "dot", f"{one.n} patients")
    return figure(
        chart.svg("Reliability diagram of the groups"),
        f"Reliability: dots on the dashed line are rightly sure; lines: 95 % intervals; n = "
        f"{len(stated)} patients with one group named",
    )


def _truth(outcome: Outcome) -> str:
    return ACDC_GROUPS.get(outcome.result.group, outcome.result.group)


def _candidates(outcome: Outcome) -> tuple[str, ...]:
    return () if outcome.judged.pattern is None else outcome.judged.pattern.candidates


def _called(outcome: Outcome) -> str:
    if outcome.judged.pattern is None:
        return _NO_ANSWER
    candidates = outcome.judged.pattern.candidates
    if len(candidates) == 1:
        return candidates[0]
    return _SEVERAL if candidates else _NONE


def _words(group: str) -> str:
    return group.replace("_", " ")
