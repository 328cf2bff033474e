"""Words the parts of a report: by the language model where its words pass, by rules where not.

Each part stands for itself: one that the model did not finish, or that ``written`` doubts, is
worded by rules and says so; nothing that the model wrote is printed unread. No failure of a
language model fails an analysis.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from plugin.domain.errors import ModelError, Reason
from plugin.domain.evidence import Evidence, FactKind
from plugin.domain.findings import Assessment, QualityNote
from plugin.domain.wording import REPORT_PARTS, Author, Doubt, Part, Passage, Statement, Wording
from plugin.logs import get_logger
from worker.findings.by_rules import by_rules, state
from worker.findings.evidence import make_evidence
from worker.findings.language import Language
from worker.findings.report_text import FRACTION, report_text
from worker.findings.written import DoubtfulTextError, confirm
from worker.model.language.generation import Ending
from worker.model.language.vision import StudyFeatures
from worker.model.language.vocabulary import LANGUAGES, Task
from worker.model.language.writer import ReadStudy, Written

log = get_logger(__name__)

Clock = Callable[[], float]
_SIDES = ("below", "within", "above")
_ABOUT_THE_STUDY = 4
_RANKS = {FactKind.MEASUREMENT: 2, FactKind.QUALITY: _ABOUT_THE_STUDY, FactKind.SCOPE: 5}
"""Order of the sentences of an impression; findings and the LV ejection fraction come before."""
_ENDINGS = {Ending.BUDGET: Doubt.UNFINISHED, Ending.CANCELLED: Doubt.OUT_OF_TIME}


class Writer(Protocol):
    """What is needed of a language model; ``worker.model.language.writer`` has one."""

    measurement_keys: tuple[str, ...]

    @property
    def reads_images(self) -> bool:
        """Whether images are read besides the evidence."""
        ...

    def read(
        self, evidence: Evidence, history: str = "", study: StudyFeatures | None = None
    ) -> ReadStudy:
        """Read a study."""
        ...

    def write(
        self,
        study: ReadStudy,
        task: Task,
        *,
        question: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        """Write one part."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a language model is told besides the evidence, and how long it may take.

    Attributes
    ----------
    history
        Clinical text; untrusted, never logged.
    features
        The study as the model's image reader takes it, where it has one.
    seconds
        For reading and writing all parts; what is not written by then is worded by rules.
    """

    history: str = field(default="", repr=False)
    features: StudyFeatures | None = field(default=None, repr=False)
    seconds: float = 20.0


def word_report(
    assessment: Assessment,
    language: Language,
    writer: Writer,
    told: Told,
    *,
    clock: Clock = time.monotonic,
) -> Wording:
    """Word impression, explanation, differential and limits of an assessment.

    Parameters
    ----------
    language
        Of the text; one that the language model did not learn is worded by rules.
    writer
        The language model.
    """
    evidence = make_evidence(assessment, language)
    if language.code in LANGUAGES:
        session = Session(evidence, assessment, writer, told, clock)
        passages = [_passage(part, session, assessment, language) for part in REPORT_PARTS]
    else:
        passages = [_by_rules(part, evidence, assessment, language) for part in REPORT_PARTS]
    return Wording(language.code, tuple(passages))


def noted(assessment: Assessment, wording: Wording) -> Assessment:
    """Return the assessment with a note where words of the language model were not taken."""
    if not wording.replaced:
        return assessment
    note = QualityNote(
        "wording_replaced",
        "Part of this text was worded by printed rules, because the words of the language model "
        "did not pass the check.",
    )
    return replace(assessment, quality=(*assessment.quality, note))


def _passage(part: Part, session: "Session", assessment: Assessment, language: Language) -> Passage:
    try:
        statements = session.write(Task(part.value))
        if part is Part.IMPRESSION:
            statements = _with_fraction(statements, session.evidence, language)
            statements = _in_reading_order(statements, session.evidence)
        return Passage(part, Author.LANGUAGE_MODEL, statements)
    except DoubtfulTextError as doubtful:
        for kind in doubtful.kinds:
            log.warning("wording_replaced", stage=part.value, kind=kind)
        return _by_rules(part, session.evidence, assessment, language, doubtful.doubt)


def _by_rules(
    part: Part,
    evidence: Evidence,
    assessment: Assessment,
    language: Language,
    doubt: Doubt | None = None,
) -> Passage:
    if part is Part.IMPRESSION:
        lines = tuple(Statement(one) for one in report_text(assessment, language).impression)
    else:
        lines = by_rules(part, evidence, language)
    return Passage(part, Author.RULES, lines, doubt)


def _with_fraction(
    statements: tuple[Statement, ...], evidence: Evidence, language: Language
) -> tuple[Statement, ...]:
    """Add the LV ejection fraction, by rule, to an impression that leaves it out."""
    fact = evidence.find(FactKind.MEASUREMENT, FRACTION)
    if fact is None or any(FRACTION in one.evidence for one in statements):
        return statements
    graded = not any(fact.id in one.basis for one in evidence.of_kind(FactKind.FINDING))
    form = next((side for side in _SIDES if graded and side in fact.terms), "fact")
    added = state(language.say("written", form, fact=fact.slot), evidence)
    *before, last = statements
    return (*before, added, last)


def _in_reading_order(
    statements: tuple[Statement, ...], evidence: Evidence
) -> tuple[Statement, ...]:
    """Put findings first, then the LV ejection fraction, other values, notes and the method.

    A sentence that begins with words of its own may lean on the one before ("hence ..."), so it
    stays behind that one, unless it only speaks of quality or method.
    """
    blocks: list[list[Statement]] = []
    for one in statements:
        facts = [fact for fact in evidence.facts if fact.key in one.evidence]
        opens = any(one.text.casefold().startswith(fact.text.casefold()) for fact in facts)
        if blocks and not opens and _rank(one, evidence) < _ABOUT_THE_STUDY:
            blocks[-1].append(one)
        else:
            blocks.append([one])
    blocks.sort(key=lambda block: _rank(block[0], evidence))
    return tuple(one for block in blocks for one in block)


def _rank(statement: Statement, evidence: Evidence) -> int:
    """Return how early a sentence is wanted, by the facts that it names."""
    named = [fact for fact in evidence.facts if fact.key in statement.evidence]
    findings = evidence.of_kind(FactKind.FINDING)
    rested_on = {fact_id for finding in findings for fact_id in finding.basis}
    if any(fact in findings or fact.id in rested_on for fact in named):
        return 0
    if FRACTION in statement.evidence:
        return 1
    return min((_RANKS.get(fact.kind, _ABOUT_THE_STUDY - 1) for fact in named), default=2)


class Session:
    """One study, read once by a language model, and what it writes about it, confirmed."""

    def __init__(
        self,
        evidence: Evidence,
        assessment: Assessment,
        writer: Writer,
        told: Told,
        clock: Clock = time.monotonic,
    ) -> None:
        self.evidence = evidence
        self._assessment, self._writer, self._told = assessment, writer, told
        self._clock = clock
        self._end = clock() + told.seconds
        self._read: ReadStudy | None = None

    def write(self, task: Task, question: str = "") -> tuple[Statement, ...]:
        """Return the confirmed sentences of a task.

        Raises
        ------
        DoubtfulTextError
            There are none.
        """
        try:
            if self._read is None:
                self._read = self._writer.read(
                    self.evidence, self._told.history, self._told.features
                )
            written = self._writer.write(
                self._read, task, question=question, cancelled=self._is_late
            )
        except ModelError as error:
            full = error.reason is Reason.CONTEXT_FULL
            raise DoubtfulTextError(Doubt.CONTEXT_FULL if full else Doubt.FAILED) from error
        if written.ending in _ENDINGS:
            raise DoubtfulTextError(_ENDINGS[written.ending])
        return confirm(
            written.text, task, self.evidence, self._assessment, history=self._told.history
        )

    def _is_late(self) -> bool:
        return self._clock() > self._end
