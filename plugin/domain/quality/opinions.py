"""What readers' opinions say of the results: agreement, corrections, calibration."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from plugin.domain.feedback import PriorityVerdict, Verdict
from plugin.domain.quality.facts import Opinion
from plugin.domain.quality.shares import Share

MINIMUM_CALIBRATION = 20
"""A bin of the calibration with fewer opinions gives no share."""
_BIN_EDGES = (0, 50, 70, 80, 90, 101)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Results whose confidence lay in one range, and how often the reader meant the same group.

    Attributes
    ----------
    right
        None with fewer than ``MINIMUM_CALIBRATION`` opinions.
    """

    low_percent: int
    high_percent: int
    n: int
    mean_confidence_percent: float | None
    right: Share | None


def reliability(opinions: Iterable[Opinion]) -> tuple[Reliability, ...]:
    """Return how often a suggested group was right, by its confidence.

    A reader who agrees with the result as a whole means the suggested group; one who names another
    group does not; opinions that say neither are left out.
    """
    told = [
        (one.confidence_percent, is_right)
        for one in opinions
        if one.confidence_percent is not None and (is_right := _means_group(one)) is not None
    ]
    bins = []
    for low, high in pairwise(_BIN_EDGES):
        inside = [(confidence, right) for confidence, right in told if low <= confidence < high]
        n = len(inside)
        mean = sum(confidence for confidence, _ in inside) / n if n else None
        right = Share(sum(right for _, right in inside), n) if n >= MINIMUM_CALIBRATION else None
        bins.append(Reliability(low, min(high, 100), n, mean, right))
    return tuple(bins)


def _means_group(one: Opinion) -> bool | None:
    if not one.group:
        return None
    if one.diagnosis is not None:
        return one.diagnosis.group == one.group
    return True if one.verdict is Verdict.AGREE else None


def verdicts(opinions: Sequence[Opinion]) -> Mapping[str, Share]:
    """Return how often readers agreed, disagreed or corrected, of all opinions."""
    n = len(opinions)
    shares = {
        one.value: Share(sum(other.verdict is one for other in opinions), n) for one in Verdict
    }
    corrected = {
        "corrected LVEF": sum(one.lvef_percent is not None for one in opinions),
        "corrected group": sum(one.diagnosis is not None for one in opinions),
    }
    return shares | {name: Share(count, n) for name, count in corrected.items()}


def priorities(opinions: Sequence[Opinion]) -> Mapping[str, Share]:
    """Return what readers said of the suggested priority, of those who said something."""
    said = [one.priority for one in opinions if one.priority is not None]
    return {
        one.value: Share(sum(other is one for other in said), len(said)) for one in PriorityVerdict
    }


def groups(opinions: Iterable[Opinion]) -> Mapping[tuple[str, str], int]:
    """Count suggested groups beside the groups that readers named."""
    return Counter(
        (one.group.replace("_", " ") or "indeterminate", one.diagnosis.value)
        for one in opinions
        if one.diagnosis is not None
    )
