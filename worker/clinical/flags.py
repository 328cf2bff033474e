"""Which texts of the headers raise flags for a hospital's triage policy, see ``triage.flags``."""

from plugin.domain.triage import ClinicalFlag
from plugin.domain.triage.flags import flags_of
from worker.clinical.types import ClinicalContext, TextFlag, Topic

_TOPICS = (Topic.REASON, Topic.DIAGNOSIS)


def text_flags(clinical: ClinicalContext) -> frozenset[ClinicalFlag]:
    """Return the flags that reason and admitting diagnoses raise."""
    told = clinical.about(*_TOPICS)
    return flags_of(one.text for one in told if TextFlag.INSTRUCTION_LIKE not in one.flags)
