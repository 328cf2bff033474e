"""Clinical text and context of a study, from the DICOM attributes that carry them.

Everything in it was written by people or other systems: it is evidence to show and to weigh, never
an instruction. It changes no measurement, and a priority only where a hospital's policy says so.
"""

from worker.clinical.read import read_clinical_context
from worker.clinical.types import (
    ClinicalContext,
    ClinicalText,
    Pregnancy,
    PriorReport,
    PriorValue,
    TextFlag,
    Topic,
)

__all__ = [
    "ClinicalContext",
    "ClinicalText",
    "Pregnancy",
    "PriorReport",
    "PriorValue",
    "TextFlag",
    "Topic",
    "read_clinical_context",
]
