"""One assessment beside an earlier one: which values may be compared, and what a difference says.

Pure. Values are compared only where quantity, unit and definition (papillary muscles and all) are
the same; so a definition that changes ends the comparison by itself. Who measured them may differ:
the uncertainty is that to an expert's contours, bias included, for either version.

A difference is called more than the measurement uncertainty when it exceeds the root of the sum of
squares of the half-widths of both 90 % intervals: the interval of a difference of two independent
measurements (JCGM 100), as reference change values are made for laboratory tests (Harris 1983).
Part of the error is the same in both studies of a heart and cancels, so the limit is rather too
wide than too narrow; of many values of an unchanged heart some may exceed it all the same.

References
----------
JCGM 100:2008 (GUM), 5.1.2. Harris EK, Yasaka T, Clin Chem 1983;29:25-30.
"""

from math import hypot, isfinite

from plugin.domain.comparison import COMPARED, Change
from plugin.domain.findings import Assessment, Measurement
from worker.findings.definitions import DEFINITIONS
from worker.findings.report_text import puts_numbers_in_doubt

GUM = "JCGM 100:2008 (GUM), 5.1.2"
REFERENCE_CHANGE = "Harris EK, Yasaka T, Clin Chem 1983;29:25-30"
_DECIMALS = 1


def changes_between(
    now: Assessment, before: Assessment
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Compare two assessments of one person.

    Returns
    -------
    tuple
        What both measured alike, in the order of ``COMPARED``; and the keys of what both measured
        under one name but not alike.
    """
    found: list[Change] = []
    otherwise: list[str] = []
    for key in COMPARED:
        today, earlier = now.measurement(key), before.measurement(key)
        if today is None or earlier is None:
            continue
        if _is_alike(today, earlier):
            found.append(_change(today, earlier))
        else:
            otherwise.append(key)
    return tuple(found), tuple(otherwise)


def values_of(assessment: Assessment) -> dict[str, float]:
    """Return the values that may be compared, rounded as they are told.

    Raises
    ------
    ValueError
        If one of them is nothing that a heart can have: then the assessment is damaged.
    """
    found = {}
    for key in COMPARED:
        value = assessment.value(key)
        if value is None:
            continue
        if not isfinite(value) or not DEFINITIONS[key].is_plausible(value):
            raise ValueError(key)
        found[key] = round(value, _DECIMALS)
    return found


def is_doubtful(assessment: Assessment) -> bool:
    """Tell whether a note of an assessment puts its numbers in doubt."""
    return any(puts_numbers_in_doubt(note) for note in assessment.quality)


def combined_limit(today: Measurement, earlier: Measurement) -> float | None:
    """Return the half-width of the 90 % interval of the difference; None without both intervals.

    The upper half of an interval counts: the lower one may be cut at zero.
    """
    if today.interval is None or earlier.interval is None:
        return None
    halves = (today.interval[1] - today.value, earlier.interval[1] - earlier.value)
    return round(hypot(*halves), _DECIMALS)


def _is_alike(today: Measurement, earlier: Measurement) -> bool:
    """Tell whether two values are of one quantity by one definition; names may be translated."""
    return (today.unit, today.definition, today.phase) == (
        earlier.unit,
        earlier.definition,
        earlier.phase,
    ) and (today.code.value, today.code.scheme) == (earlier.code.value, earlier.code.scheme)


def _change(today: Measurement, earlier: Measurement) -> Change:
    now, before = round(today.value, _DECIMALS), round(earlier.value, _DECIMALS)
    return Change(today.key, today.unit, now, before, combined_limit(today, earlier))
