"""What every measurement of the moving heart is: rates, thickening, motion, times.

No rule, priority or text rests on these; they stand in the report and on the page of the wall.

References
----------
DICOM PS3.16 annex D: 122616, 122618, 122619, 125202. What no dictionary has is private.
"""

from plugin.domain.findings import Code
from worker.findings.definition import (
    LEFT_VENTRICLE,
    LV_MYOCARDIUM_SITE,
    RIGHT_VENTRICLE,
    Definition,
)


def _private(value: str, meaning: str) -> Code:
    return Code(value, "99CMRTRIAGE", meaning)


_OVER_BEAT = (
    "smooth periodic curve through every phase (harmonics of the beat, damped above the fifth); "
    "twelve phases or more"
)
_BASE = {
    "lv": "; the valve's plane is taken to move smoothly through the slices, not disc by disc",
    "rv": "; disc by disc",
}


def _rates(side: str, site: Code) -> tuple[Definition, ...]:
    name = side.upper()
    return (
        Definition(
            f"{side}_peak_ejection_rate",
            f"{name} peak ejection rate",
            f"Steepest fall of the {name} volume over the beat: {_OVER_BEAT}{_BASE[side]}.",
            "ml/s",
            Code("122616", "DCM", "Peak Ejection Rate"),
            site,
            (10.0, 3000.0),
        ),
        Definition(
            f"{side}_peak_filling_rate",
            f"{name} peak filling rate",
            f"Steepest rise of the {name} volume over the beat, early or late: {_OVER_BEAT}"
            f"{_BASE[side]}.",
            "ml/s",
            Code("122618", "DCM", "Peak Filling Rate"),
            site,
            (10.0, 3000.0),
        ),
    )


BEAT_DEFINITIONS: tuple[Definition, ...] = (
    *_rates("lv", LEFT_VENTRICLE),
    Definition(
        "lv_peak_ejection_rate_per_volume",
        "LV peak ejection rate per end-diastolic volume",
        "LV peak ejection rate divided by LV end-diastolic volume (EDV/s).",
        "/s",
        _private("EJECTION-PER-EDV", "Peak ejection rate per end-diastolic volume"),
        LEFT_VENTRICLE,
        (0.2, 15.0),
        1,
    ),
    Definition(
        "lv_peak_filling_rate_per_volume",
        "LV peak filling rate per end-diastolic volume",
        "LV peak filling rate divided by LV end-diastolic volume (EDV/s).",
        "/s",
        _private("FILLING-PER-EDV", "Peak filling rate per end-diastolic volume"),
        LEFT_VENTRICLE,
        (0.2, 15.0),
        1,
    ),
    Definition(
        "lv_time_to_peak_filling",
        "LV time to peak filling",
        "Time from the smallest LV volume to the LV peak filling rate, both on the smooth curve.",
        "ms",
        Code("122619", "DCM", "Peak Filling Time"),
        LEFT_VENTRICLE,
        (20.0, 1200.0),
    ),
    *_rates("rv", RIGHT_VENTRICLE),
    Definition(
        "wall_motion_score_index",
        "LV wall motion score index",
        "Mean wall motion score of the AHA segments that have one, 12 of 16 or more; derived from "
        "numbers by thresholds, no reader's grades.",
        "1",
        Code("125202", "DCM", "LV Wall Motion Score Index"),
        LV_MYOCARDIUM_SITE,
        (1.0, 4.0),
        2,
    ),
    Definition(
        "thickening_dyssynchrony",
        "Dyssynchrony of wall thickening",
        "Standard deviation of the time to peak thickening of the AHA segments that have one, 12 "
        "of 16 or more, divided by the length of the beat. Not the same number as an index from "
        "regional volumes or strain.",
        "%",
        _private("THICKENING-DYSS", "Dyssynchrony of wall thickening"),
        LV_MYOCARDIUM_SITE,
        (0.0, 35.0),
        1,
    ),
    Definition(
        "wall_thickening",
        "Wall thickening",
        "End-systolic minus end-diastolic wall thickness of the AHA segment, divided by the "
        "end-diastolic one; negative where the wall thins. The heart moves through the slices, so "
        "the two are not the same muscle.",
        "%",
        _private("WALL-THICKENING", "Systolic wall thickening"),
        LV_MYOCARDIUM_SITE,
        (-80.0, 400.0),
    ),
    Definition(
        "inward_motion",
        "Inward motion of the endocardium",
        "Mean distance of the endocardium of the AHA segment from the middle of the epicardial "
        "outline at end-diastole minus that at end-systole; that middle is found in each slice "
        "and phase and moves along with the heart. Negative where the wall moves outwards.",
        "mm",
        _private("INWARD-MOTION", "Radial inward motion of the endocardium"),
        LV_MYOCARDIUM_SITE,
        (-20.0, 35.0),
        1,
    ),
    Definition(
        "time_to_peak_thickening",
        "Time to peak thickening",
        "Time after the R wave at which the AHA segment is thickest on the smooth periodic curve "
        "through every phase (harmonics of the beat, damped above the fourth; twelve phases or "
        "more); none for a segment that is never thicker than at end-diastole by 20 %.",
        "ms",
        _private("TIME-PEAK-THICK", "Time to peak wall thickening"),
        LV_MYOCARDIUM_SITE,
        (0.0, 2000.0),
    ),
    Definition(
        "wall_motion_score",
        "Wall motion score",
        "Score of the AHA segment derived from its thickening and inward motion by printed "
        "thresholds (1 normal or hyperkinetic, 2 hypokinetic, 3 akinetic, 4 dyskinetic); no "
        "reader's grade.",
        "1",
        _private("MOTION-SCORE", "Wall motion score, derived"),
        LV_MYOCARDIUM_SITE,
        (1.0, 4.0),
    ),
)
