"""Risk strata: in which printed band a measurement lies, and what the band is printed for.

A stratum is no diagnosis and no advice. Each names the patients that its source speaks of; whether
this is one of them, a cine cannot tell. The uncertainty is that of ``worker.findings.rules``: a
stratum is PRESENT when the whole interval of the value lies in the band, UNDETERMINED when the
value lies in it and the interval does not, or when it misses by less than half a standard error.
Under 18 years nothing is stated. What a band is called and for whom it is printed stands in the
language files (``strata``).

No band is given for dilation: reference ranges (``normal_ranges``) tell *above*, and printed grades
of severity exist for echocardiography only.

References
----------
Bozkurt B et al., Eur J Heart Fail 2021;23:352-380 (universal definition of heart failure) and
McDonagh TA et al., Eur Heart J 2021;42:3599-3726 (ESC): ejection fraction of 40 % or less, 41 to 49
%, 50 % or more. Al-Khatib SM et al., Circulation 2018;138:e272-e391 (AHA/ACC/HRS) and Zeppenfeld K
et al., Eur Heart J 2022;43:3997-4126 (ESC): 35 % or less. Gulati A et al., Circulation
2013;128:1623-1633: right ventricular ejection fraction of 45 % or less by CMR. Noureldin RA et al.,
J Cardiovasc Magn Reson 2012;14:17, Table 1: wall thickness of 30 mm or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from plugin.domain.findings import Certainty, Measurement, Stratum
from worker.findings.language import load_language
from worker.findings.limits import (
    LVEF_DEFIBRILLATOR_PERCENT,
    LVEF_NORMAL_PERCENT,
    LVEF_REDUCED_PERCENT,
    RVEF_OUTCOME_PERCENT,
    WALL_MASSIVE_MM,
)
from worker.findings.rules import Side, judge
from worker.findings.sentences import Sentences

_HEART_FAILURE = (
    "Bozkurt B et al., Eur J Heart Fail 2021;23:352-380; "
    "McDonagh TA et al., Eur Heart J 2021;42:3599-3726"
)
_DEFIBRILLATOR = (
    "Al-Khatib SM et al., Circulation 2018;138:e272-e391; "
    "Zeppenfeld K et al., Eur Heart J 2022;43:3997-4126"
)
_RIGHT_VENTRICLE = "Gulati A et al., Circulation 2013;128:1623-1633"
_THICK_WALL = "Noureldin RA et al., J Cardiovasc Magn Reson 2012;14:17, Table 1"

_ON_THRESHOLD = 1e-9
"""``judge`` counts a value on its threshold as not beyond; bands hold theirs."""


@dataclass(frozen=True, slots=True)
class Band:
    """A printed band of one measurement: above ``low``, up to ``high``, both None where open.

    Attributes
    ----------
    holds_low
        Whether ``low`` itself belongs to the band; ``high`` does when ``holds_high``.
    """

    key: str
    measurement: str
    source: str
    low: float | None = None
    high: float | None = None
    holds_low: bool = False
    holds_high: bool = False


BANDS: tuple[Band, ...] = (
    Band(
        "ejection_fraction_reduced",
        "lv_ejection_fraction",
        _HEART_FAILURE,
        high=LVEF_REDUCED_PERCENT,
        holds_high=True,
    ),
    Band(
        "ejection_fraction_mildly_reduced",
        "lv_ejection_fraction",
        _HEART_FAILURE,
        low=LVEF_REDUCED_PERCENT,
        high=LVEF_NORMAL_PERCENT,
    ),
    Band(
        "ejection_fraction_preserved",
        "lv_ejection_fraction",
        _HEART_FAILURE,
        low=LVEF_NORMAL_PERCENT,
        holds_low=True,
    ),
    Band(
        "defibrillator_evaluation",
        "lv_ejection_fraction",
        _DEFIBRILLATOR,
        high=LVEF_DEFIBRILLATOR_PERCENT,
        holds_high=True,
    ),
    Band(
        "right_ventricle_and_outcome",
        "rv_ejection_fraction",
        _RIGHT_VENTRICLE,
        high=RVEF_OUTCOME_PERCENT,
        holds_high=True,
    ),
    Band(
        "massive_wall_thickness",
        "maximal_wall_thickness",
        _THICK_WALL,
        low=WALL_MASSIVE_MM,
        holds_low=True,
    ),
)


def risk_strata(measurements: Mapping[str, Measurement], *, adult: bool) -> tuple[Stratum, ...]:
    """Return the strata of the measurements of the whole heart (by key), in the order of BANDS."""
    if not adult:
        return ()
    say = Sentences(load_language("en"))
    found: list[Stratum] = []
    for band in BANDS:
        measurement = measurements.get(band.measurement)
        certainty = None if measurement is None else _certainty(measurement, band)
        if measurement is not None and certainty is not None:
            stratum = Stratum(band.key, certainty, "", (measurement.key,), band.source)
            found.append(replace(stratum, sentence=say.stratum(stratum, measurement)))
    return tuple(found)


def _certainty(measurement: Measurement, band: Band) -> Certainty | None:
    """Judge both edges: every one must be met, and PRESENT needs every one to be so."""
    edges: list[Certainty | None] = []
    if band.low is not None:
        low = band.low - _ON_THRESHOLD if band.holds_low else band.low
        edges.append(judge(measurement, low, Side.ABOVE))
    if band.high is not None:
        high = band.high + _ON_THRESHOLD if band.holds_high else band.high
        edges.append(judge(measurement, high, Side.BELOW))
    if None in edges:
        return None
    return Certainty.UNDETERMINED if Certainty.UNDETERMINED in edges else Certainty.PRESENT
