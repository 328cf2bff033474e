"""The printed limits that values are judged by: those of ``rules``, ``strata`` and priority."""

from collections.abc import Mapping

LVEF_SEVERE_PERCENT = 30.0
LVEF_DEFIBRILLATOR_PERCENT = 35.0
LVEF_REDUCED_PERCENT = 40.0
LVEF_NORMAL_PERCENT = 50.0
RVEF_URGENT_PERCENT = 37.0
RVEF_OUTCOME_PERCENT = 45.0
WALL_THICKENED_MM = 15.0
WALL_MASSIVE_MM = 30.0

JUDGED_BY: Mapping[str, tuple[float, ...]] = {
    "lv_ejection_fraction": (
        LVEF_SEVERE_PERCENT,
        LVEF_DEFIBRILLATOR_PERCENT,
        LVEF_REDUCED_PERCENT,
        LVEF_NORMAL_PERCENT,
    ),
    "rv_ejection_fraction": (RVEF_URGENT_PERCENT, RVEF_OUTCOME_PERCENT),
    "maximal_wall_thickness": (WALL_THICKENED_MM, WALL_MASSIVE_MM),
}
"""By measurement; reference ranges and the limits of a site's own policy come besides."""
