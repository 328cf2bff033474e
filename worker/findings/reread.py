"""The last look at an assessment's own text, by the checker that shares nothing with its writer.

A disagreement is an error of this software, not of the study: the numbers stand, the reader is
warned, and whoever calls this logs it. A report in another language is read in that one too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from plugin.domain.findings import Assessment, QualityNote, ReasonKind
from worker.findings.checker import Disagreement, check_comparison, check_text
from worker.findings.checker.numbers import PRIORITY_LIMITS
from worker.findings.compared import comparison_lines
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.findings.sentences import Sentences


def reread(assessment: Assessment, code: str = "en") -> tuple[Assessment, tuple[Disagreement, ...]]:
    """Compare every sentence of an assessment with its measurements and findings.

    Parameters
    ----------
    code
        Language that the report will be in; the assessment itself is English in any case.

    Returns
    -------
    tuple
        The assessment, with a note on quality and a warning before its impression where something
        disagrees; and the disagreements.
    """
    found = _disagreements(_own_lines(assessment), assessment, "en")
    if code != "en":
        lines = report_text(assessment, load_language(code)).lines()
        found = (*found, *_disagreements(lines, assessment, code))
    if assessment.comparison is not None:
        for read in dict.fromkeys(("en", code)):
            told = comparison_lines(assessment.comparison, load_language(read))
            found = (*found, *check_comparison(told, assessment.comparison, read))
    if not found:
        return assessment, ()
    sentence = load_language("en").say("quality", "text_not_confirmed")
    warned = replace(
        assessment,
        quality=(*assessment.quality, QualityNote("text_not_confirmed", sentence)),
        impression=(sentence, *assessment.impression),
    )
    return warned, found


def _own_lines(assessment: Assessment) -> tuple[str, ...]:
    return (
        *assessment.impression,
        *assessment.narrative,
        *(finding.sentence for finding in assessment.findings),
        *(stratum.sentence for stratum in assessment.strata),
        *(() if assessment.pattern is None else (assessment.pattern.sentence,)),
        *(thing.sentence for thing in assessment.not_assessed),
        *(note.sentence for note in assessment.quality),
        assessment.priority.sentence,
    )


def _disagreements(
    lines: Iterable[str], assessment: Assessment, code: str
) -> tuple[Disagreement, ...]:
    """Read all lines; the last one is that of the priority, which alone quotes the policy."""
    language = load_language(code)
    bands = tuple(language.tables["strata"].values())
    *others, priority = dict.fromkeys(lines)
    quoted = (*bands, *_printed(assessment, Sentences(language)))
    return (
        *check_text(others, assessment, code, rules=bands, complete=True),
        *check_text([priority], assessment, code, rules=quoted),
    )


def _printed(assessment: Assessment, say: Sentences) -> Iterator[str]:
    """Yield what a hospital's policy prints; limits of the policy that ships are still checked."""
    for reason in assessment.priority.reasons:
        if reason.kind is not ReasonKind.MEASUREMENT:
            yield say.priority_words(reason)
        elif f"{reason.threshold:g}" not in PRIORITY_LIMITS.get(reason.key, ()):
            yield from (say.priority_limit(form, reason) for form in ("reason", "near_reason"))
        yield reason.source
