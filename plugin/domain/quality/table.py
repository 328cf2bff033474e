"""All figures of quality as rows of one table: what the export, the interface and scripts get."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from plugin.domain.quality.drift import Change, Judged
from plugin.domain.quality.figures import Figures
from plugin.domain.quality.shares import Share


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes
    ----------
    period
        First day of the week or month; empty for the whole span.
    value
        A share from 0 to 1, else in ``unit``; None where there is none or too few.
    low, high
        Interval (95 %), limits of agreement, quartiles, or limits of a chart; ``meaning`` says.
    n
        How many studies, opinions or objects the figure rests on.
    differs
        Whether the period lies beyond the limits; None where it was not judged.
    """

    section: str
    name: str
    period: str = ""
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    n: int = 0
    differs: bool | None = None


@dataclass(frozen=True, slots=True)
class Looks:
    """Something that looks different from the first studies, in one sentence."""

    name: str
    since: date
    n: int

    @property
    def sentence(self) -> str:
        """Since when and in how many studies; no cause, no alarm."""
        return f"{self.name} looks different since {self.since.isoformat()} ({self.n} studies)."


def looks_different(found: Figures) -> list[Looks]:
    """Return everything that does."""
    watched: list[tuple[str, Change | None]] = [
        *((one.quantity.name, one.changed) for one in found.values),
        *((one.name, one.changed) for one in found.kinds),
        *((f"share {one.name}", one.changed) for one in found.shares),
    ]
    return [
        Looks(name[0].upper() + name[1:], changed.since, changed.n)
        for name, changed in watched
        if changed is not None
    ]


def rows(found: Figures) -> list[Row]:
    """Return every figure."""
    return [
        *_opinions(found),
        *_calibration(found),
        *_drift(found),
        *_refusals(found),
        *_times(found),
        *_deliveries(found),
    ]


def _opinions(found: Figures) -> Iterator[Row]:
    for name, share in found.verdicts.items():
        yield _share("agreement", name, share)
    for name, share in found.priorities.items():
        yield _share("suggested priority", name, share)
    low, high = found.lvef.limits or (None, None)
    n = len(found.lvef.pairs)
    meaning = "limits of agreement"
    bias = found.lvef.bias
    yield Row("agreement", "LVEF minus the readers'", "", "%", bias, low, high, meaning, n)
    for (suggested, said), count in sorted(found.groups.items()):
        yield Row("corrected group", f"{suggested} -> {said}", n=count)


def _calibration(found: Figures) -> Iterator[Row]:
    for one in found.reliability:
        name = f"group right, confidence {one.low_percent} to {one.high_percent} %"
        if one.right is None:
            yield Row("calibration", name, n=one.n)
        else:
            yield _share("calibration", name, one.right)


def _drift(found: Figures) -> Iterator[Row]:
    for value in found.values:
        judged = {one.start: one for one in value.judged}
        name, unit = value.quantity.name, value.quantity.unit
        for one in value.spreads:
            differs = _differs(judged.get(one.start))
            period = one.start.isoformat()
            yield Row(
                "distribution",
                name,
                period,
                unit,
                one.middle,
                one.low,
                one.high,
                "median, quartiles",
                one.n,
                differs,
            )
    for kind in found.kinds:
        of = {one.start: one for one in kind.judged}
        for start, counts in kind.counts.items():
            n = sum(counts.values())
            for name, count in sorted(counts.items()):
                share = _share(kind.name, name, Share(count, n), start.isoformat())
                yield _judged(share, of.get(start))
    for watched in found.shares:
        at = {one.start: one for one in watched.judged}
        for start, share_then in watched.shares.items():
            share = _share("share of studies", watched.name, share_then, start.isoformat())
            yield _judged(share, at.get(start))


def _refusals(found: Figures) -> Iterator[Row]:
    for (layer, reason), n in sorted(found.refusals.items()):
        yield Row("refusals", f"{layer}: {reason}", n=n)
    for start, counts in found.refused_by_layer.items():
        for layer, n in sorted(counts.items()):
            yield Row("refusals by layer", layer, start.isoformat(), n=n)


def _times(found: Figures) -> Iterator[Row]:
    for one in found.waits:
        period = one.start.isoformat()
        for name, seconds in (("median", one.median_seconds), ("95th %", one.p95_seconds)):
            yield Row("last image to result", name, period, "s", seconds, n=one.n)


def _deliveries(found: Figures) -> Iterator[Row]:
    for one in found.deliveries:
        yield _share("delivery", f"{one.destination}: arrived", one.arrived)
        yield Row("delivery", f"{one.destination}: waiting", n=one.n_waiting)
        yield Row("delivery", f"{one.destination}: not delivered", n=one.n_dead)


def _share(section: str, name: str, share: Share, period: str = "") -> Row:
    low, high = share.interval or (None, None)
    return Row(section, name, period, "", share.value, low, high, "95 % interval", share.of)


def _judged(row: Row, judged: Judged | None) -> Row:
    return replace(row, differs=_differs(judged))


def _differs(judged: Judged | None) -> bool | None:
    return None if judged is None or judged.statistic is None else judged.differs
