"""What this analysis did not look at, coded, so that silence never reads as absence.

The list is part of every assessment, whatever the study holds: this version measures the short-axis
cine only.
"""

from plugin.domain.findings import Code, NotAssessed

_PRIVATE = "99CMRTRIAGE"

NOT_ASSESSED: tuple[NotAssessed, ...] = (
    NotAssessed(
        "late_gadolinium_enhancement",
        Code("122664", "DCM", "Late Contrast Enhancement"),
        "Late gadolinium enhancement (scar, fibrosis) was not assessed.",
    ),
    NotAssessed(
        "thrombus",
        Code("396339007", "SCT", "Thrombus"),
        "Intracardiac thrombus was not assessed.",
    ),
    NotAssessed(
        "pericardial_effusion",
        Code("373945007", "SCT", "Pericardial effusion"),
        "The pericardium (effusion, thickening) was not assessed.",
    ),
    NotAssessed(
        "oedema",
        Code("79654002", "SCT", "Edema"),
        "Myocardial oedema was not assessed.",
    ),
    NotAssessed(
        "t1_mapping",
        Code("113063", "DCM", "T1"),
        "T1 and extracellular volume were not assessed.",
    ),
    NotAssessed(
        "t2_mapping",
        Code("113065", "DCM", "T2"),
        "T2 and T2* were not assessed.",
    ),
    NotAssessed(
        "perfusion",
        Code("251053005", "SCT", "Myocardial perfusion"),
        "Perfusion and ischaemia were not assessed.",
    ),
    NotAssessed(
        "wall_motion",
        Code("60797005", "SCT", "Cardiac wall motion"),
        "Regional wall motion was not graded; only wall thickness was measured.",
    ),
    NotAssessed(
        "valves",
        Code("VALVES", _PRIVATE, "Heart valves"),
        "Valves (stenosis, regurgitation) were not assessed.",
    ),
    NotAssessed(
        "flow",
        Code("FLOW", _PRIVATE, "Blood flow and shunts"),
        "Blood flow and shunts were not assessed.",
    ),
    NotAssessed(
        "atria",
        Code("ATRIA", _PRIVATE, "Atrial size"),
        "The atria were not assessed.",
    ),
    NotAssessed(
        "great_vessels",
        Code("GREAT-VESSELS", _PRIVATE, "Aorta and pulmonary artery"),
        "Aorta and pulmonary artery were not assessed.",
    ),
    NotAssessed(
        "congenital",
        Code("CONGENITAL", _PRIVATE, "Congenital heart disease"),
        "Congenital heart disease was not assessed.",
    ),
    NotAssessed(
        "extracardiac",
        Code("EXTRACARDIAC", _PRIVATE, "Extracardiac findings"),
        "Structures outside the heart were not assessed.",
    ),
)
