"""Statements that follow from measurements by a printed rule.

Each rule compares one measurement with one threshold. It is PRESENT when the value and its whole
uncertainty interval lie beyond the threshold, UNDETERMINED when the value lies beyond but the
interval does not, or when the value misses the threshold by less than half a standard error (about
one in three such values truly lie beyond it). Where sex is unknown the thresholds of both sexes
count: PRESENT needs both. Under 18 years nothing is stated.

No rule names a disease: a cine alone does not tell why a ventricle is large, thick or weak.

References
----------
McDonagh TA et al., Eur Heart J 2021;42:3599-3726 (ESC heart failure: LVEF 40 % or less reduced, 41
to 49 % mildly reduced). Lang RM et al., J Am Soc Echocardiogr 2015;28:1-39 (ASE/EACVI: LVEF below
30 % severely abnormal). Arbelo E et al., Eur Heart J 2023;44:3503-3626 (ESC cardiomyopathies: wall
thickness 15 mm or more in any segment). Reference limits: ``normal_ranges``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from plugin.domain.findings import Certainty, Code, Finding, Measurement
from worker.findings.definition import LEFT_VENTRICLE, LV_MYOCARDIUM_SITE, RIGHT_VENTRICLE
from worker.findings.language import load_language
from worker.findings.limits import (
    LVEF_NORMAL_PERCENT,
    LVEF_REDUCED_PERCENT,
    LVEF_SEVERE_PERCENT,
    WALL_MASSIVE_MM,
    WALL_THICKENED_MM,
)
from worker.findings.sentences import Sentences
from worker.findings.uncertainty import Z_90_PERCENT

ESC_HEART_FAILURE = "McDonagh TA et al., Eur Heart J 2021;42:3599-3726, Table 3"
ASE_EACVI = "Lang RM et al., J Am Soc Echocardiogr 2015;28:1-39, Table 4"
ESC_CARDIOMYOPATHY = "Arbelo E et al., Eur Heart J 2023;44:3503-3626"

PRIVATE_SCHEME = "99CMRTRIAGE"
LV_DYSFUNCTION = Code("371862006", "SCT", "Depression of left ventricular systolic function")
LV_DILATION = Code("LV-DILATION", PRIVATE_SCHEME, "Left ventricular dilation")
LV_HYPERTROPHY = Code("LV-HYPERTROPHY", PRIVATE_SCHEME, "Left ventricular hypertrophy by mass")
WALL_THICKENING = Code(
    "LV-WALL-15MM", PRIVATE_SCHEME, "Left ventricular wall thickness of 15 mm or more"
)
RV_DILATION = Code("RV-DILATION", PRIVATE_SCHEME, "Right ventricular dilation")
RV_DYSFUNCTION = Code(
    "RV-DYSFUNCTION", PRIVATE_SCHEME, "Reduced right ventricular systolic function"
)

_NEAR_MISS_ERRORS = 0.5


class Side(StrEnum):
    """On which side of its threshold a value is abnormal."""

    BELOW = "below"
    ABOVE = "above"


def judge(measurement: Measurement, threshold: float, side: Side) -> Certainty | None:
    """Compare a measurement with a threshold; None when it is not met and not near.

    A value exactly on the threshold does not meet it.
    """
    sign = 1.0 if side is Side.ABOVE else -1.0
    beyond = sign * (measurement.value - threshold)
    if measurement.interval is None:
        return Certainty.PRESENT if beyond > 0.0 else None
    low, high = measurement.interval
    near_end = low if side is Side.ABOVE else high
    if beyond > 0.0:
        clear = sign * (near_end - threshold) > 0.0
        return Certainty.PRESENT if clear else Certainty.UNDETERMINED
    error = (high - measurement.value) / Z_90_PERCENT
    return Certainty.UNDETERMINED if -beyond < _NEAR_MISS_ERRORS * error else None


def judge_ranges(measurement: Measurement, side: Side) -> Certainty | None:
    """Compare with the reference limits; of several populations all must agree on PRESENT."""
    limits = [
        limit
        for normal in measurement.normal_ranges
        if (limit := normal.high if side is Side.ABOVE else normal.low) is not None
    ]
    found = [judge(measurement, limit, side) for limit in limits]
    if not any(found):
        return None
    return Certainty.PRESENT if set(found) == {Certainty.PRESENT} else Certainty.UNDETERMINED


@dataclass(frozen=True, slots=True)
class RangeRule:
    """A value beyond its reference interval; the first of ``keys`` with a range is used."""

    key: str
    keys: tuple[str, ...]
    side: Side
    code: Code
    site: Code


RANGE_RULES: tuple[RangeRule, ...] = (
    RangeRule(
        "lv_dilation",
        ("lv_end_diastolic_volume_index", "lv_end_diastolic_volume"),
        Side.ABOVE,
        LV_DILATION,
        LEFT_VENTRICLE,
    ),
    RangeRule(
        "lv_hypertrophy",
        ("lv_mass_index",),
        Side.ABOVE,
        LV_HYPERTROPHY,
        LV_MYOCARDIUM_SITE,
    ),
    RangeRule(
        "rv_dilation",
        ("rv_end_diastolic_volume_index", "rv_end_diastolic_volume"),
        Side.ABOVE,
        RV_DILATION,
        RIGHT_VENTRICLE,
    ),
    RangeRule(
        "rv_systolic_dysfunction",
        ("rv_ejection_fraction",),
        Side.BELOW,
        RV_DYSFUNCTION,
        RIGHT_VENTRICLE,
    ),
)


def _said(finding: Finding, measurement: Measurement) -> Finding:
    """Give a finding its English sentence."""
    sentence = Sentences(load_language("en")).finding(finding, measurement)
    return replace(finding, sentence=sentence)


def _lvef_grade(value: float) -> tuple[str, str]:
    """Grade and source of an ejection fraction below 50 %."""
    if value < LVEF_SEVERE_PERCENT:
        return "severely reduced", ASE_EACVI
    if value <= LVEF_REDUCED_PERCENT:
        return "reduced", ESC_HEART_FAILURE
    return "mildly reduced", ESC_HEART_FAILURE


def _lv_function(measurement: Measurement) -> Finding | None:
    certainty = judge(measurement, LVEF_NORMAL_PERCENT, Side.BELOW)
    if certainty is None:
        return None
    grade: str | None = None
    source = ESC_HEART_FAILURE
    if measurement.value < LVEF_NORMAL_PERCENT:
        grade, source = _lvef_grade(measurement.value)
    finding = Finding(
        "lv_systolic_dysfunction",
        LV_DYSFUNCTION,
        "",
        certainty,
        (measurement.key,),
        source,
        grade,
        LEFT_VENTRICLE,
    )
    return _said(finding, measurement)


def _wall(measurement: Measurement) -> Finding | None:
    # The printed rule says 15 mm or more; judge() counts a value on its threshold as not met.
    certainty = judge(measurement, WALL_THICKENED_MM - 1e-9, Side.ABOVE)
    if certainty is None:
        return None
    finding = Finding(
        "lv_wall_thickening",
        WALL_THICKENING,
        "",
        certainty,
        (measurement.key,),
        ESC_CARDIOMYOPATHY,
        "massive" if measurement.value >= WALL_MASSIVE_MM else None,
        LV_MYOCARDIUM_SITE,
    )
    return _said(finding, measurement)


def _beyond_range(rule: RangeRule, measurements: Mapping[str, Measurement]) -> Finding | None:
    known = [
        one for key in rule.keys if (one := measurements.get(key)) is not None and one.normal_ranges
    ]
    if not known:
        return None
    certainty = judge_ranges(known[0], rule.side)
    if certainty is None:
        return None
    finding = Finding(
        rule.key,
        rule.code,
        "",
        certainty,
        (known[0].key,),
        known[0].normal_ranges[0].source,
        None,
        rule.site,
    )
    return _said(finding, known[0])


def apply_rules(measurements: Mapping[str, Measurement], *, adult: bool) -> tuple[Finding, ...]:
    """Apply every rule to the measurements of the whole heart (by key)."""
    if not adult:
        return ()
    found: list[Finding | None] = []
    if "lv_ejection_fraction" in measurements:
        found.append(_lv_function(measurements["lv_ejection_fraction"]))
    found += [_beyond_range(rule, measurements) for rule in RANGE_RULES]
    if "maximal_wall_thickness" in measurements:
        found.append(_wall(measurements["maximal_wall_thickness"]))
    return tuple(finding for finding in found if finding is not None)
