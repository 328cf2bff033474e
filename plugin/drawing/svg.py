"""Charts as SVG text for a page that loads nothing: axes, dots, lines, boxes, bars.

Knows scales and marks, no heart. Colours and type are classes of the page's style sheet, so that
one chart serves light and dark; numbers are placed here, nothing is drawn by a script.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from statistics import quantiles

_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 12.0, 44.0
_DOT_RADIUS = 3.0
_WHISKER = 1.5
_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high``; ``names`` replaces numbered ticks (at 0, 1, 2, ...)."""

    low: float
    high: float
    label: str
    names: tuple[str, ...] = ()

    @classmethod
    def around(cls, values: Iterable[float], label: str) -> "Axis":
        """Return an axis on which all values lie, with a little room."""
        found = [float(value) for value in values]
        low, high = min(found), max(found)
        room = 0.06 * (high - low) or 1.0
        return cls(low - room, high + room, label)

    def ticks(self) -> list[tuple[float, str]]:
        """Return where ticks stand and what they say."""
        if self.names:
            return [(float(k), name) for k, name in enumerate(self.names)]
        rough = (self.high - self.low) / 5.0
        power = 10.0 ** floor(log10(rough))
        step = next(power * nice for nice in _NICE_STEPS if power * nice >= rough * 0.999)
        decimals = max(0, -floor(log10(step) + 1e-9) + (step / power == 2.5))  # noqa: PLR2004
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [(k * step, f"{k * step:.{decimals}f}") for k in range(first, last + 1)]


class Chart:
    """One chart of ``width`` x ``height`` units; it is shown as wide as the page lets it."""

    def __init__(self, x: Axis, y: Axis, width: float = 360.0, height: float = 280.0) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height
        self._marks: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the data lies on the chart."""
        across = (x - self.x.low) / (self.x.high - self.x.low)
        up = (y - self.y.low) / (self.y.high - self.y.low)
        return (
            _LEFT + across * (self.width - _LEFT - _RIGHT),
            self.height - _BOTTOM - up * (self.height - _TOP - _BOTTOM),
        )

    def dot(self, x: float, y: float, kind: str = "dot", title: str = "") -> None:
        """Draw a dot; the title shows when the pointer rests on it."""
        left, top = self.at(x, y)
        tip = f"<title>{escape(title)}</title>" if title else ""
        self._marks.append(
            f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="{_DOT_RADIUS}">{tip}'
            "</circle>"
        )

    def line(self, points: Sequence[tuple[float, float]], kind: str = "line") -> None:
        """Draw a line through points of the data."""
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in (self.at(*p) for p in points))
        self._marks.append(f'<polyline class="{kind}" points="{path}"/>')

    def area(self, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> None:
        """Shade what lies between two lines of equal length."""
        edge = [self.at(*p) for p in (*low, *reversed(high))]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in edge)
        self._marks.append(f'<polygon class="area" points="{path}"/>')

    def level(self, y: float, words: str = "", kind: str = "level") -> None:
        """Draw a horizontal line across the chart, with a word at its right end."""
        self.line([(self.x.low, y), (self.x.high, y)], kind)
        if words:
            left, top = self.at(self.x.high, y)
            self._marks.append(
                f'<text class="mark" x="{left - 3:.1f}" y="{top - 4:.1f}" '
                f'text-anchor="end">{escape(words)}</text>'
            )

    def band(self, low: float, high: float) -> None:
        """Shade the values of x between two."""
        (left, top), (right, bottom) = self.at(low, self.y.high), self.at(high, self.y.low)
        self._marks.append(
            f'<rect class="band" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"/>'
        )

    def bar(self, x: float, low: float, high: float, kind: str, title: str) -> None:
        """Draw a bar that stands at ``x`` from ``low`` to ``high``."""
        (left, top), (right, bottom) = self.at(x - 0.4, high), self.at(x + 0.4, low)
        self._marks.append(
            f'<rect class="bar {kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"><title>{escape(title)}</title></rect>'
        )

    def box(self, x: float, values: Sequence[float], kind: str, titles: Sequence[str]) -> None:
        """Draw median, quartiles, whiskers (1.5 times the quartile distance) and every value."""
        numbers = [float(value) for value in values]
        quarters = quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
        low, middle, high = quarters
        reach = _WHISKER * (high - low)
        inside = [v for v in values if low - reach <= v <= high + reach]
        (left, top), (right, bottom) = self.at(x - 0.3, high), self.at(x + 0.3, low)
        self._marks.append(
            f'<rect class="box {kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"/>'
        )
        self.line([(x - 0.3, middle), (x + 0.3, middle)], f"median {kind}")
        self.line([(x, high), (x, max(inside))], f"whisker {kind}")
        self.line([(x, low), (x, min(inside))], f"whisker {kind}")
        for k, (value, title) in enumerate(zip(values, titles, strict=True)):
            self.dot(x + 0.2 * (k * 0.618 % 1.0 - 0.5), value, f"dot {kind}", title)

    def span(self, y: float, low: float, value: float, high: float, title: str) -> None:
        """Draw a value with its interval along x."""
        self.line([(low, y), (high, y)], "whisker")
        self.dot(value, y, "dot", title)

    def svg(self, description: str) -> str:
        """Return the chart; ``description`` is what a screen reader says."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" '
            f'role="img" aria-label="{escape(description)}">'
            f"{''.join(self._frame())}{''.join(self._marks)}</svg>"
        )

    def _frame(self) -> Iterable[str]:
        floor_y = self.height - _BOTTOM
        for value, name in self.x.ticks():
            left, _ = self.at(value, self.y.low)
            if not name:
                continue  # of many names in a row only some are said
            yield f'<line class="grid" x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP}" y2="{floor_y}"/>'
            yield _text(left, floor_y + 16, name, "middle")
        for value, name in self.y.ticks():
            _, top = self.at(self.x.low, value)
            yield (
                f'<line class="grid" x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{top:.1f}" '
                f'y2="{top:.1f}"/>'
            )
            yield _text(_LEFT - 6, top + 4, name, "end")
        middle_x = (_LEFT + self.width - _RIGHT) / 2
        yield _text(middle_x, self.height - 8, self.x.label, "middle", "label")
        middle_y = (_TOP + floor_y) / 2
        yield (
            f'<text class="label" transform="translate(13 {middle_y:.1f}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y.label)}</text>'
        )


def _text(x: float, y: float, words: str, anchor: str, kind: str = "tick") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}'
        "</text>"
    )
