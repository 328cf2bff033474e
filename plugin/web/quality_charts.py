"""The charts of the quality page: SVG made here, each with a table that says the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from plugin.domain.quality.drift import Change, Judged
from plugin.domain.quality.figures import (
    Figures,
    WatchedKinds,
    WatchedShare,
    WatchedValue,
)
from plugin.domain.quality.opinions import MINIMUM_CALIBRATION
from plugin.domain.quality.shares import Share
from plugin.drawing.svg import Axis, Chart

_N_LABELS = 7
_N_KINDS = 5
_DASH = "–"
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart with its table; ``note`` stands below where something looks different."""

    title: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()


def value_panels(found: Figures) -> list[Panel]:
    """Return a chart per watched number that any study has."""
    return [_value(one) for one in found.values if one.spreads]


def kind_panels(found: Figures) -> list[Panel]:
    """Return a chart per division of the studies into kinds."""
    return [_kinds(one) for one in found.kinds if one.counts]


def share_panels(found: Figures) -> list[Panel]:
    """Return a p-chart per watched share."""
    return [_share(one) for one in found.shares if one.shares]


def wait_panels(found: Figures) -> list[Panel]:
    """Return the chart of the times; none without one."""
    if not found.waits:
        return []
    starts = [one.start for one in found.waits]
    middle = [one.median_seconds / _MINUTE for one in found.waits]
    slow = [one.p95_seconds / _MINUTE for one in found.waits]
    chart = Chart(_time(starts), Axis(0.0, 1.1 * max(slow) or 1.0, "minutes"))
    _draw_line(chart, slow, "line k1")
    _draw_line(chart, middle, "line")
    rows = tuple(
        (one.start.isoformat(), str(one.n), f"{low:.1f}", f"{high:.1f}")
        for one, low, high in zip(found.waits, middle, slow, strict=True)
    )
    return [
        Panel(
            "Last image to result",
            Markup(chart.svg("Minutes from the last image to the result over time")),  # noqa: S704
            ("from", "n studies", "n median, min", "n 95 of 100 within, min"),
            rows,
            legend=(("", "median"), ("k1", "95 of 100 within")),
        )
    ]


def agreement_panels(found: Figures) -> list[Panel]:
    """Return the Bland-Altman chart of corrected LVEF; none without a correction."""
    pairs = found.lvef.pairs
    if not pairs:
        return []
    middle = [(theirs + ours) / 2 for theirs, ours in pairs]
    off = [ours - theirs for theirs, ours in pairs]
    lines = [] if found.lvef.bias is None else [found.lvef.bias, *(found.lvef.limits or ())]
    chart = Chart(
        Axis.around(middle, "mean of reader's and AI's LVEF, %"),
        Axis.around((*off, *lines, 0.0), "AI minus reader"),
    )
    chart.level(0.0, kind="zero")
    for number, line in enumerate(lines):
        chart.level(line, f"{line:+.1f}", "limit" if number else "level")
    for x, y in zip(middle, off, strict=True):
        chart.dot(x, y)
    rows = tuple(
        (f"{theirs:.1f}", f"{ours:.1f}", f"{ours - theirs:+.1f}") for theirs, ours in pairs
    )
    title = "Corrected LVEF: AI minus reader"
    svg = Markup(chart.svg("Bland-Altman chart of corrected LVEF"))  # noqa: S704
    note = "" if lines else "Too few corrections for limits of agreement."
    return [Panel(title, svg, ("n reader, %", "n AI, %", "n difference"), rows, note)]


def calibration_panels(found: Figures) -> list[Panel]:
    """Return the reliability chart; none where no bin has enough opinions."""
    enough = [one for one in found.reliability if one.right is not None]
    if not enough:
        return []
    chart = Chart(Axis(40.0, 100.0, "confidence said, %"), Axis(0.0, 100.0, "right, %"))
    chart.line([(40.0, 40.0), (100.0, 100.0)], "zero")
    for one in enough:
        if one.right is None or one.right.interval is None or one.mean_confidence_percent is None:
            continue
        low, high = one.right.interval
        x = one.mean_confidence_percent
        chart.line([(x, 100 * low), (x, 100 * high)], "whisker")
        chart.dot(x, 100 * one.right.n / one.right.of, title=f"{one.right.n} of {one.right.of}")
    rows = tuple(
        (f"{one.low_percent} to {one.high_percent} %", str(one.n), said(one.right))
        for one in found.reliability
    )
    svg = Markup(chart.svg("Share of suggested groups that readers meant too, by confidence"))  # noqa: S704
    few = any(one.right is None for one in found.reliability)
    note = f"Ranges with fewer than {MINIMUM_CALIBRATION} opinions are not drawn." if few else ""
    head = ("confidence", "n opinions", "n right (95 % interval)")
    return [Panel("Suggested group, confidence against readers", svg, head, rows, note)]


def said(share: Share | None) -> str:
    """Return a share with its interval in words."""
    if share is None or share.value is None or share.interval is None:
        return "too few" if share is None else _DASH
    low, high = share.interval
    return f"{share.value:.0%} ({low:.0%} to {high:.0%}; {share.n} of {share.of})"


