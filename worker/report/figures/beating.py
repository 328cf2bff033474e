"""The contours over the beat: three levels side by side and where in the beat they are.

Every phase is a page of the same layout. Knows no DICOM and no patient.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment
from worker.findings.contours import slice_contours
from worker.report.figures.canvas import (
    ENDOCARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    SMALL_PX,
    TEXT,
    WARNING,
    Canvas,
    Picture,
    RgbArray,
    points,
)
from worker.report.figures.curve import right_ventricle_reported
from worker.report.figures.page import draw_footer, draw_header, draw_key
from worker.report.figures.summary import LEVELS, shown_slices
from worker.report.figures.tiles import TileView, grey_window, heart_crop
from worker.report.identity import AnalysisIdentity
from worker.volume.types import CineStack

WIDTH, HEIGHT = 856, 544  # multiples of the 8 pixels that JPEG works in
_LEFT, _TOP, _TILE, _GAP = 14, 66, 272, 6
_CURVE_Y, _CURVE_HEIGHT = 346, 112


def beating_pages(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> list[RgbArray]:
    """Return one page for each phase, uint8 ``[544, 856, 3]``, in the order of the phases.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``.
    """
    canvas, curve = _common(assessment, identity)
    view = TileView(
        stack,
        heart_crop(labels, stack).fitted(1.0),
        grey_window(stack.pixels[assessment.ed_phase], labels[assessment.ed_phase]),
    )
    slices = shown_slices(labels, assessment.ed_phase, assessment.es_phase)
    drawings = (
        partial(_draw_phase, canvas, curve, view, labels, assessment, slices, phase)
        for phase in range(stack.n_phases)
    )
    return list(canvas.frames(drawings, _labels(canvas, view)))


def _labels(page: Canvas, view: TileView) -> Picture:
    """Draw what stands over the images of every phase."""
    labels = Canvas(WIDTH, _TILE, background="none")
    for column, (level, _) in enumerate(LEVELS):
        place = (_LEFT + column * (_TILE + _GAP), 0, _TILE, _TILE)
        labels.text(place[0] + 8, 14, level, weight="bold", size=SMALL_PX, on_image=True)
        if column == 0:
            view.marks(labels, place)
        if column == len(LEVELS) - 1:
            view.scale_bar(labels, place)
    return labels.layer(page, 0, _TOP)


def _common(assessment: Assessment, identity: AnalysisIdentity) -> tuple[Canvas, Any]:
    """Draw what all phases have in common; also return the axes of the volumes."""
    canvas = Canvas(WIDTH, HEIGHT)
    draw_header(canvas, "Contours over the beat")
    canvas.panel(_LEFT, _CURVE_Y, WIDTH - 2 * _LEFT, _CURVE_HEIGHT)
    axes = canvas.inset(_LEFT + 52, _CURVE_Y + 8, WIDTH - 2 * _LEFT - 52 - 190, _CURVE_HEIGHT - 34)
    curve = assessment.curve
    axes.plot(curve.trigger_times_ms, curve.lv_ml, color=ENDOCARDIUM, linewidth=points(2.5))
    highest = max(curve.lv_ml)
    if right_ventricle_reported(assessment):
        axes.plot(curve.trigger_times_ms, curve.rv_ml, color=RIGHT_VENTRICLE, linewidth=points(2.5))
        highest = max(highest, *curve.rv_ml)
    axes.set_ylim(0, 1.1 * max(highest, 1.0))
    axes.tick_params(colors=MUTED, labelsize=points(SMALL_PX - 2), length=3)
    axes.locator_params(axis="y", nbins=3)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    draw_key(canvas, HEIGHT - 60)
    draw_footer(canvas, identity, with_key=False)
    return canvas, axes


def _draw_phase(
    canvas: Canvas,
    curve: Any,
    view: TileView,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    slices: list[int],
    phase: int,
) -> None:
    """Add the images of one phase, and the phase itself, to the page."""
    for column, index in enumerate(slices):
        place = (_LEFT + column * (_TILE + _GAP), _TOP, _TILE, _TILE)
        outlines = slice_contours(labels[phase, index])
        view.draw(canvas, place, view.stack.pixels[phase, index], outlines)
    measured = assessment.curve
    time_ms, lv_ml = measured.trigger_times_ms[phase], measured.lv_ml[phase]
    x, bottom = curve.transData.transform((time_ms, 0.0))
    top = HEIGHT - curve.transData.transform((time_ms, curve.get_ylim()[1]))[1]
    canvas.lines([np.array([[x, HEIGHT - bottom], [x, top]])], TEXT, 2.0)
    names = {assessment.ed_phase: "end-diastole", assessment.es_phase: "end-systole"}
    at = WIDTH - _LEFT - 172
    for line, (words, colour) in enumerate(
        (
            (f"phase {phase + 1} of {len(labels)}", TEXT),
            (f"{time_ms:.0f} ms after R", TEXT),
            (f"LV {lv_ml:.0f} ml", ENDOCARDIUM),
            (names.get(phase, ""), WARNING),
        )
    ):
        canvas.text(at, _CURVE_Y + 18 + line * 25, words, size=SMALL_PX, color=colour)
