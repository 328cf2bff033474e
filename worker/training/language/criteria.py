"""How far a study meets the printed criteria of ACDC's groups, without any network.

On the tower's contours they are what recognition is compared with; on the true contours of a mixed
heart they say to which groups it belongs, and so what is not learnt from while a group is held out.

References
----------
Bernard et al., IEEE TMI 2018 (criteria of the groups). Cerqueira et al., Circulation 2002 (segments
of the wall).
"""

from collections.abc import Callable, Mapping, Sequence

from plugin.domain.findings import Assessment
from worker.training.language.study_data import LabelledStudy

GROUPS = ("NOR", "DCM", "HCM", "MINF", "RV")

_Rule = Callable[[Callable[[str], float]], float]


def _above(value: float, limit: float, scale: float) -> float:
    return (value - limit) / scale


_CRITERIA: Mapping[str, _Rule] = {
    "NOR": lambda v: min(
        _above(v("lv_ejection_fraction"), 50, 10),
        -_above(v("lv_end_diastolic_volume_index"), 90, 20),
        -_above(v("maximal_wall_thickness"), 12, 3),
        -_above(v("rv_end_diastolic_volume_index"), 100, 20),
        _above(v("rv_ejection_fraction"), 40, 10),
    ),
    "DCM": lambda v: min(
        -_above(v("lv_ejection_fraction"), 40, 10),
        _above(v("lv_end_diastolic_volume_index"), 100, 20),
        -_above(v("maximal_wall_thickness"), 12, 3),
    ),
    "HCM": lambda v: min(
        _above(v("lv_ejection_fraction"), 55, 10), _above(v("maximal_wall_thickness"), 15, 3)
    ),
    "MINF": lambda v: -_above(v("lv_ejection_fraction"), 40, 10),
    "RV": lambda v: max(
        _above(v("rv_end_diastolic_volume_index"), 110, 20),
        -_above(v("rv_ejection_fraction"), 40, 10),
    ),
    "lv_systolic_dysfunction": lambda v: -v("lv_ejection_fraction"),
    "lv_dilation": lambda v: v("lv_end_diastolic_volume_index"),
    "lv_hypertrophy": lambda v: v("lv_mass_index"),
    "lv_wall_thickening": lambda v: v("maximal_wall_thickness"),
    "rv_dilation": lambda v: v("rv_end_diastolic_volume_index"),
    "rv_systolic_dysfunction": lambda v: -v("rv_ejection_fraction"),
}
"""How far a study meets the printed criteria; of a finding, the value that it rests on."""


_SEPTAL, _LATERAL = (2, 3, 8, 9), (5, 6, 11, 12)
_BASAL, _APICAL = (1, 2, 3, 4, 5, 6), (13, 14, 15, 16)

_Thickest = Callable[[Sequence[int]], float]
_PLACES: Mapping[str, Callable[[_Thickest], float]] = {
    "hypertrophic_apical": lambda t: min(t(_APICAL) - 15, t(_APICAL) - t(_BASAL)),
    "hypertrophic_septal": lambda t: min(t(_SEPTAL) - 15, t(_SEPTAL) - t(_LATERAL)),
    "hypertrophic_concentric": lambda t: min(t(_SEPTAL), t(_LATERAL), t(_BASAL)) - 15,
}
"""Where the wall is thickest, from the measured thickness of the AHA segments (mm)."""


def by_rules(study: LabelledStudy, key: str) -> float:
    """Score a study's measurements; a value that was not measured counts as 0."""
    if key in _PLACES:
        thickness_mm = {
            one.segment: one.value
            for one in study.measured.measurements
            if one.key == "wall_thickness_ed"
        }
        return _PLACES[key](lambda wanted: max(thickness_mm.get(n, 0.0) for n in wanted))
    return _score(study.measured, key)


def groups_met(study: LabelledStudy) -> frozenset[str]:
    """Return the groups whose criteria the true contours of a mixed heart meet.

    Dilated cardiomyopathy meets the numbers of infarction too; the scar, which the heart was drawn
    with or without, tells them apart.
    """
    met = {group for group in GROUPS if _score(study.truth, group) > 0}
    if "DCM" in met:
        met -= {"DCM"} if _scarred(study) else {"MINF"}
    return frozenset(met)


def groups_of(study: LabelledStudy) -> frozenset[str]:
    """Return the groups that nothing is learnt of while one of them is held out.

    That of a patient or of a kind of heart is its label. Of a mixed heart it is every group whose
    criteria it meets, but RV only when it meets no other: the left ventricle's disease names the
    group, as in ACDC, where many patients with dilated cardiomyopathy have a weak right ventricle.
    """
    if study.traits is None:
        return frozenset({study.group})
    met = groups_met(study)
    return met - {"RV"} or met


def in_group(study: LabelledStudy, group: str) -> bool | None:
    """Tell whether a study is of a group; None where that cannot be said of a mixed heart.

    A scar with normal numbers is not health, a weak ventricle without one no infarction, and an ill
    right ventricle beside an ill left one is none of the groups' cases.
    """
    if study.traits is None:
        return study.group == group
    if group not in groups_met(study):
        return False
    disagree = _scarred(study) if group == "NOR" else group == "MINF" and not _scarred(study)
    return True if group in groups_of(study) and not disagree else None


def _scarred(study: LabelledStudy) -> bool:
    return study.traits is not None and study.traits.infarct


def _score(assessment: Assessment, key: str) -> float:
    return _CRITERIA[key](lambda name: assessment.value(name) or 0.0)