def _value(one: WatchedValue) -> Panel:
    starts = [spread.start for spread in one.spreads]
    numbers = [v for spread in one.spreads for v in (spread.low, spread.high)]
    known = one.reference
    levels = [] if known is None else [known.low, known.middle, known.high]
    unit = one.quantity.unit
    chart = Chart(_time(starts), Axis.around((*numbers, *levels), unit or "value"))
    places = range(len(starts))
    chart.area(
        [(x, one.spreads[x].low) for x in places], [(x, one.spreads[x].high) for x in places]
    )
    for number, level in enumerate(levels):
        chart.level(level, kind="level" if number == 1 else "limit")
    _draw_line(chart, [spread.middle for spread in one.spreads], "line")
    _mark(chart, starts, [spread.middle for spread in one.spreads], one.judged)
    rows = tuple(
        (
            spread.start.isoformat(),
            str(spread.n),
            f"{spread.middle:.3g}",
            f"{spread.low:.3g} to {spread.high:.3g}",
            _verdict(one.judged, spread.start),
        )
        for spread in one.spreads
    )
    name = one.quantity.name[0].upper() + one.quantity.name[1:]
    words = f"{name}, {unit}" if unit else name
    head = ("from", "n studies", "n median", "n quartiles", "against the first")
    svg = Markup(chart.svg(f"Median and quartiles of {words} over time"))  # noqa: S704
    return Panel(words, svg, head, rows, _since(one.changed))


def _kinds(one: WatchedKinds) -> Panel:
    starts = sorted(one.counts)
    totals: dict[str, int] = {}
    for counts in one.counts.values():
        for name, n in counts.items():
            totals[name] = totals.get(name, 0) + n
    shown = sorted(totals, key=lambda name: (-totals[name], name))[:_N_KINDS]
    chart = Chart(_time(starts), Axis(0.0, 100.0, "% of the studies"))
    for place, start in enumerate(starts):
        _stack(chart, place, one.counts[start], shown)
    rows = tuple(
        (
            start.isoformat(),
            *(str(one.counts[start].get(name, 0)) for name in shown),
            str(sum(n for name, n in one.counts[start].items() if name not in shown)),
            _verdict(one.judged, start),
        )
        for start in starts
    )
    head = ("from", *(f"n {name}" for name in shown), "n others", "against the first")
    svg = Markup(chart.svg(f"Studies by {one.name} over time"))  # noqa: S704
    legend = tuple((f"k{place}", name) for place, name in enumerate(shown))
    title = one.name[0].upper() + one.name[1:]
    return Panel(title, svg, head, rows, _since(one.changed), legend)


def _stack(chart: Chart, place: int, counts: Mapping[str, int], shown: Sequence[str]) -> None:
    total, done = sum(counts.values()), 0
    for number, name in enumerate(shown):
        n = counts.get(name, 0)
        if n:
            low, high = 100 * done / total, 100 * (done + n) / total
            chart.bar(place, low, high, f"k{number}", f"{name}: {n} of {total}")
        done += n


def _share(one: WatchedShare) -> Panel:
    starts = sorted(one.shares)
    values = [100 * (one.shares[start].value or 0.0) for start in starts]
    limits = {judged.start: judged.limits for judged in one.judged if judged.limits is not None}
    highest = max((*values, *(100 * high for _, high in limits.values())))
    chart = Chart(_time(starts), Axis(0.0, min(100.0, 1.15 * highest) or 1.0, "% of the studies"))
    for place, start in enumerate(starts):
        for limit in limits.get(start, ()):
            chart.line([(place - 0.45, 100 * limit), (place + 0.45, 100 * limit)], "limit")
    if one.reference.value is not None:
        chart.level(100 * one.reference.value, "at first")
    _draw_line(chart, values, "line")
    _mark(chart, starts, values, one.judged)
    rows = tuple(
        (start.isoformat(), said(one.shares[start]), _verdict(one.judged, start))
        for start in starts
    )
    title = f"Share {one.name}"
    svg = Markup(chart.svg(f"{title} over time, with limits of three standard errors"))  # noqa: S704
    head = ("from", "n share (95 % interval)", "against the first")
    return Panel(title, svg, head, rows, _since(one.changed))


def _time(starts: Sequence[date]) -> Axis:
    every = -(-len(starts) // _N_LABELS)
    monthly = all(start.day == 1 for start in starts) and len(starts) > 1
    form = "%Y-%m" if monthly else "%m-%d"
    names = tuple(
        start.strftime(form) if place % every == 0 else "" for place, start in enumerate(starts)
    )
    return Axis(-0.6, len(starts) - 0.4, "month" if monthly else "week from", names)


def _draw_line(chart: Chart, values: Sequence[float], kind: str) -> None:
    if len(values) > 1:
        chart.line(list(enumerate(values)), kind)
    else:
        chart.dot(0.0, values[0])


def _mark(
    chart: Chart, starts: Sequence[date], values: Sequence[float], judged: Iterable[Judged]
) -> None:
    """Set a dot where a period differs."""
    different = {one.start for one in judged if one.differs}
    for place, (start, value) in enumerate(zip(starts, values, strict=True)):
        if start in different:
            chart.dot(place, value, "dot bad", f"{start.isoformat()}: looks different")


def _verdict(judged: Iterable[Judged], start: date) -> str:
    for one in judged:
        if one.start == start and one.statistic is not None:
            return "different" if one.differs else "alike"
    return "too few"


def _since(changed: Change | None) -> str:
    if changed is None:
        return ""
    return f"Looks different since {changed.since.isoformat()} ({changed.n} studies)."
