"""Clinical text as a language model is told it: what a physician wrote about this patient.

Untrusted like the texts that it is made of. Texts that speak to a program are left out: they tell
nothing of the patient, and whoever needs them finds them in the report.
"""

from worker.clinical.types import ClinicalContext, TextFlag, Topic

_TOLD = (Topic.REASON, Topic.HISTORY, Topic.DIAGNOSIS, Topic.PRIOR_REPORT)


def told_history(clinical: ClinicalContext) -> str:
    """Return reason, history, diagnoses and prior reports in one line; empty where none came."""
    texts = (
        " ".join(one.text.split())
        for one in clinical.about(*_TOLD)
        if TextFlag.INSTRUCTION_LIKE not in one.flags
    )
    return " ".join(dict.fromkeys(texts))
