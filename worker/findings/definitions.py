"""What every measurement is: name, definition, unit, code, finding site, plausibility.

Knows no image and no patient. ``docs/measurements-definitions.md`` is generated from this table
(``python -m worker.findings.definition_page``) and a test holds the two together.

References
----------
DICOM PS3.16: CID 3833, 3835, 12203, 3717 and TID 1500; UCUM for units. Codes of segments: CID 3717.
"""

from plugin.domain.findings import Code
from worker.findings.beat_definitions import BEAT_DEFINITIONS
from worker.findings.definition import (
    DISC_SUMMATION,
    HEART,
    LEFT_VENTRICLE,
    LV_MYOCARDIUM_SITE,
    RIGHT_VENTRICLE,
    Definition,
)

_LV_EDV = Code("8821-1", "LN", "Left Ventricular ED Volume")
_LV_ESV = Code("8823-7", "LN", "Left Ventricular ES Volume")
_RV_EDV = Code("8822-9", "LN", "Right Ventricular ED Volume")
_RV_ESV = Code("8824-5", "LN", "Right Ventricular ES Volume")
_LV_MASS = Code("18087-7", "LN", "Left Ventricle Mass")
_THICKNESS = Code("122445", "DCM", "Wall Thickness")

_DISCS = (
    "Sum over the short-axis slices of contour area times the slice's share of the distance "
    "between slice centres (Slice Thickness is not used)"
)
_PAPILLARY = "papillary muscles and trabeculae belong to the cavity"
_INDEXED = "divided by the body surface area (Mosteller)"


def _volume(key: str, name: str, code: Code, site: Code, phase: str, high: float) -> Definition:
    moment = "end-diastole" if phase == "ED" else "end-systole"
    return Definition(
        key,
        name,
        f"{_DISCS} at the left ventricle's {moment}; {_PAPILLARY}.",
        "ml",
        code,
        site,
        (5.0 if phase == "ED" else 1.0, high),
        phase=phase,
        method=DISC_SUMMATION,
    )


def _index(of: Definition, code: Code, high: float, *, decimals: int = 0) -> Definition:
    return Definition(
        f"{of.key}_index",
        f"{of.name} index",
        f"{of.name} {_INDEXED}.",
        f"{of.unit}/m2",
        code,
        of.site,
        (of.plausible[0] / 3.0, high),
        decimals,
        of.phase,
        of.method,
    )


_VOLUMES = (
    _volume(
        "lv_end_diastolic_volume", "LV end-diastolic volume", _LV_EDV, LEFT_VENTRICLE, "ED", 700.0
    ),
    _volume(
        "lv_end_systolic_volume", "LV end-systolic volume", _LV_ESV, LEFT_VENTRICLE, "ES", 650.0
    ),
    _volume(
        "rv_end_diastolic_volume", "RV end-diastolic volume", _RV_EDV, RIGHT_VENTRICLE, "ED", 800.0
    ),
    _volume(
        "rv_end_systolic_volume", "RV end-systolic volume", _RV_ESV, RIGHT_VENTRICLE, "ES", 750.0
    ),
)
_LV_SV = Definition(
    "lv_stroke_volume",
    "LV stroke volume",
    "LV end-diastolic minus LV end-systolic volume.",
    "ml",
    Code("90096001", "SCT", "Stroke Volume"),
    LEFT_VENTRICLE,
    (2.0, 300.0),
)
_RV_SV = Definition(
    "rv_stroke_volume",
    "RV stroke volume",
    "RV end-diastolic minus RV end-systolic volume.",
    "ml",
    Code("429483009", "SCT", "Right ventricular stroke volume"),
    RIGHT_VENTRICLE,
    (2.0, 350.0),
)
_MASS = Definition(
    "lv_mass",
    "LV mass",
    f"{_DISCS} of the LV myocardium at end-diastole, times 1.05 g/ml; {_PAPILLARY} and are not "
    "part of the mass.",
    "g",
    _LV_MASS,
    LV_MYOCARDIUM_SITE,
    (5.0, 700.0),
    phase="ED",
    method=DISC_SUMMATION,
)
_OUTPUT = Definition(
    "cardiac_output",
    "Cardiac output",
    "LV stroke volume times heart rate; equals forward flow only without mitral or aortic "
    "regurgitation and without a shunt.",
    "l/min",
    Code("82799009", "SCT", "Cardiac Output"),
    LEFT_VENTRICLE,
    (0.3, 25.0),
    1,
)

