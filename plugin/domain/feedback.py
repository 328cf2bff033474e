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


MAXIMUM_COMMENT_CHARACTERS = 2000
PERCENT = (1.0, 95.0)
"""What an ejection fraction that a person enters may be."""
