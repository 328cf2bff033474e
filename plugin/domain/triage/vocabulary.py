"""The words that a triage policy may use: measurements with unit and range, findings, strata.

The worker's tables are not imported (the domain imports nothing); tests hold the two together.
Values of AHA segments are not offered: one segment is too little to change an order.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement of the whole heart: name for people, UCUM unit, values that a heart can have.

    A value outside (``low``, ``high``) is never reported, so no rule can meet one; ``decimals`` are
    shown.
    """

    name: str
    unit: str
    low: float
    high: float
    decimals: int = 0

    @property
    def unit_after_number(self) -> str:
        """Return the unit as people read it behind a number, with the space before it."""
        return "" if self.unit == "1" else f" {self.unit.replace('m2', 'm²')}"


@dataclass(frozen=True, slots=True)
class Stated:
    """A finding or a stratum: words for people, and the measurements that it may rest on.

    Without any of those it can be neither stated nor ruled out.
    """

    words: str
    rests_on: tuple[str, ...]


MEASUREMENTS: Mapping[str, Measured] = {
    "lv_ejection_fraction": Measured("LV ejection fraction", "%", 5.0, 90.0),
    "lv_end_diastolic_volume": Measured("LV end-diastolic volume", "ml", 5.0, 700.0),
    "lv_end_systolic_volume": Measured("LV end-systolic volume", "ml", 1.0, 650.0),
    "lv_stroke_volume": Measured("LV stroke volume", "ml", 2.0, 300.0),
    "lv_mass": Measured("LV mass", "g", 5.0, 700.0),
    "rv_ejection_fraction": Measured("RV ejection fraction", "%", 5.0, 90.0),
    "rv_end_diastolic_volume": Measured("RV end-diastolic volume", "ml", 5.0, 800.0),
    "rv_end_systolic_volume": Measured("RV end-systolic volume", "ml", 1.0, 750.0),
    "rv_stroke_volume": Measured("RV stroke volume", "ml", 2.0, 350.0),
    "heart_rate": Measured("Heart rate", "/min", 20.0, 250.0),
    "cardiac_output": Measured("Cardiac output", "l/min", 0.3, 25.0, decimals=1),
    "lv_end_diastolic_volume_index": Measured("LV end-diastolic volume index", "ml/m2", 1.6, 400.0),
    "lv_end_systolic_volume_index": Measured("LV end-systolic volume index", "ml/m2", 0.3, 380.0),
    "lv_stroke_volume_index": Measured("LV stroke volume index", "ml/m2", 0.6, 150.0),
    "lv_mass_index": Measured("LV mass index", "g/m2", 1.6, 400.0),
    "rv_end_diastolic_volume_index": Measured("RV end-diastolic volume index", "ml/m2", 1.6, 450.0),
    "rv_end_systolic_volume_index": Measured("RV end-systolic volume index", "ml/m2", 0.3, 430.0),
    "rv_stroke_volume_index": Measured("RV stroke volume index", "ml/m2", 0.6, 180.0),
    "cardiac_index": Measured("Cardiac index", "l/min/m2", 0.2, 12.0, decimals=1),
    "maximal_wall_thickness": Measured("Maximal LV wall thickness", "mm", 2.0, 60.0),
    "lv_peak_ejection_rate": Measured("LV peak ejection rate", "ml/s", 10.0, 3000.0),
    "lv_peak_filling_rate": Measured("LV peak filling rate", "ml/s", 10.0, 3000.0),
    "lv_peak_ejection_rate_per_volume": Measured(
        "LV peak ejection rate per end-diastolic volume", "/s", 0.2, 15.0, decimals=1
    ),
    "lv_peak_filling_rate_per_volume": Measured(
        "LV peak filling rate per end-diastolic volume", "/s", 0.2, 15.0, decimals=1
    ),
    "lv_time_to_peak_filling": Measured("LV time to peak filling", "ms", 20.0, 1200.0),
    "rv_peak_ejection_rate": Measured("RV peak ejection rate", "ml/s", 10.0, 3000.0),
    "rv_peak_filling_rate": Measured("RV peak filling rate", "ml/s", 10.0, 3000.0),
    "wall_motion_score_index": Measured("LV wall motion score index", "1", 1.0, 4.0, decimals=2),
    "thickening_dyssynchrony": Measured(
        "Dyssynchrony of wall thickening", "%", 0.0, 35.0, decimals=1
    ),
}

FINDINGS: Mapping[str, Stated] = {
    "lv_systolic_dysfunction": Stated(
        "reduced left ventricular systolic function", ("lv_ejection_fraction",)
    ),
    "lv_dilation": Stated(
        "dilated left ventricle", ("lv_end_diastolic_volume_index", "lv_end_diastolic_volume")
    ),
    "lv_hypertrophy": Stated("left ventricular mass above the reference range", ("lv_mass_index",)),
    "rv_dilation": Stated(
        "dilated right ventricle", ("rv_end_diastolic_volume_index", "rv_end_diastolic_volume")
    ),
    "rv_systolic_dysfunction": Stated(
        "reduced right ventricular systolic function", ("rv_ejection_fraction",)
    ),
    "lv_wall_thickening": Stated("wall thickness of 15 mm or more", ("maximal_wall_thickness",)),
}

STRATA: Mapping[str, Stated] = {
    "ejection_fraction_reduced": Stated(
        "LV ejection fraction of 40 % or less", ("lv_ejection_fraction",)
    ),
    "ejection_fraction_mildly_reduced": Stated(
        "LV ejection fraction above 40 and below 50 %", ("lv_ejection_fraction",)
    ),
    "defibrillator_evaluation": Stated(
        "LV ejection fraction of 35 % or less", ("lv_ejection_fraction",)
    ),
    "right_ventricle_and_outcome": Stated(
        "RV ejection fraction of 45 % or less", ("rv_ejection_fraction",)
    ),
    "massive_wall_thickness": Stated(
        "wall thickness of 30 mm or more", ("maximal_wall_thickness",)
    ),
}
"""Without ``ejection_fraction_preserved``: a good value is no reason to promote."""
