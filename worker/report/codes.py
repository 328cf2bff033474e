"""Coded concepts of the report, and the private scheme for what no public code exists.

Knows how a domain ``Code`` becomes a DICOM one; the codes of measurements and findings themselves
come with the ``Assessment``.

References
----------
DICOM PS3.3 8 (codes), PS3.16 (context groups named beside the codes).
"""

from functools import cache

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from plugin.domain.triage import CHANNELS

PRIVATE_SCHEME = "99CMRTRIAGE"

# Document (TID 1500).
TITLE = Code("126000", "DCM", "Imaging Measurement Report")  # CID 7021
PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")  # CID 100
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")  # CID 7005

# Clinical information.
CLINICAL_INFORMATION = Code("55752-0", "LN", "Clinical Information")  # CID 7001
INDICATIONS = Code("18785-6", "LN", "Indications for Procedure")  # CID 7001
REQUEST = Code("55115-0", "LN", "Request")  # CID 7002
HISTORY = Code("11329-0", "LN", "History")  # CID 7002
PREVIOUS_FINDING = Code("121069", "DCM", "Previous Finding")  # CID 7002

# Text and coded evaluations.
FINDING = Code("121071", "DCM", "Finding")
IMPRESSION = Code("121073", "DCM", "Impression")
NARRATIVE = Code("111412", "DCM", "Narrative Summary")
DIFFERENTIAL = Code("111023", "DCM", "Differential Diagnosis/Impression")
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")
SEVERITY = Code("246112005", "SCT", "Severity")
SEVERITIES = {  # the grades that have a code of the same meaning
    "mildly reduced": Code("255604002", "SCT", "Mild"),
    "severely reduced": Code("24484000", "SCT", "Severe"),
}
SERIES_QUALITY = Code("130550", "DCM", "Imaging Series Quality")
LIMITED_QUALITY = Code("RID13", "RADLEX", "Limited quality")  # CID 7036
PRIORITY = Code("260870009", "SCT", "Priority")
PRESENT = Code("52101004", "SCT", "Present")  # CID 240
UNDETERMINED = Code("373068000", "SCT", "Undetermined")  # CID 240

PRIORITY_VALUES = {  # CID 3414; routine has no code on purpose: nothing is ever demoted
    level: values.code for level, values in CHANNELS.items() if values.code is not None
}

DIFFERENCES = {  # beside a comparison by the same method
    "lv_ejection_fraction": Code("122768", "DCM", "Difference in Ejection Fraction"),
    "lv_end_diastolic_volume": Code("122769", "DCM", "Difference in ED LV Volume"),
}

# Parts of a measurement (TID 300, 310, 312, 315).
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
MEASUREMENT_METHOD = Code("370129005", "SCT", "Measurement Method")
CARDIAC_CYCLE_POINT = Code("272518008", "SCT", "Cardiac Cycle Point")
CYCLE_POINTS = {
    "ED": Code("416190007", "SCT", "End Diastole"),
    "ES": Code("416430001", "SCT", "End Systole"),
}
EQUIVALENT_MEANING = Code("121050", "DCM", "Equivalent Meaning of Concept Name")
METHOD_CITATION = Code("121423", "DCM", "Method Citation")  # CID 228
EQUATION = Code("121420", "DCM", "Equation")  # CID 228
NORMALITY = Code("121402", "DCM", "Normality")
NORMALITY_VALUES = {  # CID 222
    "below": Code("371880002", "SCT", "Abnormally Low"),
    "within": Code("17621005", "SCT", "Normal"),
    "above": Code("371879000", "SCT", "Abnormally High"),
    "undetermined": Code("371934000", "SCT", "Normality Undetermined"),
}
RANGE_LOW = Code("385524004", "SCT", "Normal Range Lower Limit")  # CID 223
RANGE_HIGH = Code("371933006", "SCT", "Normal Range Upper Limit")  # CID 223
RANGE_DESCRIPTION = Code("121407", "DCM", "Normal Range description")
RANGE_AUTHORITY = Code("121408", "DCM", "Normal Range Authority")
UNCERTAINTY_LOW = Code("371885007", "SCT", "-, range of lower measurement uncertainty")  # CID 225
UNCERTAINTY_HIGH = Code("371886008", "SCT", "+, range of upper measurement uncertainty")  # CID 225

BODY_SURFACE_AREA = Code("8277-6", "LN", "Body Surface Area")
BSA_EQUATIONS = {"mosteller": Code("122244", "DCM", "BSA = (HT*WT/36)^0.5")}  # CID 3663

WALL_MOTION = Code("60797005", "SCT", "Cardiac Wall Motion")
WALL_MOTION_GRADES = {  # CID 3703, by wall motion score
    1: Code("373122000", "SCT", "Normal wall motion"),
    2: Code("37706002", "SCT", "Hypokinesis"),
    3: Code("195675009", "SCT", "Akinesis"),
    4: Code("25437005", "SCT", "Dyskinesis"),
}

