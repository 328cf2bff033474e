"""The summary page: what a reader sees first, on one picture.

Knows the layout; the parts draw themselves. No patient name, identifier or date is on it.
"""

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment, Priority
from worker.findings.contours import SliceContours, contours
from worker.report.figures.bullseye import draw_bullseye
from worker.report.figures.canvas import (
    BODY_PX,
    ENDOCARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    TEXT,
    WARNING,
    Canvas,
    RgbArray,
)
from worker.report.figures.curve import draw_curve
from worker.report.figures.page import draw_footer, draw_header, heading
from worker.report.figures.table import draw_table
from worker.report.figures.tiles import TileView, grey_window, heart_crop
from worker.report.identity import AnalysisIdentity
from worker.report.wording import lower_case
from worker.volume.types import CineStack

WIDTH, HEIGHT = 1536, 1024
_LEVELS = (("base", 0.15), ("mid", 0.5), ("apex", 0.85))
_TILE, _GAP, _LEFT, _TOP = 262, 6, 20, 68
_RIGHT_X, _RIGHT_WIDTH = 838, 678
_LOWER_Y, _LOWER_HEIGHT = 612, 356
_LINE = 24
_STATEMENT_SIZES = (BODY_PX, 17, 16, 15, 14)
_LV_CAVITY = 3


def summary_page(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> RgbArray:
    """Return the page as uint8 ``[1024, 1536, 3]``.

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
    canvas = Canvas(WIDTH, HEIGHT)
    draw_header(canvas, "Cardiac MRI, short-axis cine: ventricular volumes and wall thickness")
    _draw_tiles(canvas, stack, labels, assessment)
    canvas.panel(_RIGHT_X, _TOP, _RIGHT_WIDTH, 2 * _TILE + _GAP)
    draw_table(canvas, assessment, _RIGHT_X + 16, _TOP + 6, _RIGHT_WIDTH - 32)
    canvas.panel(_LEFT, _LOWER_Y, 410, _LOWER_HEIGHT)
    heading(canvas, _LEFT + 14, _LOWER_Y + 20, "Volume (ml)")
    canvas.text(_LEFT + 150, _LOWER_Y + 20, "LV", color=ENDOCARDIUM, weight="bold")
    canvas.text(_LEFT + 186, _LOWER_Y + 20, "RV", color=RIGHT_VENTRICLE, weight="bold")
    draw_curve(canvas, assessment, (_LEFT, _LOWER_Y + 36, 410, _LOWER_HEIGHT - 36))
    _draw_wall(canvas, assessment)
    _draw_statements(canvas, assessment)
    draw_footer(canvas, identity)
    return canvas


def shown_slices(labels: npt.NDArray[np.uint8], ed_phase: int, es_phase: int) -> list[int]:
    """Return three slices with LV cavity at end-diastole and, where possible, end-systole."""
    ed = (labels[ed_phase] == _LV_CAVITY).any(axis=(1, 2))
    both = np.flatnonzero(ed & (labels[es_phase] == _LV_CAVITY).any(axis=(1, 2)))
    found = both if both.size else np.flatnonzero(ed)
    if not found.size:
        found = np.arange(labels.shape[1])
    return [int(found[round(share * (found.size - 1))]) for _, share in _LEVELS]


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
        for column, (index, (level, _)) in enumerate(zip(slices, _LEVELS, strict=True)):
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
            if row == 1 and column == len(_LEVELS) - 1:
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
    centre = (x + width / 2, _LOWER_Y + 194)
    if values:
        draw_bullseye(canvas, values, centre, 132)
        return
    for line, words in enumerate(("not reported:", "segments could not be", "placed safely")):
        canvas.text(centre[0], centre[1] + (line - 1) * _LINE, words, ha="center", color=MUTED)


def _draw_statements(canvas: Canvas, assessment: Assessment) -> None:
    """Write impression, reason of the priority, notes and what was not assessed.

    The type gets smaller until all of it fits; what does not fit even then is in the report.
    """
    canvas.panel(_RIGHT_X, _LOWER_Y, _RIGHT_WIDTH, _LOWER_HEIGHT)
    x, y = _RIGHT_X + 16, float(_LOWER_Y + 20)
    heading(canvas, x, y, "Impression")
    if assessment.priority.level is not Priority.ROUTINE:
        words = f"suggested priority: {assessment.priority.level}"
        right = _RIGHT_X + _RIGHT_WIDTH - 16
        canvas.text(right, y, words, ha="right", weight="bold", color=WARNING)
    size, lines = _fitting_lines(canvas, assessment, _LOWER_HEIGHT - 44)
    y += 27
    bottom = _LOWER_Y + _LOWER_HEIGHT - 10
    for words, colour, height in lines:
        if y + height > bottom:
            canvas.text(x, bottom - 4, "More in the report.", color=MUTED, size=size)
            return
        canvas.text(x, y, words, color=colour, size=size)
        y += height


def _fitting_lines(
    canvas: Canvas, assessment: Assessment, room: float
) -> tuple[int, list[tuple[str, str, float]]]:
    """Return the largest type that fits, and lines with their colours and heights."""
    lines: list[tuple[str, str, float]] = []
    size = BODY_PX
    for size in _STATEMENT_SIZES:
        lines = []
        for words, colour in _statements(assessment):
            wrapped = canvas.wrap(words, _RIGHT_WIDTH - 32, size)
            lines += [(line, colour, size * 1.32) for line in wrapped]
            last, _, height = lines[-1]
            lines[-1] = (last, colour, height + size * 0.33)
        if sum(height for _, _, height in lines) <= room:
            break
    return size, lines


def _statements(assessment: Assessment) -> list[tuple[str, str]]:
    statements = [(sentence, TEXT) for sentence in assessment.impression]
    if assessment.priority.level is not Priority.ROUTINE:
        statements.append((assessment.priority.sentence, WARNING))
    statements += [(f"Note: {note.sentence}", MUTED) for note in assessment.quality]
    names = ", ".join(lower_case(thing.code.meaning) for thing in assessment.not_assessed)
    if names:
        statements.append((f"Not assessed: {names}.", MUTED))
    return [(words, colour) for words, colour in statements if words.strip()]
