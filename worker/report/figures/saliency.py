"""The page that shows what the first finding rests on: slices, AHA segments, phases.

Drawn from the exact attribution (the contours taken apart, no network asked) and, where it was
made, from hiding parts of the images from the tower. Knows the layout; the numbers come from
``worker.explain``. No patient name, identifier or date is on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugin.domain.findings import Assessment
from worker.explain import Explanation, PartKind
from worker.report.figures.bullseye import Scale, draw_bullseye, draw_legend
from worker.report.figures.canvas import (
    MUTED,
    RULE,
    SKY_BLUE,
    SMALL_PX,
    TEXT,
    VERMILION,
    Canvas,
    RgbArray,
)
from worker.report.figures.page import draw_footer, draw_header, heading
from worker.report.figures.typesetting import wrap
from worker.report.identity import AnalysisIdentity
from worker.report.wording import digits, readable_unit

WIDTH = 1536
_LEFT, _TOP, _GAP, _PANEL_HEIGHT, _PANEL_WIDTH = 20, 148, 12, 520, 742
_ROWS_TOP, _ROWS_HEIGHT, _LONGEST_ROW = 74, 420, 44
_NAME_WIDTH, _WITHOUT_WIDTH = 92, 220
_RADIUS, _FOOTER_HEIGHT, _SENTENCE_LINES = 150, 74, 2
_OUTSIDE = 0
"""The segment number of what lies in slices without AHA segments."""


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: its name, its value (None: no bar) and words at the right."""

    name: str
    value: float | None
    words: str


def saliency_page(
    explanation: Explanation, assessment: Assessment, identity: AnalysisIdentity
) -> RgbArray:
    """Return the page as uint8 ``[row, 1536, 3]``; a second row where parts were hidden."""
    return compose_saliency(explanation, assessment, identity).pixels()


def compose_saliency(
    explanation: Explanation, assessment: Assessment, identity: AnalysisIdentity
) -> Canvas:
    """Lay out the page without drawing its pixels."""
    n_rows = 1 if explanation.occlusion is None else 2
    height = _TOP + n_rows * (_PANEL_HEIGHT + _GAP) + _FOOTER_HEIGHT
    canvas = Canvas(WIDTH, height)
    draw_header(canvas, "What the value behind the first finding rests on")
    _draw_subject(canvas, explanation, assessment)
    _draw_own(canvas, explanation, _TOP)
    if explanation.occlusion is not None:
        _draw_hidden(canvas, explanation, _TOP + _PANEL_HEIGHT + _GAP)
    _draw_phases(canvas, explanation, assessment, height - _FOOTER_HEIGHT + 12)
    draw_footer(canvas, identity, with_key=False)
    return canvas


def _draw_subject(canvas: Canvas, explanation: Explanation, assessment: Assessment) -> None:
    """Write the finding and the value that it rests on."""
    measured = assessment.measurement(explanation.measurement)
    name = explanation.measurement if measured is None else measured.name
    value = f"{name}: {_number(explanation, explanation.value)}"
    found = next((one for one in assessment.findings if one.key == explanation.finding), None)
    words = "No finding by the rules; the most important value is shown."
    if found is not None:
        words = found.sentence
    canvas.text(_LEFT, 78, value, size=22, weight="bold")
    for number, line in enumerate(wrap(words, WIDTH - 2 * _LEFT, 18)[:_SENTENCE_LINES]):
        canvas.text(_LEFT, 106 + 23 * number, line, size=18)


def _draw_own(canvas: Canvas, explanation: Explanation, top: float) -> None:
    """Draw what each slice and segment holds, exact."""
    adds = explanation.adds_up
    title = "What each slice adds" if adds else "Thickest wall in each slice"
    slices = {part.index: part.own for part in explanation.of(PartKind.SLICE)}
    without = {part.index: part.without for part in explanation.of(PartKind.SLICE)}
    rows = [
        Row(f"slice {index + 1}", own, _without(explanation, without[index]))
        for index, own in slices.items()
    ]
    heading_words = f"{title} ({readable_unit(explanation.unit)}), base first"
    _draw_bars(canvas, (_LEFT, top), heading_words, rows, "value without it")
    segments = {
        part.index: part.own for part in explanation.of(PartKind.SEGMENT) if part.own is not None
    }
    title = "What each AHA segment adds" if adds else "Thickest wall in each AHA segment"
    note = ""
    if segments.get(_OUTSIDE):
        note = f"In slices without segments: {_number(explanation, segments[_OUTSIDE])}."
    if adds:
        note = f"All slices add up to the value, and so do all segments. {note}"
    _draw_segments(canvas, explanation, top, title, segments, note.strip())


