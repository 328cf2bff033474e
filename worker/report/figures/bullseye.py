"""The bull's-eye of the left ventricle: one value per AHA segment.

Anterior is up and the septum left, as every cardiologist knows it, whatever the images' own
orientation is. A segment without a value stays empty: nothing is guessed.

References
----------
Cerqueira MD et al., Circulation 2002;105:539-542 (AHA 17 segments).
"""

from collections.abc import Mapping

import matplotlib as mpl
from matplotlib.colors import Normalize
from matplotlib.patches import Circle, Wedge

from worker.report.figures.canvas import BACKGROUND, MUTED, PANEL, SMALL_PX, TEXT, Canvas

_RINGS = (  # first segment, number of segments, start angle of the first in degrees, radii
    (1, 6, 60.0, 0.70, 1.00),
    (7, 6, 60.0, 0.42, 0.70),
    (13, 4, 45.0, 0.15, 0.42),
)
_LOW_MM, _HIGH_MM = 4.0, 20.0
_DARK_BELOW = 0.55
_COLOUR_MAP = "cividis"


def draw_bullseye(
    canvas: Canvas, values_mm: Mapping[int, float], centre: tuple[float, float], radius: float
) -> None:
    """Draw the segments' values in mm around ``centre`` (page pixels).

    The colour scale is fixed (4 to 20 mm), so that pages of different patients compare.
    """
    colours, scale = mpl.colormaps[_COLOUR_MAP], Normalize(_LOW_MM, _HIGH_MM, clip=True)
    for first, count, start, inner, outer in _RINGS:
        for index in range(count):
            value = values_mm.get(first + index)
            share = None if value is None else float(scale(value))
            _segment(
                canvas,
                centre,
                (start + index * 360.0 / count, 360.0 / count),
                (inner * radius, outer * radius),
                PANEL if share is None else colours(share),
            )
            if value is not None and share is not None:
                middle = start + (index + 0.5) * 360.0 / count
                x, y = _at(centre, (inner + outer) / 2 * radius, middle)
                ink = TEXT if share < _DARK_BELOW else BACKGROUND
                canvas.text(x, y, f"{value:.0f}", ha="center", color=ink, size=19, weight="bold")
    canvas.axes.add_patch(
        Circle(centre, 0.15 * radius, facecolor=PANEL, edgecolor=MUTED, linewidth=0.8, zorder=2)
    )
    for name, angle in (("anterior", 90), ("inferior", 270)):
        x, y = _at(centre, radius + 13, angle)
        canvas.text(x, y, name, ha="center", color=MUTED, size=SMALL_PX)
    for name, angle in (("septal", 180), ("lateral", 0)):
        x, y = _at(centre, radius + 13, angle)
        canvas.text(x, y, name, ha="center", color=MUTED, size=SMALL_PX, rotation=90)


def _segment(
    canvas: Canvas,
    centre: tuple[float, float],
    sector_deg: tuple[float, float],
    radii: tuple[float, float],
    colour: object,
) -> None:
    """Fill one sector; the page's y axis points down, so angles change their sign."""
    start, width = sector_deg
    canvas.axes.add_patch(
        Wedge(
            centre,
            radii[1],
            -(start + width),
            -start,
            width=radii[1] - radii[0],
            facecolor=colour,
            edgecolor=BACKGROUND,
            linewidth=1.4,
            zorder=2,
        )
    )


def _at(centre: tuple[float, float], distance: float, angle_deg: float) -> tuple[float, float]:
    import math

    angle = math.radians(angle_deg)
    return centre[0] + distance * math.cos(angle), centre[1] - distance * math.sin(angle)
