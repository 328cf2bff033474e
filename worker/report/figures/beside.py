"""Values beside those of the latest earlier result: the summary's strip, the rows of the PDF.

Numbers and how each difference stands to the uncertainty of both; no word on what it means. Says
how many days lie between, never a date.
"""

from collections.abc import Iterator

from plugin.domain.comparison import Change, Comparison, EarlierResult, Verdict
from plugin.domain.findings import Assessment
from worker.findings.compared import days_before
from worker.findings.language import load_language
from worker.report.figures.canvas import BODY_PX, MUTED, SMALL_PX, TEXT, WARNING, Canvas
from worker.report.wording import readable_unit

HEIGHT = 112
_SHOWN = (
    ("LV EF", "lv_ejection_fraction"),
    ("LV EDV", "lv_end_diastolic_volume"),
    ("LV ESV", "lv_end_systolic_volume"),
    ("LV mass", "lv_mass"),
    ("Max. wall", "maximal_wall_thickness"),
    ("RV EF", "rv_ejection_fraction"),
    ("RV EDV", "rv_end_diastolic_volume"),
    ("RV ESV", "rv_end_systolic_volume"),
)
_FIRST_CELL, _CELL = 275, 151
_LIMIT = 84
_ROWS = (22, 52, 87)
_REMARK_PX = 14


def draw_beside(
    canvas: Canvas, comparison: Comparison, latest: EarlierResult, x: float, y: float, width: float
) -> None:
    """Draw the strip with its top left corner at (x, y)."""
    canvas.panel(x, y, width, HEIGHT)
    canvas.text(x + 14, y + _ROWS[0], "Earlier result", weight="bold")
    when = days_before(latest.days, load_language("en"))
    canvas.text(x + 14, y + 45, when, size=SMALL_PX)
    canvas.text(x + 14, y + 66, _remark(latest), size=_REMARK_PX, color=MUTED)
    words = "difference, ± error of both"
    canvas.text(x + 14, y + _ROWS[2], words, size=_REMARK_PX, color=MUTED)
    changes = {one.key: one for one in comparison.changes}
    shown = [(name, changes[key]) for name, key in _SHOWN if key in changes]
    if not shown:
        canvas.text(x + _FIRST_CELL, y + _ROWS[1], "no value in common", color=MUTED)
    for number, (name, change) in enumerate(shown):
        _draw_cell(canvas, name, change, x + _FIRST_CELL + number * _CELL, y)


def _draw_cell(canvas: Canvas, name: str, change: Change, x: float, y: float) -> None:
    """Write before and now, and below them the difference; marked where it exceeds both errors."""
    unit = readable_unit(change.unit)
    canvas.text(x, y + _ROWS[0], f"{name} ({unit})", color=MUTED, size=SMALL_PX)
    canvas.text(x, y + _ROWS[1], f"{change.before:.1f} → {change.now:.1f}", size=BODY_PX - 1)
    beyond = change.verdict is Verdict.BEYOND
    arrow = ("▼ " if change.difference < 0 else "▲ ") if beyond else ""
    weight, colour = ("bold", WARNING) if beyond else ("normal", TEXT)
    words = f"{arrow}{change.difference:+.1f}"
    canvas.text(x, y + _ROWS[2], words, size=SMALL_PX, color=colour, weight=weight)
    limit = "?" if change.limit is None else f"{change.limit:.1f}"
    canvas.text(x + _LIMIT, y + _ROWS[2], f"± {limit}", size=_REMARK_PX, color=MUTED)


def _remark(latest: EarlierResult) -> str:
    if latest.is_doubtful:
        return "put in doubt by its own notes"
    return "measured by the same version" if latest.same_version else "measured by another version"


def beside_rows(assessment: Assessment) -> Iterator[tuple[str, ...]]:
    """Yield a table of all compared values, then what is to be known of earlier results."""
    comparison = assessment.comparison
    if comparison is None:
        return
    language = load_language("en")
    latest = comparison.latest
    if latest is not None:
        before = days_before(latest.days, language)
        yield "", "now", before, "difference, beside the error of both"
        for change in comparison.changes:
            yield _row(change, language.tables["measurements"][change.key])
        yield (f"The earlier result was {_remark(latest)}.",)
    for obstacle in comparison.obstacles:
        yield (language.tables["earlier"][obstacle.value],)


def _row(change: Change, name: str) -> tuple[str, ...]:
    unit = readable_unit(change.unit)
    words = {
        Verdict.BEYOND: "more than",
        Verdict.WITHIN: "within",
        Verdict.UNKNOWN: "error unknown",
    }
    limit = "" if change.limit is None else f" ±{change.limit:.1f}"
    return (
        name,
        f"{change.now:.1f} {unit}",
        f"{change.before:.1f} {unit}",
        f"{change.difference:+.1f}, {words[change.verdict]}{limit}",
    )
