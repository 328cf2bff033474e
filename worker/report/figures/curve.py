"""The volume-time curves of the ventricles, with end-diastole and end-systole marked."""

import numpy as np

from plugin.domain.findings import Assessment
from worker.report.figures.axes import mark_phases, style_axes
from worker.report.figures.canvas import (
    ENDOCARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    SMALL_PX,
    Canvas,
    points,
)


def right_ventricle_reported(assessment: Assessment) -> bool:
    """Tell whether the RV's volumes are part of the report; if not, its curve is not shown."""
    return assessment.measurement("rv_end_diastolic_volume") is not None


def draw_curve(
    canvas: Canvas, assessment: Assessment, place: tuple[float, float, float, float]
) -> None:
    """Draw the curve into (x, y, width, height), axis labels included."""
    x, y, width, height = place
    left, bottom, top = 58, 46, 26
    axes = canvas.inset(x + left, y + top, width - left - 14, height - bottom - top)
    curve = assessment.curve
    times = np.asarray(curve.trigger_times_ms)
    curves = [(curve.lv_ml, ENDOCARDIUM)]
    if right_ventricle_reported(assessment):
        curves.insert(0, (curve.rv_ml, RIGHT_VENTRICLE))
    highest = max(1.0, *(volume for volumes, _ in curves for volume in volumes))
    for volumes, colour in curves:
        axes.plot(times, volumes, color=colour, linewidth=points(3), marker="o", markersize=3)
    axes.set_ylim(0, highest * 1.08)
    span = float(np.ptp(times)) or 1.0
    axes.set_xlim(times.min() - 0.03 * span, times.max() + 0.03 * span)
    mark_phases(axes, assessment)
    style_axes(axes)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("time after R wave (ms)", color=MUTED, fontsize=points(SMALL_PX), labelpad=2)
