"""An assessment with its sentences in another language: same numbers, codes and sources.

Definitions of measurements, populations of reference ranges and citations stay as they are printed.
"""

from dataclasses import replace

from plugin.domain.findings import Assessment
from worker.findings.language import load_language
from worker.findings.report_text import report_text
from worker.findings.sentences import Sentences


def worded(assessment: Assessment, code: str) -> Assessment:
    """Return ``assessment``, whose sentences are English, with the sentences of a language.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: no such language ships.
    """
    language = load_language(code)
    if code == "en":
        return assessment
    say, text = Sentences(language), report_text(assessment, language)
    warnings = tuple(
        sentence
        for note, sentence in zip(assessment.quality, text.quality, strict=True)
        if note.key == "text_not_confirmed"
    )
    return replace(
        assessment,
        measurements=tuple(replace(one, name=say.name(one)) for one in assessment.measurements),
        findings=tuple(
            replace(one, sentence=sentence)
            for one, sentence in zip(assessment.findings, text.findings, strict=True)
        ),
        not_assessed=tuple(
            replace(one, sentence=sentence)
            for one, sentence in zip(assessment.not_assessed, text.not_assessed, strict=True)
        ),
        impression=(*warnings, *text.impression),
        narrative=text.narrative,
        priority=replace(assessment.priority, sentence=text.priority),
        quality=tuple(
            replace(note, sentence=sentence)
            for note, sentence in zip(assessment.quality, text.quality, strict=True)
        ),
        strata=tuple(
            replace(one, sentence=sentence)
            for one, sentence in zip(assessment.strata, text.strata, strict=True)
        ),
        pattern=(
            None
            if assessment.pattern is None
            else replace(assessment.pattern, sentence=text.pattern[0])
        ),
    )
