"""The page of the wall: how thick it is, how it thickens and moves, and the volumes over the beat.

Knows layout and the sentence that each picture supports; the pictures draw themselves. No patient
name, identifier or date is on it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.findings import Assessment
from worker.findings.beat_curve import BeatCurve
from worker.findings.cycle import find_cycle
from worker.findings.definitions import SEGMENT_NAMES
from worker.findings.motion import Beat, find_beat, volume_curves
from worker.findings.wall_motion import WallMotion
from worker.report.figures.beat import draw_thickening, draw_volumes
from worker.report.figures.bullseye import (
    INWARD_MM,
    THICKENING_PERCENT,
    THICKNESS_MM,
    Scale,
    draw_bullseye,
    draw_legend,
)
from worker.report.figures.canvas import (
    BODY_PX,
    ENDOCARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    SMALL_PX,
    TEXT,
    Canvas,
    RgbArray,
)
from worker.report.figures.curve import right_ventricle_reported
from worker.report.figures.page import draw_footer, draw_header, heading
from worker.report.figures.typesetting import wrap
from worker.report.identity import AnalysisIdentity
from worker.volume.types import CineStack

WIDTH, HEIGHT = 1536, 1060
_LEFT, _TOP, _GAP = 20, 68, 12
_WHEEL_WIDTH, _WHEEL_HEIGHT, _RADIUS = 490, 508, 158
_LOWER_Y, _LOWER_HEIGHT, _LOWER_WIDTH = 588, 424, 742
_LINE = 23

_WHEELS: tuple[tuple[str, str, Scale], ...] = (
    ("Wall thickness at ED (mm)", "wall_thickness_ed", THICKNESS_MM),
    ("Thickening, ED to ES (%)", "wall_thickening", THICKENING_PERCENT),
    ("Inward motion, ED to ES (mm)", "inward_motion", INWARD_MM),
)


def wall_page(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> RgbArray:
    """Return the page as uint8 ``[1060, 1536, 3]``.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``.
    """
    return compose_wall(stack, labels, assessment, identity).pixels()


def compose_wall(
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    identity: AnalysisIdentity,
) -> Canvas:
    """Lay out the page without drawing its pixels."""
    canvas = Canvas(WIDTH, HEIGHT)
    draw_header(canvas, "Left ventricular wall, and volumes over the beat")
    for column, (title, key, scale) in enumerate(_WHEELS):
        _draw_wheel(canvas, assessment, title, key, scale, _LEFT + column * (_WHEEL_WIDTH + 13))
    cycle = find_cycle(
        np.asarray(assessment.curve.lv_ml), stack.trigger_times_ms, stack.rr_interval_ms
    )
    beat, _ = find_beat(stack, cycle)
    rv_ml = np.asarray(assessment.curve.rv_ml)
    _draw_volumes(canvas, assessment, volume_curves(labels, stack, rv_ml, beat) if beat else ())
    _draw_thickening(canvas, assessment, beat)
    draw_footer(canvas, identity, with_key=False)
    return canvas


def by_segment(assessment: Assessment, key: str) -> dict[int, float]:
    """Values of a measurement by AHA segment."""
    return {
        one.segment: one.value
        for one in assessment.measurements
        if one.key == key and one.segment is not None
    }


def _draw_wheel(
    canvas: Canvas, assessment: Assessment, title: str, key: str, scale: Scale, x: float
) -> None:
    """Draw one bull's-eye with its legend and sentence, or say that there is none."""
    canvas.panel(x, _TOP, _WHEEL_WIDTH, _WHEEL_HEIGHT)
    heading(canvas, x + 16, _TOP + 22, title)
    values, centre = by_segment(assessment, key), (x + _WHEEL_WIDTH / 2, _TOP + 224)
    if not values:
        for line, words in enumerate(("not reported:", "segments could not be", "placed safely")):
            canvas.text(centre[0], centre[1] + (line - 1) * _LINE, words, ha="center", color=MUTED)
        return
    scores = by_segment(assessment, "wall_motion_score")
    moving_badly = {n for n, score in scores.items() if score > WallMotion.NORMAL}
    marked = moving_badly if key != "wall_thickness_ed" else set()
    draw_bullseye(canvas, values, centre, _RADIUS, scale, marked)
    draw_legend(canvas, scale, x + 95, _TOP + 412, _WHEEL_WIDTH - 190)
    _sentence(canvas, x + 16, _TOP + 466, _WHEEL_WIDTH - 32, wheel_sentence(assessment, key))


