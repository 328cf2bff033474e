"""A page in pixels: colours, type sizes and the few things that are drawn on it.

One axes covers the page, so every position is a pixel and nothing moves by itself. Knows no heart.

References
----------
Okabe M, Ito K. Color Universal Design, 2008 (colours told apart with any colour vision).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

RgbArray = npt.NDArray[np.uint8]

BACKGROUND = "#0c0f13"
PANEL = "#151a20"
RULE = "#2c343d"
TEXT = "#eceff2"
MUTED = "#9aa5b1"
ORANGE = "#e69f00"
SKY_BLUE = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"

ENDOCARDIUM = ORANGE
EPICARDIUM = SKY_BLUE
RIGHT_VENTRICLE = PURPLE
WARNING = YELLOW

TITLE_PX = 26
HEADING_PX = 20
BODY_PX = 18
SMALL_PX = 16
_DPI = 100.0
_PX_TO_POINTS = 72.0 / _DPI
_UNBROKEN = re.compile(r"\d[\d.]* \S+|\S+")
"""What stays in one line: a number and its unit, or a word."""
_OUTLINE = withStroke(linewidth=3.0, foreground=BACKGROUND)


class Canvas:
    """A dark page of ``width`` x ``height`` pixels; (0, 0) is the top left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=BACKGROUND)
        self._agg: Any = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.axes.axis("off")
        self._widths: dict[tuple[str, float, str], float] = {}

    def panel(self, x: float, y: float, width: float, height: float, colour: Any = PANEL) -> None:
        """Fill a rectangle."""
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none"))

    def image(self, grey: npt.NDArray[np.float32], x: float, y: float) -> None:
        """Show grey values 0..1 ``[row, column]``, one value per pixel of the page."""
        rows, columns = grey.shape
        self.axes.imshow(
            grey,
            cmap="gray",
            vmin=0.0,
            vmax=1.0,
            extent=(x, x + columns, y + rows, y),
            interpolation="nearest",
            aspect="auto",
            zorder=1.5,
        )
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(self.height, 0)

    def lines(
        self, polylines: Sequence[npt.NDArray[np.float64]], colour: str, width_px: float = 2.0
    ) -> None:
        """Draw polylines of (x, y) points."""
        if polylines:
            self.axes.add_collection(
                LineCollection(
                    list(polylines),
                    colors=colour,
                    linewidths=width_px * _PX_TO_POINTS,
                    capstyle="round",
                    zorder=2.5,
                )
            )

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        """Write one line around ``y``; ``size`` in pixels, ``on_image`` outlines the letters."""
        size = style.pop("size", BODY_PX)
        if style.pop("on_image", False):
            style["path_effects"] = [_OUTLINE]
        options = {"color": TEXT, "va": "center", "ha": "left", "zorder": 4, **style}
        self.axes.text(
            x, y, _plain(words), fontsize=size * _PX_TO_POINTS, parse_math=False, **options
        )

    def text_width(self, words: str, size: float = BODY_PX, weight: str = "normal") -> float:
        """Return how many pixels wide one line of text is."""
        key = (words, size, weight)
        if key not in self._widths:
            self._widths[key] = self._measured_width(words, size, weight)
        return self._widths[key]

    def _measured_width(self, words: str, size: float, weight: str) -> float:
        properties = FontProperties(family="DejaVu Sans", size=size * _PX_TO_POINTS, weight=weight)
        renderer = self._agg.get_renderer()
        width, _, _ = renderer.get_text_width_height_descent(_plain(words), properties, False)  # noqa: FBT003
        return float(width)

    def wrap(self, words: str, width: float, size: float = BODY_PX) -> list[str]:
        """Break text into lines that fit ``width`` pixels."""
        lines: list[str] = []
        used, space = 0.0, self.text_width("n n", size) - 2 * self.text_width("n", size)
        for word in _UNBROKEN.findall(words):
            wide = self.text_width(word, size)
            if lines and used + space + wide <= width:
                lines[-1] += f" {word}"
                used += space + wide
            else:
                lines.append(word)
                used = wide
        return lines

    def inset(self, x: float, y: float, width: float, height: float) -> Any:
        """Return new axes with their own coordinates at a place of the page."""
        axes = self.figure.add_axes(
            (
                x / self.width,
                1 - (y + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.set_facecolor(PANEL)
        return axes

    def pixels(self) -> RgbArray:
        """Return the page as uint8 ``[row, column, 3]``."""
        self._agg.draw()
        return self._drawn()

    def frames(self, drawings: Iterable[Callable[[], None]]) -> Iterator[RgbArray]:
        """Yield the page once for each drawing, with what only that one adds to it.

        What is common to all frames is drawn once; the page itself is as before afterwards.
        """
        self._agg.draw()
        common = self._agg.copy_from_bbox(self.figure.bbox)
        for draw in drawings:
            before = set(self.axes.get_children())
            draw()
            added = [one for one in self.axes.get_children() if one not in before]
            self._agg.restore_region(common)
            for artist in sorted(added, key=lambda one: one.get_zorder()):
                self.axes.draw_artist(artist)
            yield self._drawn()
            for artist in added:
                artist.remove()

    def _drawn(self) -> RgbArray:
        return np.ascontiguousarray(np.asarray(self._agg.buffer_rgba())[..., :3])


def points(pixels: float) -> float:
    """Return a size in points for matplotlib's own texts."""
    return pixels * _PX_TO_POINTS


def _plain(words: str) -> str:
    """Return printable text only."""
    return "".join(character for character in words if character.isprintable())
