"""The page of an acceptance test: agreement, detection, sites, failures.

One HTML file that loads nothing and runs no script; knows no image and no model. Studies are named
as in the hospital's own table, nothing else of a patient is on it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from plugin.domain.errors import SENTENCES
from plugin.domain.triage import Policy
from plugin.domain.triage.vocabulary import MEASUREMENTS
from plugin.drawing.html import (
    charts,
    document,
    figure,
    paragraph,
    png,
    section,
    table,
)
from plugin.drawing.svg import Axis, Chart
from worker.acceptance.compare import Compared, Comparison
from worker.acceptance.reference import COLUMNS
from worker.acceptance.reports import ToRead
from worker.acceptance.stated import share_words, statement_sections, to_read_sections
from worker.acceptance.statistics import Agreement, Share, agreement, area_under, roc

_KEYS = tuple(COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a value is asked for: it lies at or below ``limit`` (below, if ``strict``)."""

    words: str
    key: str
    limit: float
    strict: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether it does."""
        return value < self.limit if self.strict else value <= self.limit


QUESTIONS = (
    Question("LV ejection fraction of 35 % or less", "lv_ejection_fraction", 35.0),
    Question("LV ejection fraction below 50 %", "lv_ejection_fraction", 50.0, strict=True),
    Question("RV ejection fraction below 37 %", "rv_ejection_fraction", 37.0, strict=True),
)


def acceptance_page(
    comparison: Comparison,
    policy: Policy,
    origin: Sequence[Sequence[str]],
    to_read: Sequence[ToRead] = (),
) -> str:
    """Return the document.

    Parameters
    ----------
    origin
        Rows (what, value) on bundle, software and command.
    to_read
        Reports of which a value was not taken.
    """
    studies = comparison.studies
    sections = (
        _agreement_section(studies),
        _detection_section(studies),
        *statement_sections(studies),
        _priority_section(studies, policy),
        *_sites_sections(studies),
        _failures_section(comparison),
        *to_read_sections(to_read),
        section("Origin", "What gave these figures.", table(("what", "value"), origin)),
    )
    return document("Acceptance test", _tiles(studies), sections)


def pairs_of(studies: Sequence[Compared], key: str) -> list[tuple[Compared, float, float]]:
    """Return the studies where both are known, with the reference's value and ours."""
    return [
        (one, one.reference.values[key], one.values[key])
        for one in studies
        if key in one.reference.values and key in one.values
    ]


def agreement_of(studies: Sequence[Compared], key: str) -> Agreement:
    """Compare one measurement."""
    pairs = pairs_of(studies, key)
    return agreement([pair[1] for pair in pairs], [pair[2] for pair in pairs])


def detection_of(studies: Sequence[Compared]) -> tuple[Share, Share]:
    """Return sensitivity and specificity of the suggested priority; refused studies count."""
    known = [one for one in studies if one.is_urgent is not None]
    urgent = [one for one in known if one.is_urgent]
    others = [one for one in known if not one.is_urgent]
    return (
        Share(sum(one.is_promoted for one in urgent), len(urgent)),
        Share(sum(not one.is_promoted for one in others), len(others)),
    )


def _tiles(studies: Sequence[Compared]) -> list[tuple[str, str]]:
    lvef = agreement_of(studies, "lv_ejection_fraction")
    sensitivity, specificity = detection_of(studies)
    refused = sum(one.refused is not None for one in studies)
    return [
        ("studies", str(len(studies))),
        ("not analysed", str(refused)),
        ("LVEF mean absolute error, points", _number(lvef.mean_absolute_error, ".1f")),
        ("LVEF bias, points", _number(lvef.bias, "+.1f")),
        ("urgent studies promoted", f"{sensitivity.n} of {sensitivity.of}"),
        ("other studies not promoted", f"{specificity.n} of {specificity.of}"),
    ]


def _agreement_section(studies: Sequence[Compared]) -> str:
    rows, plots = [], []
    for key in _KEYS:
        found = agreement_of(studies, key)
        if not found.n:
            continue
        known = MEASUREMENTS[key]
        rows.append((known.name, known.unit, *_agreement_cells(found)))
        plots.append(_bland_altman(studies, key, found))
    return section(
        "Agreement",
        "Ours minus the reference: bias, limits of agreement (bias plus and minus 1.96 standard "
        "deviations; Bland and Altman 1986), mean absolute error, correlation. Only studies that "
        "have both values; those that were not analysed stand below.",
        table(("measurement", "unit", "n", "bias", "limits", "mean absolute error", "r"), rows),
        charts(plots),
    )


def _agreement_cells(found: Agreement) -> tuple[str, ...]:
    low, high = found.limits
    return (
        str(found.n),
        _number(found.bias, "+.1f"),
        f"{_number(low, '+.1f')} to {_number(high, '+.1f')}",
        _number(found.mean_absolute_error, ".1f"),
        _number(found.correlation, ".3f"),
    )


def _bland_altman(studies: Sequence[Compared], key: str, found: Agreement) -> str:
    pairs, known = pairs_of(studies, key), MEASUREMENTS[key]
    middle = [(expected + ours) / 2 for _, expected, ours in pairs]
    off = [ours - expected for _, expected, ours in pairs]
    levels = [level for level in (found.bias, *found.limits) if isfinite(level)]
    chart = Chart(
        Axis.around(middle, f"mean of reference and ours, {known.unit}"),
        Axis.around((*off, *levels, 0.0), "ours minus reference"),
    )
    chart.level(0.0, kind="zero")
    for number, level in enumerate(levels):
        chart.level(level, f"{level:+.1f}", "limit" if number else "level")
    for (one, _, _), x, y in zip(pairs, middle, off, strict=True):
        chart.dot(x, y, "dot", f"{one.reference.study}: {y:+.1f}")
    caption = f"{known.name}, {known.unit}; n = {len(pairs)}"
    return figure(chart.svg(f"Bland-Altman plot of {known.name}"), caption)