DEFINITIONS: dict[str, Definition] = {
    definition.key: definition
    for definition in (
        Definition(
            "lv_ejection_fraction",
            "LV ejection fraction",
            "LV stroke volume divided by LV end-diastolic volume.",
            "%",
            Code("8811-2", "LN", "Left ventricular ejection fraction by MR"),
            LEFT_VENTRICLE,
            (5.0, 90.0),
        ),
        _VOLUMES[0],
        _VOLUMES[1],
        _LV_SV,
        _MASS,
        Definition(
            "rv_ejection_fraction",
            "RV ejection fraction",
            "RV stroke volume divided by RV end-diastolic volume, at the phases chosen for the LV.",
            "%",
            Code("8818-7", "LN", "Right ventricular ejection fraction by MR"),
            RIGHT_VENTRICLE,
            (5.0, 90.0),
        ),
        _VOLUMES[2],
        _VOLUMES[3],
        _RV_SV,
        Definition(
            "heart_rate",
            "Heart rate",
            "60000 divided by the RR interval of the short-axis cine in ms.",
            "/min",
            Code("8867-4", "LN", "Heart rate"),
            HEART,
            (20.0, 250.0),
        ),
        _OUTPUT,
        _index(_VOLUMES[0], _LV_EDV, 400.0),
        _index(_VOLUMES[1], _LV_ESV, 380.0),
        _index(_LV_SV, Code("277381004", "SCT", "Stroke Index"), 150.0),
        _index(_MASS, _LV_MASS, 400.0),
        _index(_VOLUMES[2], _RV_EDV, 450.0),
        _index(_VOLUMES[3], _RV_ESV, 430.0),
        _index(_RV_SV, Code("429619008", "SCT", "Right ventricular stroke index"), 180.0),
        Definition(
            "cardiac_index",
            "Cardiac index",
            f"Cardiac output {_INDEXED}.",
            "l/min/m2",
            Code("54993008", "SCT", "Cardiac Index"),
            LEFT_VENTRICLE,
            (0.2, 12.0),
            1,
        ),
        Definition(
            "maximal_wall_thickness",
            "Maximal LV wall thickness",
            "Greatest end-diastolic thickness of the LV wall, averaged over 20 degrees and taken "
            "as the median over three neighbouring slices (mean of two at the ends), in slices "
            "with a closed ring of myocardium; the outflow and the apical cap (first 10 % and last "
            "20 % of the cavity's length) are left out, where the slice cuts the wall obliquely.",
            "mm",
            _THICKNESS,
            LV_MYOCARDIUM_SITE,
            (2.0, 60.0),
            phase="ED",
        ),
        Definition(
            "wall_thickness_ed",
            "End-diastolic wall thickness",
            "Mean distance between endocardium and epicardium across the wall's middle line in the "
            "AHA segment at end-diastole, slices with a closed ring of myocardium only.",
            "mm",
            _THICKNESS,
            LV_MYOCARDIUM_SITE,
            (1.0, 60.0),
            1,
            phase="ED",
        ),
        Definition(
            "wall_thickness_es",
            "End-systolic wall thickness",
            "As the end-diastolic wall thickness, at end-systole.",
            "mm",
            _THICKNESS,
            LV_MYOCARDIUM_SITE,
            (1.0, 60.0),
            1,
            phase="ES",
        ),
        Definition(
            "wall_thickening_ratio",
            "Wall thickness ratio, end-systole to end-diastole",
            "End-systolic divided by end-diastolic wall thickness of the AHA segment; the heart "
            "moves through the slices, so the two are not the same muscle.",
            "1",
            Code("122624", "DCM", "Wall Thickness Ratio end-systolic to end-diastolic"),
            LV_MYOCARDIUM_SITE,
            (0.2, 5.0),
            2,
        ),
        *BEAT_DEFINITIONS,
    )
}

SEGMENT_KEYS: tuple[str, ...] = (
    "wall_thickness_ed",
    "wall_thickness_es",
    "wall_thickening_ratio",
    "wall_thickening",
    "inward_motion",
    "time_to_peak_thickening",
    "wall_motion_score",
)
"""Keys of what is measured by AHA segment; all others are of the whole heart."""

SEGMENT_NAMES: dict[int, str] = {
    1: "basal anterior",
    2: "basal anteroseptal",
    3: "basal inferoseptal",
    4: "basal inferior",
    5: "basal inferolateral",
    6: "basal anterolateral",
    7: "mid anterior",
    8: "mid anteroseptal",
    9: "mid inferoseptal",
    10: "mid inferior",
    11: "mid inferolateral",
    12: "mid anterolateral",
    13: "apical anterior",
    14: "apical septal",
    15: "apical inferior",
    16: "apical lateral",
    17: "apex",
}

_SEGMENT_CODES: dict[int, str] = {
    1: "264850008",
    2: "396482007",
    3: "396646008",
    4: "264846001",
    5: "396652009",
    6: "396654005",
    7: "264848000",
    8: "396647004",
    9: "396649001",
    10: "264847005",
    11: "396655006",
    12: "396656007",
    13: "264844003",
    14: "264845002",
    15: "264849008",
    16: "264853005",
    17: "128564006",
}

SEGMENT_SITES: dict[int, Code] = {
    number: Code(
        value,
        "SCT",
        "Left ventricle apical segment"
        if number == len(_SEGMENT_CODES)
        else f"left ventricle {SEGMENT_NAMES[number]} segment",
    )
    for number, value in _SEGMENT_CODES.items()
}
"""AHA segment number to finding site (CID 3717)."""
