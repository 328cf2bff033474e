"""What a reader says about a result: agree, disagree, or what it should have been. Pure data."""

from enum import StrEnum


class Verdict(StrEnum):
    """What the reader thinks of the result as a whole."""

    AGREE = "agree"
    DISAGREE = "disagree"
    CORRECT = "correct"


class Diagnosis(StrEnum):
    """What the reader takes the heart to be: the groups that a pattern is compared with, or none.

    References
    ----------
    Bernard O et al., IEEE TMI 2018;37:2514-2525: the five groups.
    """

    NORMAL = "normal"
    DILATED = "dilated cardiomyopathy"
    HYPERTROPHIC = "hypertrophic cardiomyopathy"
    INFARCTION = "infarction with reduced ejection fraction"
    RIGHT_VENTRICLE = "abnormal right ventricle"
    OTHER = "other"

    @property
    def group(self) -> str:
        """Key of the group in a result's pattern; empty for none of them."""
        return _GROUPS.get(self, "")


_GROUPS = {
    Diagnosis.NORMAL: "normal",
    Diagnosis.DILATED: "dilated_cardiomyopathy",
    Diagnosis.HYPERTROPHIC: "hypertrophic_cardiomyopathy",
    Diagnosis.INFARCTION: "infarction",
    Diagnosis.RIGHT_VENTRICLE: "abnormal_right_ventricle",
}


class PriorityVerdict(StrEnum):
    """What the reader thinks of the suggested priority."""

    RIGHT = "right"
    SHOULD_PROMOTE = "should have been promoted"
    NEED_NOT = "need not have been promoted"


MAXIMUM_COMMENT_CHARACTERS = 2000
PERCENT = (1.0, 95.0)
"""What an ejection fraction that a person enters may be."""
