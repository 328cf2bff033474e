"""What a text says the measured pattern resembles, against the estimate."""

from collections.abc import Iterator

from plugin.domain.findings import Assessment
from worker.findings.checker.disagreement import DisagreementKind, Problem
from worker.findings.checker.reader import Reading

_NOT_A_GROUP = frozenset({"estimate", "indeterminate"})


def pattern_problems(reading: Reading, assessment: Assessment) -> Iterator[Problem]:
    """Yield groups, numbers and certainty of a sentence on the pattern that are not the estimate's.

    Its only numbers are the confidence in percent and the patients it was calibrated on.
    """
    estimate = assessment.pattern
    said = {token.key for token in reading.tokens("patterns")}
    if estimate is None:
        if said - {"indeterminate"}:
            yield DisagreementKind.CONTRADICTION, "no resemblance was estimated"
        return
    groups = said - _NOT_A_GROUP
    if groups != set(estimate.candidates):
        yield DisagreementKind.CONTRADICTION, f"resembles {', '.join(sorted(groups)) or 'none'}"
    if ("indeterminate" in said) is not (estimate.confidence_percent is None):
        yield DisagreementKind.WRONG_CERTAINTY, "how sure the resemblance is"
    right = {((str(estimate.n_patients),), None), ((str(estimate.confidence_percent),), "%")}
    for amount in reading.amounts:
        if (amount.numbers, amount.unit) not in right:
            yield DisagreementKind.UNKNOWN_NUMBER, " ".join(amount.numbers)
