"""Sections of the acceptance page on what reports state: findings, groups, and what to read."""

from collections.abc import Iterator, Sequence

from plugin.domain.triage.vocabulary import FINDINGS
from plugin.drawing.html import section, table
from worker.acceptance.compare import Compared
from worker.acceptance.reports import ToRead
from worker.acceptance.statistics import Share


def statement_sections(studies: Sequence[Compared]) -> Iterator[str]:
    """Yield findings and groups beside the hospital's, where the table holds any."""
    rows = [row for key, known in FINDINGS.items() if (row := _finding(studies, key, known.words))]
    if rows:
        yield section(
            "Findings",
            "Whether we state a finding where the hospital says yes (sensitivity) and do not where "
            "it says no (specificity), with exact 95 % intervals. A study that was not analysed "
            "counts as not stated.",
            table(("finding", "sensitivity", "specificity"), rows),
        )
    named = [one for one in studies if one.reference.diagnosis is not None]
    if named:
        yield _groups(named)


def to_read_sections(to_read: Sequence[ToRead]) -> Iterator[str]:
    """Yield the reports that a person has to read, if any."""
    if to_read:
        yield section(
            "Reports to read",
            "Values that the reports do not state plainly were not taken. Read these, and enter "
            "what they say in the table.",
            table(("study", "why"), [(one.study, "; ".join(one.doubts)) for one in to_read]),
        )


def finding_shares(studies: Sequence[Compared], key: str) -> tuple[Share, Share]:
    """Return sensitivity and specificity of one finding."""
    said = [(one.reference.findings[key], one) for one in studies if key in one.reference.findings]
    there = [one for is_there, one in said if is_there]
    absent = [one for is_there, one in said if not is_there]
    return (
        Share(sum(key in one.findings for one in there), len(there)),
        Share(sum(key not in one.findings for one in absent), len(absent)),
    )


def share_words(share: Share) -> str:
    """Return a share with its interval; a dash for one of none."""
    if not share.of:
        return "–"
    low, high = share.interval()
    return f"{share.value:.2f} ({low:.2f} to {high:.2f}; {share.n} of {share.of})"


def _finding(studies: Sequence[Compared], key: str, words: str) -> tuple[str, ...]:
    sensitivity, specificity = finding_shares(studies, key)
    if not sensitivity.of + specificity.of:
        return ()
    return words, share_words(sensitivity), share_words(specificity)


def _groups(known: Sequence[Compared]) -> str:
    rows = []
    for diagnosis in sorted({one.reference.diagnosis for one in known if one.reference.diagnosis}):
        members = [one for one in known if one.reference.diagnosis is diagnosis]
        same = sum(one.group == diagnosis.group != "" for one in members)
        open_ = sum(not one.group for one in members)
        other = len(members) - same - open_
        rows.append((diagnosis.value, *map(str, (len(members), same, other, open_))))
    return section(
        "Groups",
        "The hospital's diagnosis and the group that the measured pattern resembles; indeterminate "
        "where none or several groups fit, or the study was not analysed.",
        table(("hospital", "studies", "the same", "another", "indeterminate"), rows),
    )