# Contours (TID 1410).
ENDOCARDIAL = Code("304059001", "SCT", "Endocardial")  # CID 3843
EPICARDIAL = Code("261073003", "SCT", "Epicardial")  # CID 3843
OUTLINE = Code("111041", "DCM", "Outline")  # CID 219

NOT_ASSESSED = Code("NOT-ASSESSED", PRIVATE_SCHEME, "Not assessed")
NOT_ASSESSED_NOTE = Code("UNASSESSED-NOTE", PRIVATE_SCHEME, "Not assessed, what it means")
PRIORITY_REASON = Code("PRIORITY-REASON", PRIVATE_SCHEME, "Reason for suggested priority")
RISK_STRATUM = Code("RISK-STRATUM", PRIVATE_SCHEME, "Risk stratum by a printed rule")
PATTERN = Code("PATTERN", PRIVATE_SCHEME, "Group of patients that the pattern resembles")
PATTERN_NOTE = Code("PATTERN-NOTE", PRIVATE_SCHEME, "What the pattern resembles, in words")
PATTERN_VALUES = {
    "normal": Code("LIKE-NORMAL", PRIVATE_SCHEME, "Like normal group"),
    "dilated_cardiomyopathy": Code("LIKE-DCM", PRIVATE_SCHEME, "Like dilated cardiomyopathy"),
    "hypertrophic_cardiomyopathy": Code(
        "LIKE-HCM", PRIVATE_SCHEME, "Like hypertrophic cardiomyopathy"
    ),
    "infarction": Code(
        "LIKE-INFARCTION", PRIVATE_SCHEME, "Like infarction with reduced ejection fraction"
    ),
    "abnormal_right_ventricle": Code(
        "LIKE-ABNORMAL-RV", PRIVATE_SCHEME, "Like abnormal right ventricle"
    ),
}
"""Private on purpose: no program may take a resemblance for a coded diagnosis."""
PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")  # CID 3407
DIFFERENCE = Code("DIFFERENCE", PRIVATE_SCHEME, "Difference from an earlier value")
COMPARISON = Code("COMPARISON", PRIVATE_SCHEME, "Comparison with an earlier value")
QUALITY_NOTE = Code("QUALITY-NOTE", PRIVATE_SCHEME, "Note on image or contour quality")
NOTICE = Code("NOTICE", PRIVATE_SCHEME, "Notice")
UNCERTAINTY = Code("UNCERTAINTY", PRIVATE_SCHEME, "About 90 % uncertainty interval")

PRIVATE_CODES: dict[Code, str] = {
    NOT_ASSESSED: "Value of an evaluation: the analysis did not look at this; it may be present.",
    NOT_ASSESSED_NOTE: "Text: what exactly was not assessed, in sentences.",
    PRIORITY_REASON: "Text: which rule suggested the priority, or was nearly met, on which values.",
    RISK_STRATUM: "Text: in which printed band a value lies, for whom it holds, and its source.",
    PATTERN: "AI estimate of which group of patients the measurements resemble; no diagnosis.",
    PATTERN_NOTE: "Text: the group, the calibrated confidence and on whom it was calibrated.",
    **dict.fromkeys(PATTERN_VALUES.values(), "Value of PATTERN: an AI estimate, no diagnosis."),
    COMPARISON: "Text: values of this study beside those of an earlier result or report.",
    DIFFERENCE: "Number below a comparison: value of this study minus the earlier one.",
    QUALITY_NOTE: "Text: what a reader must know about the images or the contours.",
    UNCERTAINTY: "Text below a measurement: interval that holds the true value in 9 of 10 hearts.",
    NOTICE: "Text: that the report is made by AI and not verified.",
}

UNIT_MEANINGS = {
    "%": "percent",
    "1": "no units",
    "g": "gram",
    "g/m2": "gram per square meter",
    "l/min": "liter per minute",
    "l/min/m2": "liter per minute per square meter",
    "/min": "per minute",
    "m2": "square meter",
    "ml": "milliliter",
    "ml/m2": "milliliter per square meter",
    "mm": "millimeter",
    "ml/s": "milliliter per second",
    "ms": "millisecond",
    "/s": "per second",
    "{pixels}": "pixels",
}
_MAXIMUM_MEANING_LENGTH = 64


@cache
def concept(code: Code) -> CodedConcept:
    """Return the DICOM form of a code; a meaning beyond 64 characters (LO) is cut.

    Items share it, because a report has some thousand codes and no one changes them.
    """
    return CodedConcept(
        value=code.value,
        scheme_designator=code.scheme,
        meaning=code.meaning[:_MAXIMUM_MEANING_LENGTH],
    )


@cache
def unit(ucum: str) -> CodedConcept:
    """Return the DICOM form of a UCUM unit."""
    return CodedConcept(ucum, "UCUM", UNIT_MEANINGS.get(ucum, ucum))


def private_scheme_item() -> Dataset:
    """Return the item of Coding Scheme Identification Sequence that names the private scheme."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "cmr-triage private codes, see docs/objects/codes.md of the project"
    item.CodingSchemeResponsibleOrganization = "cmr-triage"
    return item