def wheel_sentence(assessment: Assessment, key: str) -> str:
    """Say what a bull's-eye shows."""
    values = by_segment(assessment, key)
    least, most = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if key == "wall_thickness_ed":
        if round(values[least]) == round(values[most]):
            return f"{values[most]:.0f} mm in all AHA segments (means); apex not measured."
        return (
            f"{values[least]:.0f} mm ({SEGMENT_NAMES[least]}) to {values[most]:.0f} mm "
            f"({SEGMENT_NAMES[most]}); means, apex not measured."
        )
    scores = by_segment(assessment, "wall_motion_score")
    n_low = sum(score > WallMotion.NORMAL for score in scores.values())
    if key == "wall_thickening":
        return (
            f"{values[least]:.0f} % ({SEGMENT_NAMES[least]}) to {values[most]:.0f} % "
            f"({SEGMENT_NAMES[most]})."
        )
    index = assessment.value("wall_motion_score_index")
    words = f"Dot: derived wall motion score above 1, {n_low} of {len(scores)} segments"
    return f"{words}." if index is None else f"{words}; score index {index:.2f}. Not graded by eye."


def _draw_volumes(canvas: Canvas, assessment: Assessment, smooth: Sequence[BeatCurve]) -> None:
    x, y = _LEFT, _LOWER_Y
    canvas.panel(x, y, _LOWER_WIDTH, _LOWER_HEIGHT)
    heading(canvas, x + 16, y + 22, "Volume (ml)")
    canvas.text(x + 150, y + 22, "LV", color=ENDOCARDIUM, weight="bold")
    if right_ventricle_reported(assessment):
        canvas.text(x + 190, y + 22, "RV", color=RIGHT_VENTRICLE, weight="bold")
    if smooth:
        words = "dots: contours; white: steepest fall and rise"
        canvas.text(x + _LOWER_WIDTH - 16, y + 22, words, ha="right", color=MUTED, size=SMALL_PX)
    draw_volumes(canvas, assessment, smooth, (x, y + 32, _LOWER_WIDTH, _LOWER_HEIGHT - 92))
    _sentence(canvas, x + 16, y + 376, _LOWER_WIDTH - 32, rates_sentence(assessment))


def rates_sentence(assessment: Assessment) -> str:
    """Say how fast the ventricles empty and fill."""
    emptying = assessment.value("lv_peak_ejection_rate")
    filling = assessment.value("lv_peak_filling_rate")
    if emptying is None or filling is None:
        return "Peak rates were not measured, see the notes."
    after_ms = assessment.value("lv_time_to_peak_filling")
    late = "" if after_ms is None else f", {after_ms:.0f} ms after its smallest volume"
    words = f"LV empties by up to {emptying:.0f} ml/s and fills by up to {filling:.0f} ml/s{late}."
    right = [assessment.value(f"rv_peak_{which}_rate") for which in ("ejection", "filling")]
    if right[0] is None or right[1] is None:
        return words
    return f"{words} RV: {right[0]:.0f} and {right[1]:.0f} ml/s."


def _draw_thickening(canvas: Canvas, assessment: Assessment, beat: Beat | None) -> None:
    x, y = _LEFT + _LOWER_WIDTH + _GAP, _LOWER_Y
    canvas.panel(x, y, _LOWER_WIDTH, _LOWER_HEIGHT)
    heading(canvas, x + 16, y + 22, "Thickening over the beat (%)")
    relaxed_mm = by_segment(assessment, "wall_thickness_ed")
    if beat is None or not assessment.segment_curves:
        words = "not reported, see the notes"
        canvas.text(x + _LOWER_WIDTH / 2, y + 200, words, ha="center", color=MUTED)
        return
    place = (x, y + 32, _LOWER_WIDTH, _LOWER_HEIGHT - 94)
    draw_thickening(canvas, assessment, beat, relaxed_mm, place)
    _sentence(canvas, x + 16, y + 376, _LOWER_WIDTH - 32, times_sentence(assessment))


def times_sentence(assessment: Assessment) -> str:
    """Say when the segments are thickest."""
    times_ms = by_segment(assessment, "time_to_peak_thickening")
    if not times_ms:
        return "No segment thickens enough to have a time of its peak."
    first, last = min(times_ms.values()), max(times_ms.values())
    words = f"{len(times_ms)} segments are thickest {first:.0f} to {last:.0f} ms after the R wave"
    spread = assessment.value("thickening_dyssynchrony")
    if spread is None:
        return f"{words}; the others thicken too little."
    return f"{words}; standard deviation {spread:.1f} % of the beat."


def _sentence(canvas: Canvas, x: float, y: float, width: float, words: str) -> None:
    """Write a sentence in two lines at most."""
    for index, line in enumerate(wrap(words, width, BODY_PX - 1)[:2]):
        canvas.text(x, y + index * _LINE, line, color=TEXT, size=BODY_PX - 1)
