"""The heart over the beat: volumes with their steepest slopes, and how each segment thickens.

The curves are the ones that the measurements were read from (``worker.findings.beat_curve``), the
dots the contours of every phase.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plugin.domain.findings import Assessment
from worker.findings.beat_curve import BeatCurve
from worker.findings.motion import Beat
from worker.findings.rates import peak_rates
from worker.findings.wall_motion import thickness_curve
from worker.report.figures.axes import mark_phases, style_axes
from worker.report.figures.canvas import (
    BODY_PX,
    ENDOCARDIUM,
    GREEN,
    MUTED,
    ORANGE,
    PANEL,
    PURPLE,
    RIGHT_VENTRICLE,
    SKY_BLUE,
    SMALL_PX,
    TEXT,
    VERMILION,
    YELLOW,
    Canvas,
    points,
)
from worker.report.figures.curve import right_ventricle_reported
from worker.report.figures.typesetting import text_width

Place = tuple[float, float, float, float]

_TANGENT_MS = 55.0
_LEVELS = (("base", range(1, 7)), ("mid", range(7, 13)), ("apex", range(13, 17)))
_WALLS = {  # name and colour of each segment's wall; the same colour at all levels
    **dict.fromkeys((1, 7, 13), ("anterior", ORANGE)),
    **dict.fromkeys((2, 8), ("anteroseptal", YELLOW)),
    **dict.fromkeys((3, 9), ("inferoseptal", GREEN)),
    14: ("septal", GREEN),
    **dict.fromkeys((4, 10, 15), ("inferior", SKY_BLUE)),
    **dict.fromkeys((5, 11), ("inferolateral", PURPLE)),
    16: ("lateral", PURPLE),
    **dict.fromkeys((6, 12), ("anterolateral", VERMILION)),
}


def draw_volumes(
    canvas: Canvas, assessment: Assessment, smooth: Sequence[BeatCurve], place: Place
) -> None:
    """Draw the volumes of both ventricles into (x, y, width, height), with their peak rates.

    Parameters
    ----------
    smooth
        The curves of LV and RV from which the rates were read; empty where there are none.
    """
    axes = _axes(canvas, place)
    measured = assessment.curve
    sides = [("lv", measured.lv_ml, ENDOCARDIUM)]
    if right_ventricle_reported(assessment):
        sides.append(("rv", measured.rv_ml, RIGHT_VENTRICLE))
    for index, (side, volumes_ml, colour) in enumerate(sides):
        line = "none" if smooth else "-"
        dots = {"color": colour, "marker": "o", "markersize": 4, "linestyle": line}
        axes.plot(measured.trigger_times_ms, volumes_ml, **dots)
        if smooth:
            curve = smooth[index]
            axes.plot(curve.times_ms, curve.values, color=colour, linewidth=points(3))
            if assessment.value(f"{side}_peak_ejection_rate") is not None:
                _mark_peaks(axes, curve)
    axes.set_ylim(0, 1.12 * max(1.0, *(max(volumes_ml) for _, volumes_ml, _ in sides)))
    mark_phases(axes, assessment, size_px=SMALL_PX - 1, raised_points=2)
    axes.set_xlabel("time after R wave (ms)", color=MUTED, fontsize=points(SMALL_PX), labelpad=2)


def _mark_peaks(axes: Any, curve: BeatCurve) -> None:
    """Lay a tangent where the volume falls and rises fastest."""
    found = peak_rates(curve)
    for at_ms in (found.ejection_at_ms, found.filling_at_ms):
        around = np.array([at_ms - _TANGENT_MS, at_ms, at_ms + _TANGENT_MS])
        middle, slope = curve.at(around[1:2])[0], curve.rate_per_s(around[1:2])[0]
        axes.plot(
            around, middle + slope * (around - at_ms) / 1000.0, color=TEXT, linewidth=points(2.5)
        )
        axes.plot(around[1:2], [middle], color=TEXT, marker="D", markersize=6)


def draw_thickening(
    canvas: Canvas,
    assessment: Assessment,
    beat: Beat,
    relaxed_mm: Mapping[int, float],
    place: Place,
) -> None:
    """Draw how each segment thickens, one small chart for each level of the ventricle."""
    x, y, width, height = place
    curves = {one.segment: one.thickness_mm for one in assessment.segment_curves}
    smooth = {}
    for n, values in curves.items():
        known = np.array([np.nan if one is None else one for one in values])
        curve = thickness_curve(known, beat.times_ms, beat.length_ms)
        if curve is not None and n in relaxed_mm:
            smooth[n] = (curve.times_ms, 100.0 * (curve.values / relaxed_mm[n] - 1.0))
    ends = [end for _, percent in smooth.values() for end in (percent.min(), percent.max())]
    low, high = min([-10.0, *ends]), max([40.0, *ends])
    for column, (level, segments) in enumerate(_LEVELS):
        each = width / len(_LEVELS)
        axes = _axes(canvas, (x + column * each, y, each, height - 22), left=44, named=column == 0)
        axes.set_ylim(low - 4, high + 8)
        axes.axhline(0.0, color=MUTED, linewidth=points(1))
        for n in segments:
            if n in smooth:
                axes.plot(*smooth[n], color=_WALLS[n][1], linewidth=points(2.5))
        mark_phases(axes, assessment, size_px=SMALL_PX - 1, raised_points=2)
        axes.locator_params(axis="x", nbins=3)
        axes.text(
            0.97,
            0.97,
            level,
            transform=axes.transAxes,
            ha="right",
            va="top",
            color=TEXT,
            fontsize=points(BODY_PX - 1),
            fontweight="bold",
            bbox={"facecolor": PANEL, "edgecolor": "none", "alpha": 0.75, "pad": 2.0},
        )
        if column == 1:
            label = "time after R wave (ms)"
            axes.set_xlabel(label, color=MUTED, fontsize=points(SMALL_PX), labelpad=2)
    _draw_key(canvas, x + 14, y + height - 10)


def _draw_key(canvas: Canvas, x: float, y: float) -> None:
    """Name the walls beside their colours."""
    named = {name: colour for name, colour in _WALLS.values() if name not in ("septal", "lateral")}
    for name, colour in named.items():
        canvas.lines([np.array([[x, y], [x + 20, y]])], colour, 4.0)
        canvas.text(x + 26, y, name, size=SMALL_PX - 2)
        x += 26 + text_width(name, SMALL_PX - 2) + 16


def _axes(canvas: Canvas, place: Place, *, left: float = 58, named: bool = True) -> Any:
    """Return axes inside a place, with room for their labels."""
    x, y, width, height = place
    axes = canvas.inset(x + left, y + 26, width - left - 12, height - 46 - 26)
    style_axes(axes)
    axes.tick_params(labelleft=named)
    return axes
