"""An independent reader of finished text: whether it says what was measured, and nothing else.

Shares no code and no table with the sentences that reports are made from; ``check_text`` is the
entry, ``check_comparison`` that for what is said of an earlier result.
"""

from worker.findings.checker.check import check_text
from worker.findings.checker.comparison import check_comparison
from worker.findings.checker.disagreement import Disagreement, DisagreementKind
from worker.findings.checker.stated import stated_measurements

__all__ = [
    "Disagreement",
    "DisagreementKind",
    "check_comparison",
    "check_text",
    "stated_measurements",
]
