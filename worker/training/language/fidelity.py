"""How true a bundle's texts are: free, under the laws of decoding, and as they are printed.

Judges what ``dictation`` wrote about studies that were not learnt from: each text is read back from
its words alone and compared with the measurements. What is printed includes the sentences by rule
that take the place of doubted words; they are read like all others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plugin.domain.evidence import Evidence, FactKind, cited, fill_slots
from plugin.domain.findings import Assessment
from plugin.domain.wording import Author
from worker.findings.checker import check_text
from worker.findings.checker.reader import load_lexicon
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.constraints import required_facts
from worker.model.language.vocabulary import Task
from worker.training.language.corpus import study_of
from worker.training.language.dictation import WrittenStudy, WrittenText, reprinted
from worker.training.language.reading_back import ReadBack, read_back
from worker.training.report_fidelity import changed_numbers

TELLING = (Task.IMPRESSION, Task.EXPLANATION)
"""Parts that must tell every finding."""

MAY_ANSWER = frozenset({FactKind.SCOPE, FactKind.NOT_ASSESSED, FactKind.QUALITY})
"""All that an answer may name to what the study cannot tell."""

_UNANSWERABLE = "unknown"


class How(StrEnum):
    """On which road a text came about."""

    FREE = "free"
    CONSTRAINED = "constrained"
    PRINTED = "printed"


@dataclass(frozen=True, slots=True)
class Judged:
    """One text.

    Attributes
    ----------
    text
        As printed; where a slot names no fact, with that slot.
    finished
        Whether the model ended it; always where it was printed.
    complete
        Whether every fact is named that such a text must name; None of what was printed by rule,
        which names none.
    same_facts
        Of an answer: whether it names the facts of the corpus's answer and no others.
    findings
        Keys of the findings that it must tell; none of other tasks.
    strays
        Whether it tells a value or finding although the study cannot answer the question.
    """

    task: Task
    asked: str
    how: How
    by_rules: bool
    text: str
    finished: bool
    complete: bool | None
    same_facts: bool
    findings: tuple[str, ...]
    strays: bool
    read: ReadBack

    @property
    def n_omitted(self) -> int:
        """Findings that it must tell and does not."""
        return sum(key not in self.read.told for key in self.findings)

    @property
    def fails(self) -> bool:
        """Whether a reader would be told something wrong, or not be told a finding."""
        return bool(not self.read.is_true or self.n_omitted or self.strays)


@dataclass(frozen=True, slots=True)
class JudgedStudy:
    """All texts about one study.

    Attributes
    ----------
    n_changed, n_changed_found
        Control: sentences of the printed report with one digit changed, and how many of them the
        checker doubts.
    """

    written: WrittenStudy
    judged: tuple[Judged, ...]
    n_changed: int
    n_changed_found: int

    def of(self, how: How, *, answers: bool = False) -> list[Judged]:
        """Return the parts of the report, or the answers, of one road."""
        return [
            one for one in self.judged if one.how is how and (one.task is Task.ANSWER) is answers
        ]


def judge_studies(written: Iterable[WrittenStudy], seed: int) -> Iterator[JudgedStudy]:
    """Judge studies of the corpus with this seed, printed anew by the check as it is now."""
    for one in written:
        yield judge_study(reprinted(one, seed), study_of(seed, one.index).assessment)


def judge_study(written: WrittenStudy, assessment: Assessment) -> JudgedStudy:
    """Judge all texts about one study on all roads."""
    evidence = make_evidence(assessment, load_language(written.language))
    judged = tuple(_judge(text, how, assessment, evidence) for text in written.texts for how in How)
    changed = _changed(written)
    rules = [one.text for one in evidence.of_kind(FactKind.RULE)]
    found = [
        one for one in changed if check_text([one], assessment, evidence.language, rules=rules)
    ]
    return JudgedStudy(written, judged, len(changed), len(found))


def _judge(text: WrittenText, how: How, assessment: Assessment, evidence: Evidence) -> Judged:
    facts, sentences = _as_read(text, how, evidence)
    required = required_facts(evidence, text.task)
    kinds = {fact.id: fact.kind for fact in evidence.facts}
    is_none = text.asked == _UNANSWERABLE
    tells = text.task in TELLING
    by_rules = how is How.PRINTED and text.author is Author.RULES
    return Judged(
        task=text.task,
        asked=text.asked,
        how=how,
        by_rules=by_rules,
        text=" ".join(sentences),
        finished=_finished(text, how),
        complete=None if by_rules else all(group & set(facts) for group in required),
        same_facts=set(facts) == set(text.target_facts),
        findings=tuple(one.key for one in assessment.findings) if tells else (),
        strays=is_none and any(kinds.get(one) not in MAY_ANSWER for one in facts),
        read=_unprintable()
        if "[E" in "".join(sentences)
        else read_back(sentences, assessment, evidence),
    )


def _as_read(
    text: WrittenText, how: How, evidence: Evidence
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the facts that a text names, and its sentences as a reader would see them."""
    if how is How.PRINTED:
        keys = {key for named in text.named for key in named}
        return tuple(fact.id for fact in evidence.facts if fact.key in keys), text.printed
    written = text.free if how is How.FREE else text.constrained
    named = cited(written)
    known = all(evidence.fact(one) is not None for one in named)
    return named, (fill_slots(written, evidence) if known else written,)


def _finished(text: WrittenText, how: How) -> bool:
    return {
        How.FREE: text.free_finished,
        How.CONSTRAINED: text.constrained_finished,
        How.PRINTED: True,
    }[how]


def _unprintable() -> ReadBack:
    """Stand in for the reading of a text with the slot of a fact that the study does not have."""
    return ReadBack(0, 0, 1, 1, frozenset(), ("unknown_slot",))


def _changed(written: WrittenStudy) -> list[str]:
    """Sentences of the printed impression, each with one digit of a value changed."""
    lexicon = load_lexicon(written.language)
    impressions: Sequence[str] = next(
        one.printed for one in written.texts if one.task is Task.IMPRESSION
    )
    return [one for line in impressions for one in changed_numbers(line, lexicon)]
