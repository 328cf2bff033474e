"""The summary page: what a reader sees first, on one picture.

Knows the layout; the parts draw themselves. No patient name, identifier or date is on it.
"""

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment, Priority
from worker.findings.contours import SliceContours, contours
from worker.findings.language import load_language
from worker.report.figures.beside import HEIGHT as STRIP_HEIGHT
from worker.report.figures.beside import draw_beside
from worker.report.figures.bullseye import draw_bullseye
from worker.report.figures.canvas import (
    BODY_PX,
    ENDOCARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    SMALL_PX,
    TEXT,
    WARNING,
    Canvas,
    RgbArray,
)
from worker.report.figures.curve import draw_curve, right_ventricle_reported
from worker.report.figures.page import draw_footer, draw_header, heading
from worker.report.figures.table import draw_table
from worker.report.figures.tiles import TileView, grey_window, heart_crop
from worker.report.figures.typesetting import wrap
from worker.report.identity import AnalysisIdentity
from worker.report.wording import lower_case
from worker.volume.types import CineStack

WIDTH, HEIGHT = 1536, 1060
LEVELS = (("base", 0.15), ("mid", 0.5), ("apex", 0.85))
"""Name of a shown slice and its share of the cavity's length from the base."""
_TILE, _GAP, _LEFT, _TOP = 262, 6, 20, 68
_RIGHT_X, _RIGHT_WIDTH = 838, 678
_LOWER_Y, _LOWER_HEIGHT = 612, 356
_LINE = 24
_NOT_ASSESSED_Y, _NOT_ASSESSED_LINES = 984, 2
_LINE_SPACING, _PARAGRAPH_GAP = 1.32, 0.33  # shares of the type size
_STATEMENT_SIZES = (BODY_PX, 17, 16, 15, 14)
_SIZES_WITH_STRATA = (BODY_PX, 17, 16)
_USUAL_STRATUM = "ejection_fraction_preserved"
_LV_CAVITY = 3