def _detection_section(studies: Sequence[Compared]) -> str:
    rows, plots = [], []
    for question in QUESTIONS:
        pairs = pairs_of(studies, question.key)
        truth = [question.holds(expected) for _, expected, _ in pairs]
        called = [question.holds(ours) for _, _, ours in pairs]
        right = Share(sum(a and b for a, b in zip(truth, called, strict=True)), sum(truth))
        quiet = Share(
            sum(not a and not b for a, b in zip(truth, called, strict=True)),
            len(truth) - sum(truth),
        )
        points = roc([-ours for _, _, ours in pairs], truth)
        area = _number(area_under(points), ".3f")
        rows.append((question.words, area, share_words(right), share_words(quiet)))
        if points:
            plots.append(_roc(question.words, points))
    return section(
        "Detection",
        "How well our value tells what the reference's value says. Area under the ROC curve; "
        "sensitivity and specificity at the threshold itself, with exact 95 % intervals (Clopper "
        "and Pearson). A dash: the studies do not hold both kinds.",
        table(("question", "area under the curve", "sensitivity", "specificity"), rows),
        charts(plots),
    )


def _roc(words: str, points: Sequence[tuple[float, float]]) -> str:
    chart = Chart(Axis(0.0, 1.0, "1 - specificity"), Axis(0.0, 1.0, "sensitivity"))
    chart.line([(0.0, 0.0), (1.0, 1.0)], "zero")
    chart.line(points)
    return figure(chart.svg(f"ROC curve: {words}"), words)


def _priority_section(studies: Sequence[Compared], policy: Policy) -> str:
    sensitivity, specificity = detection_of(studies)
    n_unknown = sum(one.is_urgent is None for one in studies)
    n_review = sum(one.decision is not None and one.decision.wants_review for one in studies)
    rows = (
        ("promoted when urgent (sensitivity)", share_words(sensitivity)),
        ("not promoted when not urgent (specificity)", share_words(specificity)),
        ("for review: near a threshold or by rule", str(n_review)),
        ("urgency not known from the table", str(n_unknown)),
    )
    return section(
        "Priority",
        f"Policy {policy.name} {policy.label}. Urgent is what the table's priority says, else what "
        "the policy's conditions on measurements say of the reference values; then only the rules "
        "that those values can answer are asked of ours. A study that was not analysed counts as "
        "not promoted.",
        table(("", "studies"), rows),
    )


def _sites_sections(studies: Sequence[Compared]) -> Iterator[str]:
    for title, of in (
        ("Sites", _site),
        ("Groups", _group),
    ):
        if any(of(one) for one in studies):
            yield section(
                title,
                "The same figures apart; with few studies the intervals are wide.",
                table(
                    (
                        "",
                        "n",
                        "not analysed",
                        "LVEF bias",
                        "LVEF limits",
                        "LVEF mean absolute error",
                        "RVEF mean absolute error",
                        "urgent promoted",
                        "others not promoted",
                    ),
                    _site_rows(studies, of),
                ),
            )


def _site(one: Compared) -> str:
    return one.reference.site


def _group(one: Compared) -> str:
    return one.reference.group


def _site_rows(
    studies: Sequence[Compared], of: Callable[[Compared], str]
) -> Iterator[tuple[str, ...]]:
    for name in (*sorted({of(one) for one in studies}), None):
        members = [one for one in studies if name is None or of(one) == name]
        lvef = agreement_of(members, "lv_ejection_fraction")
        rvef = agreement_of(members, "rv_ejection_fraction")
        sensitivity, specificity = detection_of(members)
        yield (
            "all" if name is None else name or "(not named)",
            str(len(members)),
            str(sum(one.refused is not None for one in members)),
            *_agreement_cells(lvef)[1:4],
            _number(rvef.mean_absolute_error, ".1f"),
            share_words(sensitivity),
            share_words(specificity),
        )


def _failures_section(comparison: Comparison) -> str:
    refused = [
        (one.reference.study, SENTENCES[one.refused])
        for one in comparison.studies
        if one.refused is not None
    ]
    wrong = [
        (one.reference.study, "missed" if one.is_urgent else "promoted without need", _why(one))
        for one in comparison.studies
        if one.is_urgent is not None and one.is_urgent is not one.is_promoted
    ]
    parts = []
    if refused:
        parts.append(table(("not analysed", "why"), refused))
    if wrong:
        parts.append(table(("study", "priority", "why"), wrong))
    if not parts:
        parts.append(paragraph("Every study was analysed, and none was promoted wrongly."))
    films = [
        figure(png(data, f"Contours of {one.reference.study}"), _caption(one))
        for one, data in comparison.pictures
    ]
    return section(
        "Failures",
        "Studies that were not analysed or were given another priority than the reference says, "
        "and the contours of those whose ejection fractions differ most.",
        *parts,
        f'<div class="films">{"".join(films)}</div>',
    )


def _why(one: Compared) -> str:
    if one.refused is not None:
        return SENTENCES[one.refused]
    return one.decision.sentence if one.decision else ""


def _caption(one: Compared) -> str:
    words = [
        f"{MEASUREMENTS[key].name} {one.values[key]:.1f} % (reference "
        f"{one.reference.values[key]:.1f} %)"
        for key in ("lv_ejection_fraction", "rv_ejection_fraction")
        if key in one.values and key in one.reference.values
    ]
    return f"{one.reference.study}: {', '.join(words)}"


def _number(value: float, form: str) -> str:
    return format(value, form) if isfinite(value) else "–"
