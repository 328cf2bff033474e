"""The contour sheet: every slice at end-diastole and end-systole, so that each can be judged."""

from math import ceil

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment
from worker.findings.contours import contours
from worker.report.figures.canvas import Canvas, RgbArray
from worker.report.figures.page import draw_footer, draw_header
from worker.report.figures.tiles import TileView, grey_window, heart_crop
from worker.report.identity import AnalysisIdentity
from worker.volume.types import CineStack

WIDTH, HEIGHT = 1536, 1024
_LEFT, _TOP, _BOTTOM = 20, 68, 972
_PAIR_GAP, _GAP = 3, 10
_MAXIMUM_TILE = 300
_ASPECTS = (1.0, 1.35)  # width over height that a tile may have
_LABEL_PX = 16


def contour_sheet(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> RgbArray:
    """Return the page as uint8 ``[row, 1536, 3]``, at most 1024 rows; slices from base to apex.

    Each slice is a pair of tiles, end-diastole above end-systole.
    """
    return compose_sheet(stack, labels, assessment, identity).pixels()


def compose_sheet(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> Canvas:
    """Lay out the page without drawing its pixels."""
    n_columns, width, height = tile_layout(stack.n_slices)
    n_blocks = ceil(stack.n_slices / n_columns)
    used = n_blocks * (2 * height + _PAIR_GAP + _GAP) - _GAP
    canvas = Canvas(WIDTH, _TOP + used + HEIGHT - _BOTTOM)
    draw_header(canvas, "Contours at end-diastole (ED) and end-systole (ES), base to apex")
    phases = (("ED", assessment.ed_phase), ("ES", assessment.es_phase))
    crop = heart_crop(labels[[phase for _, phase in phases]], stack).fitted(width / height)
    ed_phase = assessment.ed_phase
    view = TileView(stack, crop, grey_window(stack.pixels[ed_phase], labels[ed_phase]))
    left = (WIDTH - n_columns * (width + _GAP) + _GAP) // 2
    for row, (name, phase) in enumerate(phases):
        outlines = contours(labels[phase])
        for index in range(stack.n_slices):
            block, column = divmod(index, n_columns)
            y = _TOP + block * (2 * height + _PAIR_GAP + _GAP) + row * (height + _PAIR_GAP)
            place = (left + column * (width + _GAP), y, width, height)
            view.draw(canvas, place, stack.pixels[phase, index], outlines[index])
            canvas.text(place[0] + 7, y + 13, name, weight="bold", size=_LABEL_PX, on_image=True)
            if not labels[phase, index].any():
                words = "no contour"
                canvas.text(place[0] + 7, y + 33, words, size=14, on_image=True)
            if row == 0:
                right, words = place[0] + width - 7, f"slice {index + 1}"
                canvas.text(right, y + 13, words, size=_LABEL_PX - 2, ha="right", on_image=True)
            if index == 0:
                view.marks(canvas, place)
            if index == 0 and row == 1:
                view.scale_bar(canvas, place)
    draw_footer(canvas, identity)
    return canvas


def tile_layout(n_slices: int) -> tuple[int, int, int]:
    """Return columns of slices, tile width and height that show the heart largest."""
    best = (1, 1, 1)
    for n_columns in range(1, n_slices + 1):
        n_blocks = ceil(n_slices / n_columns)
        free_height = _BOTTOM - _TOP - n_blocks * (_PAIR_GAP + _GAP) + _GAP
        height = min(free_height // (2 * n_blocks), _MAXIMUM_TILE)
        free_width = (WIDTH - 2 * _LEFT - (n_columns - 1) * _GAP) // n_columns
        width = min(free_width, int(height * _ASPECTS[1]))
        height = min(height, int(width / _ASPECTS[0]))
        if height > best[2] or (height == best[2] and width > best[1]):
            best = (n_columns, width, height)
    return best
