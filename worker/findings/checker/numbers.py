"""Every number of a sentence against the measurement that it is said of.

A value must be that measurement's, rounded to the digits written; a pair its interval or its
reference range; a limit one that a rule prints. Numbers of a note on quality are compared with the
notes of the assessment.
"""

from collections.abc import Iterator, Sequence

from plugin.domain.findings import Assessment, Measurement
from worker.findings.checker.disagreement import DisagreementKind, Problem
from worker.findings.checker.reader import Amount, Reading, load_lexicon
from worker.findings.checker.subjects import keys_of, population_behind, segment_of

PRIORITY_LIMITS: dict[str, frozenset[str]] = {
    "lv_ejection_fraction": frozenset({"35"}),
    "rv_ejection_fraction": frozenset({"37"}),
    "maximal_wall_thickness": frozenset({"30"}),
}
"""Limits of the shipped priority rules; the wall's 15 and 30 mm are read with their statement."""

_REGIONAL = frozenset({"wall_thickness_ed", "wall_thickness_es", "wall_thickening_ratio"})

Amounts = tuple[tuple[tuple[str, ...], str | None], ...]


def amounts_of_notes(assessment: Assessment) -> frozenset[Amounts]:
    """Numbers of each note on quality, in order, with units."""
    english = load_lexicon("en")
    return frozenset(_flat(english.read(note.sentence)) for note in assessment.quality)


def number_problems(
    reading: Reading, assessment: Assessment, notes: frozenset[Amounts]
) -> Iterator[Problem]:
    """Yield what is wrong with the numbers of one sentence."""
    written = _flat((reading,))
    single = sum(len(numbers) for numbers, _ in written) == 1
    if written in notes and not (single and reading.tokens("quantities")):
        return
    for amount in reading.amounts:
        kind = _problem(reading, amount, assessment)
        if kind is not None:
            yield kind, " ".join((*amount.numbers, amount.unit or "")).strip()


def _flat(readings: Sequence[Reading]) -> Amounts:
    return tuple((a.numbers, a.unit) for reading in readings for a in reading.amounts)


def _limits(assessment: Assessment, key: str) -> frozenset[str]:
    """Return the limits of a measurement that the shipped rules or the site's policy print."""
    policy = (
        f"{reason.threshold:g}"
        for reason in assessment.priority.reasons
        if reason.key == key and reason.threshold is not None
    )
    return PRIORITY_LIMITS.get(key, frozenset()).union(policy)


def _problem(reading: Reading, amount: Amount, assessment: Assessment) -> DisagreementKind | None:
    keys = keys_of(reading, amount)
    if amount.is_limit:
        printed = any(
            _unit(assessment, key) == amount.unit
            and _limits(assessment, key).issuperset(amount.numbers)
            for key in keys
        )
        return None if printed else DisagreementKind.UNKNOWN_NUMBER
    named = _named(reading, amount, assessment)
    if len(amount.numbers) > 1:
        population = population_behind(reading, amount)
        sides = {token.key for token in reading.tokens("relations")}
        right = any(
            _is_interval(amount, one)
            if population is None
            else _is_range(amount, population, sides, one)
            for one in named
        )
        return None if right else DisagreementKind.WRONG_RANGE
    if any(_is_value(amount, one.value, one.unit) for one in named):
        return None
    bsa_m2 = assessment.bsa_m2
    if "body_surface_area" in keys and bsa_m2 is not None and _is_value(amount, bsa_m2, "m2"):
        return None
    elsewhere = any(_is_value(amount, one.value, one.unit) for one in assessment.measurements)
    return DisagreementKind.WRONG_MEASUREMENT if elsewhere else DisagreementKind.UNKNOWN_NUMBER


def _unit(assessment: Assessment, key: str) -> str | None:
    measurement = assessment.measurement(key)
    return None if measurement is None else measurement.unit


def _named(reading: Reading, amount: Amount, assessment: Assessment) -> tuple[Measurement, ...]:
    """Measurements that the number may be said of."""
    found = (
        assessment.measurement(key, segment_of(reading, amount) if key in _REGIONAL else None)
        for key in keys_of(reading, amount)
    )
    return tuple(one for one in found if one is not None)


def values_of(reading: Reading, amount: Amount, assessment: Assessment) -> tuple[Measurement, ...]:
    """Measurements that one number of a sentence is the value of."""
    if len(amount.numbers) > 1 or amount.is_limit:
        return ()
    named = _named(reading, amount, assessment)
    return tuple(one for one in named if _is_value(amount, one.value, one.unit))


def _is_value(amount: Amount, value: float, unit: str) -> bool:
    written = "1" if amount.unit is None else amount.unit
    return written == unit and _rounds_to(amount.numbers[0], value)


def _rounds_to(number: str, value: float) -> bool:
    decimals = len(number.partition(".")[2])
    return f"{value:.{decimals}f}" == number


def _is_interval(amount: Amount, one: Measurement) -> bool:
    return (
        one.interval is not None
        and amount.unit in (one.unit, None if one.unit == "1" else one.unit)
        and all(_rounds_to(n, end) for n, end in zip(amount.numbers, one.interval, strict=True))
    )


def _is_range(amount: Amount, population: str, sides: set[str], one: Measurement) -> bool:
    """Whether it is the printed range of that population, on a side that is claimed."""
    return any(
        normal.low is not None
        and normal.high is not None
        and amount.unit == one.unit
        and amount.numbers == (f"{normal.low:g}", f"{normal.high:g}")
        and normal.population.split(",")[0] == population
        and normal.side(one.value) in sides
        for normal in one.normal_ranges
    )
