"""Published reference intervals, with the page they are printed on.

Only sources that count papillary muscles and trabeculae as cavity, as our contours do, and bSSFP
cine at 1.5 T or 3 T; images of another field strength get no range. Adults only: under 18 years no
range is given, so nothing is graded. Where sex is not known both ranges are given. A measurement
without a row here has no reference interval.

References
----------
Zhan Y et al., Circ Cardiovasc Imaging 2024;17:e016090: Bayesian meta-analysis of 52 studies, pooled
lower and upper reference values, papillary muscles counted as LV volume.
Kawel-Boehm N et al., J Cardiovasc Magn Reson 2025;27:101853 (SCMR, 2025 update), Tables 3 and 9:
2.5th to 97.5th percentile, papillary muscles counted as volume.
"""

from dataclasses import dataclass

from plugin.domain.findings import NormalRange

ADULT_AGE_YEARS = 18.0
FIELD_STRENGTHS_T = ((1.4, 1.6), (2.8, 3.1))
"""What scanners of nominally 1.5 T and 3 T write."""

ZHAN_2024 = (
    "Zhan Y et al., Circ Cardiovasc Imaging 2024;17:e016090 (papillary muscles in the LV volume)"
)
SCMR_2025 = (
    "Kawel-Boehm N et al., J Cardiovasc Magn Reson 2025;27:101853, Tables 3 and 9 "
    "(papillary muscles in the volume)"
)


@dataclass(frozen=True, slots=True)
class ReferenceInterval:
    """Lower and upper limit for men and for women, in the measurement's unit."""

    men: tuple[float, float]
    women: tuple[float, float]
    source: str


REFERENCE_INTERVALS: dict[str, ReferenceInterval] = {
    "lv_ejection_fraction": ReferenceInterval((52, 73), (54, 75), ZHAN_2024),
    "lv_end_diastolic_volume_index": ReferenceInterval((60, 109), (56, 96), ZHAN_2024),
    "lv_end_systolic_volume_index": ReferenceInterval((18, 45), (16, 38), ZHAN_2024),
    "lv_mass_index": ReferenceInterval((41, 76), (33, 57), ZHAN_2024),
    "rv_ejection_fraction": ReferenceInterval((47, 68), (49, 71), ZHAN_2024),
    "rv_end_diastolic_volume_index": ReferenceInterval((47, 116), (44, 99), SCMR_2025),
    "rv_end_systolic_volume_index": ReferenceInterval((16, 52), (13, 43), SCMR_2025),
    "lv_end_diastolic_volume": ReferenceInterval((81, 204), (68, 158), SCMR_2025),
    "lv_end_systolic_volume": ReferenceInterval((17, 88), (14, 63), SCMR_2025),
    "lv_stroke_volume": ReferenceInterval((53, 128), (45, 103), SCMR_2025),
    "rv_end_diastolic_volume": ReferenceInterval((74, 231), (59, 172), SCMR_2025),
    "rv_end_systolic_volume": ReferenceInterval((26, 104), (17, 75), SCMR_2025),
    "rv_stroke_volume": ReferenceInterval((33, 146), (32, 109), SCMR_2025),
}

_POPULATION = "{who}, adults, bSSFP at 1.5 T or 3 T"


def is_adult(age_years: float | None) -> bool:
    """Tell whether adult ranges may be used; an unknown age is taken as adult and noted."""
    return age_years is None or age_years >= ADULT_AGE_YEARS


def is_covered_field(field_strength_t: float | None) -> bool:
    """Tell whether the sources were measured at this field; an unknown one is taken as covered."""
    return field_strength_t is None or any(
        low <= field_strength_t <= high for low, high in FIELD_STRENGTHS_T
    )


def normal_ranges(
    key: str, sex: str | None, age_years: float | None, field_strength_t: float | None = None
) -> tuple[NormalRange, ...]:
    """Return the reference intervals of a measurement for this patient.

    Returns
    -------
    tuple of NormalRange
        One where sex is known, those of men and women where it is not, none under 18 years, at
        another field strength, or where no interval is published that fits our definition.
    """
    interval = REFERENCE_INTERVALS.get(key)
    if interval is None or not is_adult(age_years) or not is_covered_field(field_strength_t):
        return ()
    men = NormalRange(*interval.men, _POPULATION.format(who="men"), interval.source)
    women = NormalRange(*interval.women, _POPULATION.format(who="women"), interval.source)
    return {"M": (men,), "F": (women,)}.get(sex or "", (men, women))
