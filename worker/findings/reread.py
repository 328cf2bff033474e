"""The last look at an assessment's own text, by the checker that shares nothing with its writer.

A disagreement is an error of this software, not of the study: the numbers stand, the reader is
warned, and whoever calls this logs it.
"""

from dataclasses import replace

from plugin.domain.findings import Assessment, QualityNote
from worker.findings.checker import Disagreement, check_text
from worker.findings.language import load_language


def reread(assessment: Assessment) -> tuple[Assessment, tuple[Disagreement, ...]]:
    """Compare every sentence of an assessment with its measurements and findings.

    Returns
    -------
    tuple
        The assessment, with a note on quality and a warning before its impression where something
        disagrees; and the disagreements.
    """
    lines = (
        *assessment.impression,
        *assessment.narrative,
        *(finding.sentence for finding in assessment.findings),
        *(thing.sentence for thing in assessment.not_assessed),
        *(note.sentence for note in assessment.quality),
        assessment.priority.sentence,
    )
    found = check_text(dict.fromkeys(lines), assessment, "en", complete=True)
    if not found:
        return assessment, ()
    sentence = load_language("en").say("quality", "text_not_confirmed")
    warned = replace(
        assessment,
        quality=(*assessment.quality, QualityNote("text_not_confirmed", sentence)),
        impression=(sentence, *assessment.impression),
    )
    return warned, found
