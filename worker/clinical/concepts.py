"""Codes of other systems' reports that are understood: values, narrative texts, titles.

Meanings are those of the standard's dictionaries and never the ones that a document brings, so a
code is safe to print. Angiographic values are measured differently but named, so they are kept
apart by their code.

References
----------
DICOM PS3.16 CID 3467, 3833, 3835, 7000, 7002, 7021, 12203, 12300; LOINC 10230-1 (ejection fraction
of the left ventricle, any method).
"""

from dataclasses import dataclass

from plugin.domain.findings import Code
from worker.clinical.types import Topic

PERCENT, VOLUME, MASS = "%", "ml", "g"

UNIT_FACTORS: dict[str, dict[str, tuple[str, float]]] = {
    PERCENT: {"%": ("%", 1.0), "1": ("%", 100.0)},
    VOLUME: {
        **dict.fromkeys(("ml", "mL", "cm3"), ("ml", 1.0)),
        **dict.fromkeys(("l", "L"), ("ml", 1000.0)),
        **dict.fromkeys(("ml/m2", "mL/m2"), ("ml/m2", 1.0)),
    },
    MASS: {"g": ("g", 1.0), "kg": ("g", 1000.0), "g/m2": ("g/m2", 1.0)},
}
"""UCUM units that occur, by kind of quantity: our unit and the factor to it."""

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "%": (3.0, 95.0),
    "ml": (5.0, 1000.0),
    "ml/m2": (5.0, 600.0),
    "g": (10.0, 800.0),
    "g/m2": (5.0, 500.0),
}
"""What an adult's or a child's heart can have; anything else is a mistake of the document."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a code measures: the key of ``worker.findings.definitions`` and the kind of unit."""

    key: str
    kind: str
    code: Code


def _quantities(key: str, kind: str, codes: dict[str, str]) -> dict[tuple[str, str], Quantity]:
    return {
        (value, "LN"): Quantity(key, kind, Code(value, "LN", meaning))
        for value, meaning in codes.items()
    }


QUANTITIES: dict[tuple[str, str], Quantity] = {
    **_quantities(
        "lv_ejection_fraction",
        PERCENT,
        {
            "8811-2": "Left ventricular ejection fraction by MR",
            "8810-4": "Left ventricular ejection fraction by CT",
            "8808-8": "Left Ventricular Ejection Fraction by Angiography",
            "18043-0": "Left Ventricular Ejection Fraction by US",
            "79990-8": "Left ventricular ejection fraction 3D",
            "79991-6": "Left ventricular ejection fraction biplane (MOD)",
            "77891-0": "Left ventricular ejection fraction (Teichholz) 2D",
            "18049-7": "Left ventricular ejection fraction (Teichholz) MM",
            "10230-1": "Left ventricular ejection fraction",
        },
    ),
    **_quantities(
        "rv_ejection_fraction",
        PERCENT,
        {
            "8818-7": "Right ventricular ejection fraction by MR",
            "8817-9": "Right ventricular ejection fraction by CT",
            "8815-3": "Right Ventricular Ejection Fraction by Angiography",
        },
    ),
    **_quantities("lv_end_diastolic_volume", VOLUME, {"8821-1": "Left Ventricular ED Volume"}),
    **_quantities("lv_end_systolic_volume", VOLUME, {"8823-7": "Left Ventricular ES Volume"}),
    **_quantities("rv_end_diastolic_volume", VOLUME, {"8822-9": "Right Ventricular ED Volume"}),
    **_quantities("rv_end_systolic_volume", VOLUME, {"8824-5": "Right Ventricular ES Volume"}),
    **_quantities("lv_mass", MASS, {"18087-7": "Left Ventricle Mass"}),
}
"""By (code value, scheme). Stroke volume has no code that tells the ventricle: left out."""

TEXTS: dict[tuple[str, str], Topic] = {
    ("121073", "DCM"): Topic.PRIOR_REPORT,  # Impression
    ("121077", "DCM"): Topic.PRIOR_REPORT,  # Conclusion
    ("121071", "DCM"): Topic.PRIOR_REPORT,  # Finding
    ("121069", "DCM"): Topic.PRIOR_REPORT,  # Previous Finding
    ("121111", "DCM"): Topic.PRIOR_REPORT,  # Summary
    ("55112-7", "LN"): Topic.PRIOR_REPORT,  # Summary
    ("121060", "DCM"): Topic.HISTORY,
    ("11329-0", "LN"): Topic.HISTORY,
    ("121109", "DCM"): Topic.REASON,  # Indications for Procedure
    ("18785-6", "LN"): Topic.REASON,
    ("122139", "DCM"): Topic.REASON,  # Reason for Study
    ("121062", "DCM"): Topic.REASON,  # Request
    ("55115-0", "LN"): Topic.REASON,
}
"""Texts of a report that are read; what they are about."""

TITLES: dict[tuple[str, str], str] = {
    ("126000", "DCM"): "Imaging Measurement Report",
    ("125200", "DCM"): "Adult Echocardiography Procedure Report",
    ("125195", "DCM"): "Pediatric Cardiac Ultrasound Report",
    ("125197", "DCM"): "Adult Congenital Cardiac Ultrasound Report",
    ("122292", "DCM"): "Quantitative Ventriculography Report",
    ("122600", "DCM"): "Cardiovascular Analysis Report",
    ("42148-7", "LN"): "Echocardiography Report",
    ("18745-0", "LN"): "Cardiac Catheterization Report",
    ("18748-4", "LN"): "Diagnostic Imaging Report",
    ("11528-7", "LN"): "Radiology Report",
    ("25056-3", "LN"): "MRI Report",
    ("25045-6", "LN"): "CT Report",
}
OTHER_TITLE = "Structured Report"
