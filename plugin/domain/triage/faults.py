"""Rules that can never decide anything: contradictory, beyond what a heart has, or covered.

A hospital that writes a rule expects it to act, so a rule that cannot is refused with a sentence.
"""

from collections.abc import Iterator, Sequence

from plugin.domain.triage.policy import (
    ChangeCondition,
    ClassCondition,
    Condition,
    Level,
    MeasurementCondition,
    OrderCondition,
    Policy,
    Side,
    StatedCondition,
    WaitingCondition,
    is_at_least,
)
from plugin.domain.triage.vocabulary import MEASUREMENTS

_RANK = {Level.REVIEW: 0, Level.URGENT: 1, Level.STAT: 2}
_LOW = (Side.ABOVE, Side.AT_OR_ABOVE)


def faults(policy: Policy) -> Iterator[str]:
    """Yield a sentence for every rule that can never be met or never change anything."""
    for index, rule in enumerate(policy.rules):
        place = f"line {rule.line}, rule {rule.name}"
        impossible = _impossible(rule.conditions)
        if impossible:
            yield f"{place}: unreachable, {impossible}"
            continue
        for position, other in enumerate(policy.rules):
            if other is rule or _RANK[other.level] < _RANK[rule.level]:
                continue
            same = _implies(other.conditions, rule.conditions) and other.level is rule.level
            if _implies(rule.conditions, other.conditions) and not (same and index < position):
                yield (
                    f"{place}: unreachable, whenever it is met, rule {other.name} (line "
                    f"{other.line}) is met too and gives {other.level.value}"
                )
                break


def _impossible(conditions: Sequence[Condition]) -> str:
    """Say why conditions can never hold together; empty when they can."""
    classes = {one.patient_class for one in conditions if isinstance(one, ClassCondition)}
    if len(classes) > 1:
        return f"no patient is {' and '.join(sorted(classes))} at once"
    unreachable = _impossible_change([o for o in conditions if isinstance(o, ChangeCondition)])
    if unreachable:
        return unreachable
    measured = [one for one in conditions if isinstance(one, MeasurementCondition)]
    for one in measured:
        known = MEASUREMENTS[one.key]
        never = one.threshold < known.low if one.side not in _LOW else one.threshold > known.high
        if never:
            return (
                f"no reported {known.name} is {one.side.value} {one.threshold:g} {known.unit} "
                f"(reported are {known.low:g} to {known.high:g})"
            )
    for low in measured:
        for high in measured:
            if low.key == high.key and low.side in _LOW and high.side not in _LOW:
                both = low.side is Side.AT_OR_ABOVE and high.side is Side.AT_OR_BELOW
                if low.threshold > high.threshold or (low.threshold == high.threshold and not both):
                    name = MEASUREMENTS[low.key].name
                    return (
                        f"no {name} is {low.side.value} {low.threshold:g} and {high.side.value} "
                        f"{high.threshold:g}"
                    )
    return ""


def _impossible_change(conditions: Sequence[ChangeCondition]) -> str:
    """Say why no value can change like that; empty when it can."""
    for one in conditions:
        known = MEASUREMENTS[one.key]
        if one.at_least > known.high - known.low:
            return f"no reported {known.name} changes by {one.at_least:g} {known.unit}"
        if any(other.key == one.key and other.direction != one.direction for other in conditions):
            return f"no {known.name} falls and rises at once"
    return ""


def _implies(first: Sequence[Condition], second: Sequence[Condition]) -> bool:
    """Tell whether all of ``second`` hold whenever all of ``first`` do."""
    return all(any(_covers(wide, narrow) for narrow in first) for wide in second)


def _covers(wide: Condition, narrow: Condition) -> bool:
    """Tell whether ``wide`` holds whenever ``narrow`` does."""
    if wide == narrow:
        return True
    if isinstance(wide, MeasurementCondition) and isinstance(narrow, MeasurementCondition):
        return _covers_values(wide, narrow)
    if isinstance(wide, ChangeCondition) and isinstance(narrow, ChangeCondition):
        return _covers_change(wide, narrow)
    if isinstance(wide, StatedCondition) and isinstance(narrow, StatedCondition):
        return (wide.kind, wide.key) == (narrow.kind, narrow.key) and wide.counts_undetermined
    if isinstance(wide, OrderCondition) and isinstance(narrow, OrderCondition):
        return is_at_least(narrow.at_least, wide.at_least)
    if isinstance(wide, WaitingCondition) and isinstance(narrow, WaitingCondition):
        return narrow.at_least_minutes >= wide.at_least_minutes
    return False


def _covers_change(wide: ChangeCondition, narrow: ChangeCondition) -> bool:
    if (wide.key, wide.direction) != (narrow.key, narrow.direction):
        return False
    window = wide.within_days is None or (
        narrow.within_days is not None and narrow.within_days <= wide.within_days
    )
    return window and narrow.at_least >= wide.at_least


def _covers_values(wide: MeasurementCondition, narrow: MeasurementCondition) -> bool:
    if wide.key != narrow.key or (wide.surely and not narrow.surely):
        return False
    if (wide.side in _LOW) != (narrow.side in _LOW):
        return False
    if wide.threshold == narrow.threshold:
        strict = (Side.BELOW, Side.ABOVE)
        return wide.side not in strict or narrow.side in strict
    if wide.side in _LOW:
        return wide.threshold < narrow.threshold
    return wide.threshold > narrow.threshold
