"""Failures of a bundle on one picture: what it drew beside what is true, and where it went wrong.

For hearts whose pictures may be shown, which generated ones are. Which cases are failures, and what
the gate made of them, the caller says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from worker.findings.volumes import LV_CAVITY, LV_MYOCARDIUM, RV_CAVITY
from worker.report.figures.canvas import (
    BACKGROUND,
    ENDOCARDIUM,
    EPICARDIUM,
    MUTED,
    RIGHT_VENTRICLE,
    TEXT,
    WARNING,
)
from worker.report.identity import NOT_VERIFIED
from worker.training.evaluate import PHASES, STRUCTURES, Case, dice_coefficient
from worker.training.evaluation_figures import brightest, draw_outlines, shown_square

_N_SHOWN = 3
"""Slices of each phase: those where the drawings differ most."""
_DPI = 100
_TILE_PX, _GAP_PX, _WORDS_PX, _HEAD_PX, _FOOT_PX = 150, 4, 62, 76, 30
_WIDTH_PX = 2 * _N_SHOWN * (_TILE_PX + _GAP_PX) + 3 * _GAP_PX
_N_GREYS, _N_BLENDS = 24, 3
"""Of the file's palette: greys, and of each colour so many steps towards each of them."""
_POINTS = 72 / _DPI
_ON_IMAGE: dict[str, Any] = {"color": TEXT, "va": "top", "fontsize": 12 * _POINTS, "weight": "bold"}
_OUTLINE = withStroke(linewidth=2.5, foreground=BACKGROUND)
_NAMES = {
    LV_CAVITY: "left ventricle",
    RV_CAVITY: "right ventricle",
    LV_MYOCARDIUM: "myocardium",
}
_PHASE_NAMES = ("end-diastole", "end-systole")
_LEGEND = (
    "Solid: network, dotted: truth; orange LV cavity, blue LV epicardium, purple RV. "
    "Of each phase the three slices that differ most, base first."
)


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """One heart that went wrong.

    Attributes
    ----------
    title
        What heart, and what was done to its images.
    case
        Its images and true labels at ED and ES.
    labels
        uint8 ``[2, slice, row, column]``: what was drawn.
    lvef_percent
        True and measured.
    answer
        What a reader would have got: a report, one with a warning, none.
    cause
        Why it went wrong, where the contours do not tell.
    """

    title: str
    case: Case
    labels: npt.NDArray[np.uint8]
    lvef_percent: tuple[float, float]
    answer: str
    cause: str = ""

    def figures(self) -> str:
        """Return Dice and LV ejection fraction in a line."""
        true, measured = self.lvef_percent
        both = (
            f"{name.upper() if len(name) == len('lv') else name} "
            + " / ".join(
                f"{dice_coefficient(self.labels[k] == value, self.case.truth[k] == value):.2f}"
                for k in range(len(PHASES))
            )
            for name, value in STRUCTURES.items()
        )
        error = f"{measured - true:+.0f}".replace("-", "\N{MINUS SIGN}")
        words = f"LVEF {measured:.0f} % (true {true:.0f} %, {error} points)"
        return f"{words}; Dice ED / ES: {', '.join(both)}"

    def why(self) -> str:
        """Tell the cause, or the structure, phase and slice where the most volume is wrong."""
        if self.cause:
            return self.cause
        if not self.labels.any():
            return "No heart was found."
        n_slices, wrong = self.case.stack.n_slices, self._wrong_ml()
        value, extra, phase, index = max(wrong, key=lambda place: wrong[place])
        amount = wrong[value, extra, phase, index]
        third = ("base", "middle", "apex")[min(3 * index // n_slices, 2)]
        said = "drawn where there is none" if extra else "not drawn"
        where = f"{_PHASE_NAMES[phase]}, slice {index + 1} of {n_slices} ({third})"
        return f"Worst place: {where}: {amount:.0f} ml of {_NAMES[value]} {said}."

    def _wrong_ml(self) -> dict[tuple[int, bool, int, int], float]:
        """Volume by label, whether it is too much, phase and slice."""
        stack = self.case.stack
        voxel_ml = stack.row_spacing_mm * stack.column_spacing_mm * stack.slice_spacing_mm / 1000
        wrong = {}
        for value in _NAMES:
            drawn, true = self.labels == value, self.case.truth == value
            for extra, places in ((True, drawn & ~true), (False, true & ~drawn)):
                for (phase, index), n in np.ndenumerate(places.sum(axis=(2, 3))):
                    wrong[value, extra, phase, index] = float(n) * voxel_ml
        return wrong


def failures_png(heading: str, chosen: str, failures: Sequence[Failure]) -> bytes:
    """Draw the hearts below each other.

    Parameters
    ----------
    heading
        Which bundle, on what.
    chosen
        How these hearts were chosen, and of how many.
    """
    row_px = _WORDS_PX + _TILE_PX + 2 * _GAP_PX
    height = _HEAD_PX + row_px * len(failures) + _FOOT_PX
    figure = Figure(figsize=(_WIDTH_PX / _DPI, height / _DPI), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    sheet = _Sheet(figure, height)
    sheet.write(20, heading, size=17, weight="bold")
    sheet.write(42, chosen, colour=MUTED)
    sheet.write(60, _LEGEND, colour=MUTED)
    for number, failure in enumerate(failures):
        sheet.draw(failure, _HEAD_PX + number * row_px)
    sheet.write(height - 13, f"{NOT_VERIFIED}. Generated hearts, no patients.", colour=MUTED)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=_DPI, facecolor=BACKGROUND)
    written = BytesIO()
    with Image.open(drawn) as picture:
        few = picture.convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE)
        few.save(written, "PNG", optimize=True)
    return written.getvalue()


def _palette() -> Image.Image:
    """Make the palette: chosen by an algorithm, it would tint the greys of the hearts."""
    greys = [(level, level, level) for level in np.linspace(0, 255, _N_GREYS).round()]
    lines = [
        tuple(round(255 * part) for part in to_rgb(name))
        for name in (ENDOCARDIUM, EPICARDIUM, RIGHT_VENTRICLE, WARNING, BACKGROUND)
    ]
    blends = [
        tuple(round(share * a + (1 - share) * b) for a, b in zip(line, under, strict=True))
        for line in lines
        for under in ((0, 0, 0), (128, 128, 128), (255, 255, 255))
        for share in np.linspace(1, 0, _N_BLENDS, endpoint=False)
    ]
    made = Image.new("P", (1, 1))
    made.putpalette([int(part) for colour in (*greys, *blends) for part in colour])
    return made


class _Sheet:
    """The picture, in pixels from its upper left corner."""

    def __init__(self, figure: Figure, height_px: int) -> None:
        self._figure, self._height_px = figure, height_px

    def write(
        self, y: float, words: str, *, size: int = 13, colour: str = TEXT, weight: str = "normal"
    ) -> None:
        """Write a line whose middle is ``y`` below the upper edge."""
        self._text(2 * _GAP_PX, y, words, fontsize=size * _POINTS, color=colour, weight=weight)

    def write_right(self, y: float, words: str) -> None:
        """Write a line that ends at the right edge."""
        end = _WIDTH_PX - 2 * _GAP_PX
        self._text(end, y, words, fontsize=13 * _POINTS, color=WARNING, ha="right")

    def _text(self, x: float, y: float, words: str, **how: Any) -> None:
        where = (x / _WIDTH_PX, 1 - y / self._height_px)
        self._figure.text(*where, words, va="center", **how)

    def draw(self, failure: Failure, top: int) -> None:
        """Draw one heart: three lines of words, six slices."""
        self.write(top + 11, failure.title, size=15, weight="bold")
        self.write_right(top + 11, failure.answer)
        self.write(top + 30, failure.figures())
        self.write(top + 48, failure.why(), colour=MUTED)
        case, labels = failure.case, failure.labels
        rows, columns = shown_square(case, labels)
        heart = (labels > 0) | (case.truth > 0)
        for phase, name in enumerate(PHASES):
            white = brightest(case.stack.pixels[phase][heart[phase]])
            for place, index in enumerate(_most_wrong(failure, phase)):
                axes = self._tile(_N_SHOWN * phase + place, phase, top + _WORDS_PX)
                pixels = case.stack.pixels[phase, index]
                axes.imshow(pixels, cmap="gray", vmin=0.0, vmax=white, interpolation="bilinear")
                draw_outlines(axes, labels[phase, index], case.truth[phase, index])
                axes.set_xlim(*columns)
                axes.set_ylim(*rows)
                axes.set_axis_off()
                label = axes.text(0.03, 0.96, f"{name} slice {index + 1}", **_ON_IMAGE)
                label.set(transform=axes.transAxes, path_effects=[_OUTLINE])

    def _tile(self, number: int, phase: int, top: int) -> Axes:
        left = 2 * _GAP_PX + number * (_TILE_PX + _GAP_PX) + phase * _GAP_PX
        bottom = self._height_px - top - _TILE_PX
        return self._figure.add_axes(
            (
                left / _WIDTH_PX,
                bottom / self._height_px,
                _TILE_PX / _WIDTH_PX,
                _TILE_PX / self._height_px,
            )
        )


def _most_wrong(failure: Failure, phase: int) -> list[int]:
    differing = (failure.labels[phase] != failure.case.truth[phase]).sum(axis=(1, 2))
    return sorted(np.argsort(-differing, kind="stable")[:_N_SHOWN].tolist())
