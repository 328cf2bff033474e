"""How the axes of every curve look, and the marks of end-diastole and end-systole on them."""

from typing import Any

from plugin.domain.findings import Assessment
from worker.report.figures.canvas import MUTED, RULE, SMALL_PX, TEXT, points


def style_axes(axes: Any) -> None:
    """Draw axes as two lines at the left and below, over a faint grid."""
    axes.tick_params(colors=MUTED, labelsize=points(SMALL_PX), length=3)
    axes.grid(color=RULE, linewidth=points(1))
    axes.set_axisbelow(True)
    axes.locator_params(axis="y", nbins=6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)


def mark_phases(
    axes: Any, assessment: Assessment, *, size_px: int = SMALL_PX, raised_points: int = 3
) -> None:
    """Draw a line at end-diastole and end-systole, its name above it."""
    times_ms = assessment.curve.trigger_times_ms
    for phase, name in ((assessment.ed_phase, "ED"), (assessment.es_phase, "ES")):
        axes.axvline(times_ms[phase], color=MUTED, linewidth=points(1.5), linestyle=(0, (4, 3)))
        axes.annotate(
            name,
            (times_ms[phase], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, raised_points),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=TEXT,
            fontsize=points(size_px),
            fontweight="bold",
        )
