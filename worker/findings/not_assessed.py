"""What this analysis did not look at, coded, so that silence never reads as absence.

The list is part of every assessment, whatever the study holds: this version measures the short-axis
cine only.
"""

from plugin.domain.findings import Code, NotAssessed
from worker.findings.language import load_language

_PRIVATE = "99CMRTRIAGE"

_CODES: dict[str, Code] = {
    "late_gadolinium_enhancement": Code("122664", "DCM", "Late Contrast Enhancement"),
    "thrombus": Code("396339007", "SCT", "Thrombus"),
    "pericardial_effusion": Code("373945007", "SCT", "Pericardial effusion"),
    "oedema": Code("79654002", "SCT", "Edema"),
    "t1_mapping": Code("113063", "DCM", "T1"),
    "t2_mapping": Code("113065", "DCM", "T2"),
    "perfusion": Code("251053005", "SCT", "Myocardial perfusion"),
    "wall_motion": Code("MOTION-BY-EYE", _PRIVATE, "Wall motion judged by eye"),
    "valves": Code("VALVES", _PRIVATE, "Heart valves"),
    "flow": Code("FLOW", _PRIVATE, "Blood flow and shunts"),
    "atria": Code("ATRIA", _PRIVATE, "Atrial size"),
    "great_vessels": Code("GREAT-VESSELS", _PRIVATE, "Aorta and pulmonary artery"),
    "congenital": Code("CONGENITAL", _PRIVATE, "Congenital heart disease"),
    "extracardiac": Code("EXTRACARDIAC", _PRIVATE, "Extracardiac findings"),
}

NOT_ASSESSED: tuple[NotAssessed, ...] = tuple(
    NotAssessed(key, code, load_language("en").tables["not_assessed"][key])
    for key, code in _CODES.items()
)
