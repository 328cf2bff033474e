"""A question about one study: measures it where that is still to be done, and answers.

Knows what is asked of what; how a question is read and answered is ``worker.findings.answer``'s.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from plugin.domain.findings import Assessment
from worker.findings.answer import Answer, answer_question
from worker.findings.language import load_language
from worker.findings.word import Told, Writer
from worker.measuring import Segmenter, measure_paths
from worker.model.language.restricted import is_han
from worker.pipeline import told_about

MAXIMUM_SECONDS = 20.0


def answer_about(
    assessment: Assessment, question: str, writer: Writer | None = None, told: Told | None = None
) -> Answer:
    """Answer from what was measured; in Chinese where the question is, else in English.

    Parameters
    ----------
    question
        As ``worker.findings.answer.checked_question`` gave it.
    writer
        The language model, where the bundle has one.
    """
    language = load_language("zh" if is_han(question) else "en")
    return answer_question(question, assessment, language, writer, told)


def answer_about_files(
    paths: Iterable[Path], segmenter: Segmenter, question: str, writer: Writer | None = None
) -> Answer:
    """Measure the DICOM files of one study and answer; images are read where the model can.

    Clinical text is not told: no answer is in it, and models that learnt to answer without it
    answer fewer questions beside it (docs/measurements.md).

    Raises
    ------
    StudyRejectedError
        The images cannot be analysed.
    ModelError
        The tower's answer is unusable.
    """
    measured = measure_paths(paths, segmenter, writer)
    if writer is None:
        return answer_about(measured.assessment, question)
    told = replace(told_about(measured, writer, MAXIMUM_SECONDS), history="")
    return answer_about(measured.assessment, question, writer, told)
