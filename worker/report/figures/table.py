"""The table of key numbers: value, uncertainty, value per body surface, normal range."""

from collections.abc import Sequence
from dataclasses import dataclass

from plugin.domain.findings import Assessment, Measurement, NormalRange
from worker.findings.sentences import number_of
from worker.report.figures.canvas import (
    BODY_PX,
    MUTED,
    RULE,
    SMALL_PX,
    TEXT,
    WARNING,
    Canvas,
)
from worker.report.figures.typesetting import text_width
from worker.report.wording import range_text, readable_unit, short_population

_SECTIONS = (
    (
        "Left ventricle",
        (
            ("EF", "lv_ejection_fraction"),
            ("EDV", "lv_end_diastolic_volume"),
            ("ESV", "lv_end_systolic_volume"),
            ("SV", "lv_stroke_volume"),
            ("Mass", "lv_mass"),
            ("Max. wall", "maximal_wall_thickness"),
        ),
    ),
    (
        "Right ventricle",
        (
            ("EF", "rv_ejection_fraction"),
            ("EDV", "rv_end_diastolic_volume"),
            ("ESV", "rv_end_systolic_volume"),
            ("SV", "rv_stroke_volume"),
        ),
    ),
    (
        "Circulation",
        (("Heart rate", "heart_rate"), ("Output", "cardiac_output")),
    ),
)
_INDEX_KEYS = {"cardiac_output": "cardiac_index"}
_ONE_DECIMAL = ("l/min", "l/min/m2")
_ARROWS = {"above": "▲", "below": "▼", "within": ""}
_NAME, _VALUE, _UNIT, _INTERVAL, _INDEX, _INDEX_UNIT, _NORMAL = 0, 168, 176, 228, 394, 401, 464
_HEADING_HEIGHT, _ROW_HEIGHT = 33, 31
_SMALLEST_PX = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a value and, where there is one, its counterpart per body surface."""

    name: str
    value: Measurement
    index: Measurement | None

    @property
    def graded(self) -> Measurement:
        """The one whose normal range is shown: per body surface where that has one."""
        if self.index is not None and self.index.normal_ranges:
            return self.index
        return self.value

    @property
    def range_words(self) -> str:
        """The normal range; with the populations' initials where there are several."""
        ranges, unit = self.graded.normal_ranges, readable_unit(self.graded.unit)
        if not ranges:
            return ""
        if len(ranges) == 1:
            return f"{range_text(ranges[0])} {unit}"
        words = "  ".join(f"{_initial(r)} {range_text(r).replace(' to ', '–')}" for r in ranges)
        return f"{words} {unit}"


def table_rows(assessment: Assessment) -> list[tuple[str, list[Row]]]:
    """Return the sections with those rows that were measured, none where nothing was."""
    sections = []
    for title, entries in _SECTIONS:
        rows = []
        for name, key in entries:
            value = assessment.measurement(key)
            if value is not None:
                index = assessment.measurement(_INDEX_KEYS.get(key, f"{key}_index"))
                rows.append(Row(name, value, index))
        sections.append((title, rows))
    return sections


def draw_table(canvas: Canvas, assessment: Assessment, x: float, y: float, width: float) -> None:
    """Draw the table with its top left corner at (x, y)."""
    for column, words in (
        (_INTERVAL, "90 % interval"),
        (_INDEX - 34, "per m²"),
        (_NORMAL, normal_heading(assessment)),
    ):
        canvas.text(x + column, y + 16, words, color=MUTED, size=SMALL_PX)
    sections = table_rows(assessment)
    ranges = [row.range_words for _, rows in sections for row in rows]
    range_size = _fitting_size(ranges, width - _NORMAL)
    for title, rows in sections:
        canvas.text(x, y + 16, title, weight="bold", size=BODY_PX + 1)
        y += _HEADING_HEIGHT
        canvas.axes.plot([x, x + width], [y - 3, y - 3], color=RULE, linewidth=1, zorder=2)
        if not rows:
            canvas.text(x, y + _ROW_HEIGHT / 2, "not reported, see the notes", color=MUTED)
            y += _ROW_HEIGHT
        for row in rows:
            _draw_row(canvas, row, x, y + _ROW_HEIGHT / 2)
            normal_at = (x + _NORMAL, y + _ROW_HEIGHT / 2)
            canvas.text(*normal_at, row.range_words, color=MUTED, size=range_size)
            y += _ROW_HEIGHT
        y += 6
    if assessment.bsa_m2 is not None:
        formula = f" ({assessment.bsa_formula})" if assessment.bsa_formula else ""
        words = f"Body surface area {assessment.bsa_m2:.2f} m²{formula}"
    else:
        words = "Body surface area unknown (no height or weight): no value per m²"
    canvas.text(x, y + 10, words, color=MUTED, size=SMALL_PX)


def normal_heading(assessment: Assessment) -> str:
    """Return ``normal (men)`` where all ranges are of one population, nothing without ranges."""
    populations = {short_population(r) for m in assessment.measurements for r in m.normal_ranges}
    if not populations:
        return ""
    if populations == {"men", "women"}:
        return "normal (M, F)"
    return f"normal ({populations.pop()})" if len(populations) == 1 else "normal"


def _draw_row(canvas: Canvas, row: Row, x: float, middle: float) -> None:
    canvas.text(x + _NAME, middle, row.name, color=MUTED)
    _draw_value(canvas, row.value, x + _VALUE, x + _UNIT, middle)
    if row.value.interval is not None:
        low, high = (shown(v, row.value.unit) for v in row.value.interval)
        canvas.text(x + _INTERVAL, middle, f"{low} to {high}", color=MUTED, size=SMALL_PX)
    if row.index is not None:
        _draw_value(canvas, row.index, x + _INDEX, x + _INDEX_UNIT, middle)


def _draw_value(
    canvas: Canvas, measurement: Measurement, right: float, unit_x: float, middle: float
) -> None:
    """Write the value right-aligned with its unit, marked when it is outside every range."""
    side = side_of(measurement)
    words = f"{_ARROWS[side]} {number_of(measurement)}".strip()
    colour = TEXT if side == "within" else WARNING
    canvas.text(right, middle, words, ha="right", weight="bold", size=BODY_PX + 2, color=colour)
    canvas.text(unit_x, middle, readable_unit(measurement.unit), color=MUTED, size=SMALL_PX)


def _fitting_size(lines: Sequence[str], room: float) -> int:
    """Return the largest size in which every line fits ``room`` pixels."""
    size = SMALL_PX
    while size > _SMALLEST_PX and any(text_width(words, size) > room for words in lines):
        size -= 1
    return size


def _initial(normal: NormalRange) -> str:
    """Return ``M`` for men, ``F`` for women, else the population in a word."""
    population = short_population(normal)
    return {"men": "M", "women": "F"}.get(population, population)


def side_of(measurement: Measurement) -> str:
    """Return above or below when all normal ranges say so, else within."""
    sides = {normal.side(measurement.value) for normal in measurement.normal_ranges}
    return sides.pop() if len(sides) == 1 else "within"


def shown(value: float, ucum: str) -> str:
    """Return the number as the picture shows it: whole, flow with one decimal."""
    return f"{value:.1f}" if ucum in _ONE_DECIMAL else f"{value:.0f}"