def _draw_hidden(canvas: Canvas, explanation: Explanation, top: float) -> None:
    """Draw how far the value moves when the network does not see a part."""
    occlusion = explanation.occlusion
    if occlusion is None:
        return
    moved = {(part.kind, part.index): occlusion.moved(part) for part in occlusion.parts}
    rows = [
        Row(f"slice {index + 1}", value, "" if value is not None else "no heart found")
        for (kind, index), value in moved.items()
        if kind is PartKind.SLICE
    ]
    unit = readable_unit(explanation.unit)
    title = f"Hidden from the network: the value moves by ({unit})"
    _draw_bars(canvas, (_LEFT, top), title, rows, is_change=True)
    segments = {
        index: value
        for (kind, index), value in moved.items()
        if kind is PartKind.SEGMENT and value is not None
    }
    note = (
        f"Each part was replaced by its own mean and the network looked again "
        f"({occlusion.n_passes} times)."
    )
    _draw_segments(
        canvas, explanation, top, "Hidden AHA segments: the value moves by", segments, note
    )


def _draw_bars(
    canvas: Canvas,
    corner: tuple[float, float],
    title: str,
    rows: Sequence[Row],
    words_title: str = "",
    *,
    is_change: bool = False,
) -> None:
    """Draw a bar for each row; values below zero go to the left in another colour."""
    x, y = corner
    canvas.panel(x, y, _PANEL_WIDTH, _PANEL_HEIGHT)
    heading(canvas, x + 16, y + 22, title)
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return
    right = x + _PANEL_WIDTH - 16
    canvas.text(right, y + 52, words_title, color=MUTED, size=SMALL_PX - 2, ha="right")
    low, high = min(0.0, *values), max(0.0, *values)
    width = _PANEL_WIDTH - 32 - _NAME_WIDTH - _WITHOUT_WIDTH
    per_unit = width / max(high - low, 1e-9)
    zero = x + 16 + _NAME_WIDTH - low * per_unit
    step = min(_ROWS_HEIGHT / len(rows), _LONGEST_ROW)
    size = min(SMALL_PX, 0.7 * step)
    canvas.panel(zero - 0.5, y + _ROWS_TOP - 6, 1.0, step * len(rows), RULE)
    for number, row in enumerate(rows):
        middle = y + _ROWS_TOP + (number + 0.4) * step
        canvas.text(x + 16, middle, row.name, size=size)
        canvas.text(right, middle, row.words, size=size, ha="right", color=MUTED)
        if row.value is None:
            continue
        length = row.value * per_unit
        start, colour = (zero, SKY_BLUE) if length >= 0 else (zero + length, VERMILION)
        canvas.panel(start, middle - 0.3 * step, abs(length), 0.6 * step, colour)
        written = f"{row.value:+.1f}" if is_change or low < 0 else f"{row.value:.1f}"
        canvas.text(max(zero, zero + length) + 8, middle, written, size=size)


def _draw_segments(
    canvas: Canvas,
    explanation: Explanation,
    top: float,
    title: str,
    segments: Mapping[int, float],
    note: str,
) -> None:
    """Draw a bull's-eye with its legend and sentence, or say that there is none."""
    x = _LEFT + _PANEL_WIDTH + _GAP
    canvas.panel(x, top, _PANEL_WIDTH, _PANEL_HEIGHT)
    unit = readable_unit(explanation.unit)
    heading(canvas, x + 16, top + 22, f"{title} ({unit})")
    placed = {number: value for number, value in segments.items() if number != _OUTSIDE}
    centre = (x + _PANEL_WIDTH / 2, top + 222)
    if not placed:
        words = "no AHA segments: they are of the left ventricle, and must be placed safely"
        canvas.text(*centre, words, ha="center", color=MUTED)
        return
    scale = _scale(placed, unit)
    draw_bullseye(canvas, placed, centre, _RADIUS, scale)
    draw_legend(canvas, scale, x + 180, top + 410, _PANEL_WIDTH - 360)
    for number, line in enumerate(wrap(note, _PANEL_WIDTH - 32, SMALL_PX)):
        canvas.text(x + 16, top + 472 + 22 * number, line, size=SMALL_PX)


def _scale(values: Mapping[int, float], unit: str) -> Scale:
    """Return colours for the range of the values; around zero where both signs occur."""
    low, high = min(values.values()), max(values.values())
    reach = max(abs(low), abs(high), 0.1)
    places = 1 if reach < 100.0 else 0  # noqa: PLR2004 - room in a segment
    if low < 0.0 < high:
        return Scale("PuOr", -round(reach, 1), round(reach, 1), unit, places)
    return Scale("viridis", round(min(low, 0.0), 1), round(max(high, 0.1), 1), unit, places)


def _draw_phases(
    canvas: Canvas, explanation: Explanation, assessment: Assessment, y: float
) -> None:
    """Write what the value would be with the next best end-diastole or end-systole."""
    names = {assessment.ed_phase: "end-diastole", assessment.es_phase: "end-systole"}
    parts = [
        f"{names[part.index]}: {_number(explanation, part.without)}"
        for part in explanation.of(PartKind.PHASE)
        if part.without is not None and part.index in names
    ]
    if parts:
        words = f"With the next best phase for {', for '.join(parts)}."
        canvas.text(_LEFT, y, words, size=SMALL_PX, color=TEXT)


def _without(explanation: Explanation, value: float | None) -> str:
    return "no value" if value is None else _number(explanation, value)


def _number(explanation: Explanation, value: float) -> str:
    places = digits(explanation.unit)
    return f"{value:.{places}f} {readable_unit(explanation.unit)}".strip()
