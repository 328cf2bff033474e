"""Pictures of an evaluation: what the contours of a patient look like."""

from io import BytesIO

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY
from worker.report.figures.canvas import (
    BACKGROUND,
    ENDOCARDIUM,
    EPICARDIUM,
    RIGHT_VENTRICLE,
    TEXT,
)
from worker.training.evaluate import PHASES, Case

_TILE_INCH = 1.6
_DPI = 100
_MARGIN_MM = 15.0


def case_png(case: Case, labels: npt.NDArray[np.uint8]) -> bytes:
    """Draw all slices of both phases, base first: expert dotted, network solid.

    Shows the heart in the colours of the report's pages, cut to 15 mm around both drawings.

    Parameters
    ----------
    labels
        uint8 ``[2, slice, row, column]``: the network's.
    """
    n_slices = case.stack.n_slices
    figure = Figure(figsize=(_TILE_INCH * n_slices, 2 * _TILE_INCH), facecolor=BACKGROUND)
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.02, hspace=0.02)
    grid = figure.subplots(len(PHASES), n_slices, squeeze=False)
    rows, columns = shown_square(case, labels)
    heart = (labels > 0) | (case.truth > 0)
    for phase, name in enumerate(PHASES):
        white = brightest(case.stack.pixels[phase][heart[phase]])
        for z in range(n_slices):
            axes = grid[phase, z]
            axes.imshow(case.stack.pixels[phase, z], cmap="gray", vmin=0.0, vmax=white)
            draw_outlines(axes, labels[phase, z], case.truth[phase, z])
            axes.set_xlim(*columns)
            axes.set_ylim(*rows)
            axes.set_axis_off()
            axes.text(
                0.03,
                0.97,
                f"{name} {z + 1}",
                color=TEXT,
                va="top",
                fontsize=9,
                transform=axes.transAxes,
            )
    FigureCanvasAgg(figure)
    written = BytesIO()
    figure.savefig(written, dpi=_DPI, facecolor=BACKGROUND, metadata={"Software": None})
    return written.getvalue()


def draw_outlines(
    axes: mpl.axes.Axes, found: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]
) -> None:
    """Draw both label images ``[row, column]`` of a slice: found solid, true dotted."""
    for drawn, style in ((found, "solid"), (truth, "dotted")):
        _contour(axes, drawn == RV_CAVITY, RIGHT_VENTRICLE, style)
        _contour(axes, (drawn == LV_CAVITY) | (drawn == LV_MYOCARDIUM), EPICARDIUM, style)
        _contour(axes, drawn == LV_CAVITY, ENDOCARDIUM, style)


def brightest(values: npt.NDArray[np.float32]) -> float:
    """Return the value that is shown white, for pixels of the heart."""
    return 1.15 * float(np.percentile(values, 98))


def shown_square(
    case: Case, labels: npt.NDArray[np.uint8]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of rows (downwards) and columns of a square around both drawings."""
    hit = np.nonzero(((labels > 0) | (case.truth > 0)).any(axis=(0, 1)))
    middle = [(float(axis.min()) + float(axis.max())) / 2 for axis in hit]
    margin = _MARGIN_MM / case.stack.column_spacing_mm
    half = max(float(np.ptp(axis)) for axis in hit) / 2 + margin
    (row, column) = middle
    return (row + half, row - half), (column - half, column + half)


def _contour(axes: mpl.axes.Axes, mask: npt.NDArray[np.bool_], colour: str, style: str) -> None:
    if mask.any():
        axes.contour(mask, levels=[0.5], colors=[colour], linewidths=1.0, linestyles=[style])
