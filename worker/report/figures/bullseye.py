"""The bull's-eye of the left ventricle: one value per AHA segment.

Anterior is up and the septum left, as every cardiologist knows it, whatever the images' own
orientation is. A segment without a value stays empty: nothing is guessed. Colours are of maps that
grow evenly in lightness, so they are told apart with any colour vision and in grey.

References
----------
W3C, Web Content Accessibility Guidelines 2.1 (relative luminance, contrast ratio).
Cerqueira MD et al., Circulation 2002;105:539-542 (AHA 17 segments).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Colormap
from matplotlib.patches import Circle, Wedge

from worker.report.figures.canvas import (
    BACKGROUND,
    MUTED,
    PANEL,
    SMALL_PX,
    TEXT,
    VERMILION,
    Canvas,
)
from worker.report.figures.typesetting import text_width

_RINGS = (  # first segment, number of segments, start angle of the first in degrees, radii
    (1, 6, 60.0, 0.70, 1.00),
    (7, 6, 60.0, 0.42, 0.70),
    (13, 4, 45.0, 0.15, 0.42),
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_LIGHT_ABOVE = 0.174
"""Relative luminance at which dark and light letters have the same contrast."""
_VALUE_SHARES = (0.15, 0.125)  # of the radius, by decimals
_CLEARANCE_PX = 4.0
_LEAST_ACROSS = 0.5
"""Above and below the centre a number has more room than its ring is wide: up to twice as much."""
_BAR_HEIGHT = 14
_LEVEL = 0.2

Rgba = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Colours of one quantity, the same on the pages of every patient.

    Attributes
    ----------
    low, high
        Ends of the colours; values beyond have the colour of the end.
    """

    colour_map: str
    low: float
    high: float
    unit: str
    digits: int = 0

    def colour(self, value: float) -> Rgba:
        """Colour of a value."""
        red, green, blue = (float(part) for part in self.colours(np.array([value]))[0])
        return red, green, blue, 1.0

    def words(self, value: float) -> str:
        """Return a value as it is written, zero without a sign."""
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"

    def colours(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Colours ``[value, 3]`` of values."""
        shares = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(_colour_map(self.colour_map)(shares))[:, :3]


@cache
def _colour_map(name: str) -> Colormap:
    return mpl.colormaps[name]


THICKNESS_MM = Scale("cividis", 4.0, 20.0, "mm")
THICKENING_PERCENT = Scale("viridis", 0.0, 100.0, "%")
INWARD_MM = Scale("viridis", 0.0, 12.0, "mm", 1)


def draw_bullseye(
    canvas: Canvas,
    values: Mapping[int, float],
    centre: tuple[float, float],
    radius: float,
    scale: Scale = THICKNESS_MM,
    marked: Collection[int] = (),
) -> None:
    """Draw the segments' values around ``centre`` (page pixels).

    Parameters
    ----------
    marked
        Segments that get a dot beside their value.
    """
    size = _value_size(values, radius, scale)
    for first, count, start, inner, outer in _RINGS:
        for index in range(count):
            number = first + index
            value = values.get(number)
            colour = None if value is None else scale.colour(value)
            sector = (start + index * 360.0 / count, 360.0 / count)
            _segment(canvas, centre, sector, (inner * radius, outer * radius), colour or PANEL)
            if value is None or colour is None:
                continue
            x, y = _at(centre, (inner + outer) / 2 * radius, sector[0] + sector[1] / 2)
            ink = BACKGROUND if _luminance(colour) > _LIGHT_ABOVE else TEXT
            words = scale.words(value)
            canvas.text(x, y, words, ha="center", color=ink, size=size, weight="bold")
            if number in marked:
                half_width = text_width(words, size, "bold") / 2
                _dot(canvas, (x, y), sector[0] + sector[1] / 2, half_width, size)
    canvas.axes.add_artist(
        Circle(centre, 0.15 * radius, facecolor=PANEL, edgecolor=MUTED, linewidth=0.8, zorder=2)
    )
    for name, angle, turn in (
        ("anterior", 90, 0),
        ("inferior", 270, 0),
        ("septal", 180, 90),
        ("lateral", 0, 90),
    ):
        x, y = _at(centre, radius + 13, angle)
        canvas.text(x, y, name, ha="center", color=MUTED, size=SMALL_PX, rotation=turn)


def _luminance(colour: Rgba) -> float:
    """Return the relative luminance of a colour, 0 to 1."""
    parts = np.array(colour[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB
    return float(_LUMINANCE @ linear)


def _value_size(values: Mapping[int, float], radius: float, scale: Scale) -> float:
    """Return the size of the numbers: all the same, so that the widest keeps off its ring."""
    size = _VALUE_SHARES[scale.digits] * radius
    for first, count, start, inner, outer in _RINGS:
        for index in range(count):
            value = values.get(first + index)
            if value is None:
                continue
            across = abs(cos(radians(start + (index + 0.5) * 360.0 / count)))
            room = (outer - inner) * radius / max(across, _LEAST_ACROSS) - 2 * _CLEARANCE_PX
            size = min(size, room / text_width(scale.words(value), 1.0, "bold"))
    return size


def _dot(
    canvas: Canvas, at: tuple[float, float], angle_deg: float, half_width: float, size: float
) -> None:
    """Draw a dot beside a value, along its ring: below it, at the top and bottom right of it."""
    along_x, along_y = sin(radians(angle_deg)), cos(radians(angle_deg))
    sign = -1.0 if along_y < -_LEVEL else 1.0
    reach = abs(along_x) * (half_width + 0.5 * size) + abs(along_y) * 0.8 * size
    if abs(along_y) < _LEVEL:
        along_x = abs(along_x)
    spot = (at[0] + sign * along_x * reach, at[1] + sign * along_y * reach)
    canvas.axes.add_artist(
        Circle(spot, 0.24 * size, facecolor=VERMILION, edgecolor=TEXT, linewidth=0.8, zorder=4)
    )


def draw_legend(canvas: Canvas, scale: Scale, x: float, y: float, width: float) -> None:
    """Draw the colours of a scale as a bar with its ends and middle written below."""
    shares = (np.arange(round(width)) + 0.5) / round(width)
    colours = scale.colours(scale.low + shares * (scale.high - scale.low))
    canvas.image(np.tile(colours, (_BAR_HEIGHT, 1, 1)), x, y)
    for share, align in ((0.0, "left"), (0.5, "center"), (1.0, "right")):
        value = scale.low + share * (scale.high - scale.low)
        sign = {0.0: "≤ ", 1.0: "≥ "}.get(share, "")
        words = f"{sign}{value:g} {scale.unit}"
        at = x + share * width
        canvas.text(at, y + 27, words, ha=align, color=MUTED, size=SMALL_PX - 1)


def _segment(
    canvas: Canvas,
    centre: tuple[float, float],
    sector_deg: tuple[float, float],
    radii: tuple[float, float],
    colour: Rgba | str,
) -> None:
    """Fill one sector; the page's y axis points down, so angles change their sign."""
    start, width = sector_deg
    canvas.axes.add_artist(
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
    angle = radians(angle_deg)
    return centre[0] + distance * cos(angle), centre[1] - distance * sin(angle)