def summary_page(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> RgbArray:
    """Return the page as uint8 ``[1060, 1536, 3]``, higher by a strip beside an earlier result.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``.
    """
    return compose_summary(stack, labels, assessment, identity).pixels()


def compose_summary(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> Canvas:
    """Lay out the page without drawing its pixels."""
    comparison = assessment.comparison
    latest = None if comparison is None else comparison.latest
    lower = 0 if latest is None else STRIP_HEIGHT + _GAP + _GAP
    canvas = Canvas(WIDTH, HEIGHT + lower)
    draw_header(canvas, "Cardiac MRI, short-axis cine: ventricular volumes and wall thickness")
    _draw_tiles(canvas, stack, labels, assessment)
    canvas.panel(_RIGHT_X, _TOP, _RIGHT_WIDTH, 2 * _TILE + _GAP)
    draw_table(canvas, assessment, _RIGHT_X + 16, _TOP + 6, _RIGHT_WIDTH - 32)
    canvas.panel(_LEFT, _LOWER_Y, 410, _LOWER_HEIGHT)
    heading(canvas, _LEFT + 14, _LOWER_Y + 20, "Volume (ml)")
    canvas.text(_LEFT + 150, _LOWER_Y + 20, "LV", color=ENDOCARDIUM, weight="bold")
    if right_ventricle_reported(assessment):
        canvas.text(_LEFT + 186, _LOWER_Y + 20, "RV", color=RIGHT_VENTRICLE, weight="bold")
    draw_curve(canvas, assessment, (_LEFT, _LOWER_Y + 36, 410, _LOWER_HEIGHT - 36))
    _draw_wall(canvas, assessment)
    _draw_statements(canvas, assessment)
    if comparison is not None and latest is not None:
        strip_y = _LOWER_Y + _LOWER_HEIGHT + _GAP
        draw_beside(canvas, comparison, latest, _LEFT, strip_y, WIDTH - 2 * _LEFT)
    _draw_not_assessed(canvas, assessment, _NOT_ASSESSED_Y + lower)
    draw_footer(canvas, identity)
    return canvas


def shown_slices(labels: npt.NDArray[np.uint8], ed_phase: int, es_phase: int) -> list[int]:
    """Return three slices with LV cavity at end-diastole and, where possible, end-systole."""
    ed = (labels[ed_phase] == _LV_CAVITY).any(axis=(1, 2))
    both = np.flatnonzero(ed & (labels[es_phase] == _LV_CAVITY).any(axis=(1, 2)))
    found = both if both.size else np.flatnonzero(ed)
    if not found.size:
        found = np.arange(labels.shape[1])
    return [int(found[round(share * (found.size - 1))]) for _, share in LEVELS]


def _draw_tiles(
    canvas: Canvas, stack: CineStack, labels: npt.NDArray[np.uint8], assessment: Assessment
) -> None:
    phases = (("ED", assessment.ed_phase), ("ES", assessment.es_phase))
    slices = shown_slices(labels, assessment.ed_phase, assessment.es_phase)
    shown = labels[[phase for _, phase in phases]]
    crop = heart_crop(shown, stack).fitted(1.0)
    ed_phase = assessment.ed_phase
    view = TileView(stack, crop, grey_window(stack.pixels[ed_phase], labels[ed_phase]))
    for row, (name, phase) in enumerate(phases):
        outlines: tuple[SliceContours, ...] = contours(labels[phase])
        for column, (index, (level, _)) in enumerate(zip(slices, LEVELS, strict=True)):
            place = (
                _LEFT + column * (_TILE + _GAP),
                _TOP + row * (_TILE + _GAP),
                _TILE,
                _TILE,
            )
            view.draw(canvas, place, stack.pixels[phase, index], outlines[index])
            view.marks(canvas, place)
            words = f"{name} {level}"
            canvas.text(place[0] + 8, place[1] + 14, words, weight="bold", on_image=True)
            words = f"slice {index + 1}"
            canvas.text(place[0] + 8, place[1] + 36, words, size=14, on_image=True)
            if row == 1 and column == len(LEVELS) - 1:
                view.scale_bar(canvas, place)


def _draw_wall(canvas: Canvas, assessment: Assessment) -> None:
    """Draw the bull's-eye of end-diastolic wall thickness, or say that there is none."""
    x, width = 442, 376
    canvas.panel(x, _LOWER_Y, width, _LOWER_HEIGHT)
    heading(canvas, x + 14, _LOWER_Y + 20, "Wall thickness at ED (mm)")
    values = {
        m.segment: m.value
        for m in assessment.measurements
        if m.segment is not None and m.key == "wall_thickness_ed"
    }
    centre = (x + width / 2, _LOWER_Y + 186)
    if values:
        draw_bullseye(canvas, values, centre, 124)
        words = "means of AHA segments; apex not measured"
        canvas.text(centre[0], _LOWER_Y + 342, words, ha="center", color=MUTED, size=14)
        return
    for line, words in enumerate(("not reported:", "segments could not be", "placed safely")):
        canvas.text(centre[0], centre[1] + (line - 1) * _LINE, words, ha="center", color=MUTED)


def _draw_statements(canvas: Canvas, assessment: Assessment) -> None:
    """Write reason of the priority, impression and notes, and risk strata where there is room.

    The type gets smaller until all of it fits; what does not fit even then is in the report.
    """
    canvas.panel(_RIGHT_X, _LOWER_Y, _RIGHT_WIDTH, _LOWER_HEIGHT)
    x, y = _RIGHT_X + 16, float(_LOWER_Y + 20)
    heading(canvas, x, y, "Impression")
    if assessment.priority.level is not Priority.ROUTINE:
        words = f"suggested priority: {assessment.priority.level}"
        right = _RIGHT_X + _RIGHT_WIDTH - 16
        canvas.text(right, y, words, ha="right", weight="bold", color=WARNING)
    y += 28
    bottom = _LOWER_Y + _LOWER_HEIGHT - 12
    plain = _statements(assessment, notes_first=False)
    statements = [*plain, *_pattern(assessment), *_strata(assessment)]
    room = bottom - y
    size, paragraphs, fits = _fitting_paragraphs(statements, room, _SIZES_WITH_STRATA)
    if not fits:
        statements = plain
        size, paragraphs, fits = _fitting_paragraphs(statements, room)
    if not fits:
        statements = _statements(assessment, notes_first=True)
        size, paragraphs, _ = _fitting_paragraphs(statements, room)
    line_height, gap = size * _LINE_SPACING, size * _PARAGRAPH_GAP
    for index, ((_, colour), lines) in enumerate(zip(statements, paragraphs, strict=True)):
        n_after = 0 if index == len(paragraphs) - 1 else 1
        if y + (len(lines) - 1 + n_after) * line_height > bottom:
            canvas.text(x, y, "More in the report.", color=MUTED, size=size)
            return
        for line in lines:
            canvas.text(x, y, line, color=colour, size=size)
            y += line_height
        y += gap


def _fitting_paragraphs(
    statements: list[tuple[str, str]],
    room: float,
    sizes: tuple[int, ...] = _STATEMENT_SIZES,
) -> tuple[int, list[list[str]], bool]:
    """Return the largest type that fits ``room`` pixels, the lines in it, and whether it fits."""
    paragraphs: list[list[str]] = []
    size = BODY_PX
    for size in sizes:
        paragraphs = [wrap(words, _RIGHT_WIDTH - 32, size) for words, _ in statements]
        n_lines = sum(len(lines) for lines in paragraphs)
        needed = (n_lines - 1) * _LINE_SPACING + (len(paragraphs) - 1) * _PARAGRAPH_GAP
        if needed * size <= room:
            return size, paragraphs, True
    return size, paragraphs, False


def _statements(assessment: Assessment, *, notes_first: bool) -> list[tuple[str, str]]:
    """Return sentences and their colours, the most important first.

    Notes may put the numbers in doubt. ``notes_first`` moves them before those sentences of the
    impression that are no findings: what then does not fit the page is in the table as well.
    """
    promoted = assessment.priority.level is not Priority.ROUTINE
    reason = [(assessment.priority.sentence, WARNING)] if assessment.priority.has_reason else []
    # Whoever words it, an impression begins with its findings, as a rule a sentence for each.
    n_findings = len(assessment.findings)
    impression = [(words, TEXT) for words in assessment.impression]
    findings, rest = impression[:n_findings], impression[n_findings:]
    noted = [note.sentence for note in assessment.quality]
    if assessment.comparison is not None:
        say = load_language("en").tables["earlier"]
        noted += [say[one.value] for one in assessment.comparison.obstacles]
    notes = [(f"Note: {words}", MUTED) for words in noted]
    first, last = (reason, []) if promoted else ([], reason)
    end = [*notes, *rest] if notes_first else [*rest, *notes]
    statements = [*first, *findings, *last, *end]
    return [(words, colour) for words, colour in statements if words.strip()]


def _pattern(assessment: Assessment) -> list[tuple[str, str]]:
    """Return what the pattern resembles; it never takes the room of what was measured."""
    return [] if assessment.pattern is None else [(assessment.pattern.sentence, MUTED)]


def _strata(assessment: Assessment) -> list[tuple[str, str]]:
    """Return the sentences of the risk strata; the usual band stands in the report only."""
    return [(one.sentence, MUTED) for one in assessment.strata if one.key != _USUAL_STRATUM]


def _draw_not_assessed(canvas: Canvas, assessment: Assessment, y: float) -> None:
    """Write across the page what was not looked at, so that nothing implies its absence."""
    names = ", ".join(lower_case(thing.code.meaning) for thing in assessment.not_assessed)
    if not names:
        return
    size = SMALL_PX - 1
    lines = wrap(f"Not assessed: {names}.", WIDTH - 2 * _LEFT, size)
    if len(lines) > _NOT_ASSESSED_LINES:
        lines = [lines[0], "and more: see the report."]
    for index, line in enumerate(lines):
        canvas.text(_LEFT, y + index * 20, line, size=size)
