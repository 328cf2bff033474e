"""Answers to a question about one study: by the language model where its words pass, else by rules.

The rules know the words of the checker's lexicon and nothing else: they find which value, finding
or topic a question names and print the facts about it. A question that names none of them cannot be
answered by them, and they say so. What they find also tells whether the language model answered
what was asked.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.evidence import Evidence, Fact, FactKind
from plugin.domain.findings import Assessment
from plugin.domain.wording import Author, Doubt, Part, Passage, Statement
from plugin.logs import get_logger
from worker.findings.by_rules import state
from worker.findings.checker.reader import Lexicon, Reading, Token, load_lexicon
from worker.findings.checker.subjects import PREFIX, quantity_key, side_of
from worker.findings.evidence import make_evidence
from worker.findings.language import Language
from worker.findings.word import Clock, Session, Told, Writer
from worker.findings.written import DoubtfulTextError
from worker.model.language.vocabulary import Task

log = get_logger(__name__)

MAXIMUM_CHARACTERS = 300

_VALUES = {
    "lv_systolic_dysfunction": ("lv_ejection_fraction",),
    "rv_systolic_dysfunction": ("rv_ejection_fraction",),
    "lv_dilation": ("lv_end_diastolic_volume_index", "lv_end_diastolic_volume"),
    "rv_dilation": ("rv_end_diastolic_volume_index", "rv_end_diastolic_volume"),
    "lv_wall_thickening": ("maximal_wall_thickness",),
}
"""Value that tells about a finding, the first that was measured."""

_FINDINGS = {
    "reduced": ("lv_systolic_dysfunction", "rv_systolic_dysfunction"),
    "dilated": ("lv_dilation", "rv_dilation"),
    "wall": ("lv_wall_thickening",),
    "massive_wall": ("lv_wall_thickening",),
}
_OVERALL = "overall"
_KINDS: Mapping[str, tuple[FactKind, ...]] = {
    "pattern": (FactKind.PATTERN,),
    "causes": (FactKind.CONSIDERATION,),
    "quality": (FactKind.QUALITY,),
    "limits": (FactKind.QUALITY, FactKind.NOT_ASSESSED),
}
"""What a question of a kind is answered with."""

_VOLUMES = ("end_diastolic_volume", "end_systolic_volume")
_ABOUT_NOTES = frozenset({"quality", "limits"})
_ALL_FINDINGS = tuple(_VALUES)
_PRIORITY = frozenset({"urgent", "stat", "not_promoted"})
_SIDES = ("below", "within", "above")
_CANNOT_TELL = frozenset({FactKind.SCOPE, FactKind.NOT_ASSESSED, FactKind.QUALITY})
_NOTES = {
    "right_ventricle_not_reported": ("rv_",),
    "no_body_size": ("body_surface_area", "cardiac_index", "_index"),
    "no_heart_rate": ("heart_rate", "cardiac_"),
}
"""Note that says why a value is missing: how the key of the value begins or ends."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with the facts that it names, as they are printed."""

    passage: Passage
    facts: tuple[Fact, ...]


def checked_question(question: str) -> str:
    """Return a question in one line.

    Raises
    ------
    ConfigurationError
        ``QUESTION_UNUSABLE``: it is empty or too long.
    """
    line = " ".join(question.split())
    if not line or len(line) > MAXIMUM_CHARACTERS:
        detail = f"{len(line)} characters, 1 to {MAXIMUM_CHARACTERS} are possible"
        raise ConfigurationError(Reason.QUESTION_UNUSABLE, detail)
    return line


def answer_question(
    question: str,
    assessment: Assessment,
    language: Language,
    writer: Writer | None = None,
    told: Told | None = None,
    *,
    clock: Clock = time.monotonic,
) -> Answer:
    """Answer a question from the evidence of a study.

    Parameters
    ----------
    question
        As ``checked_question`` gave it; untrusted, never logged.
    language
        Of the answer.
    writer
        The language model; None: by rules.

    """
    evidence = make_evidence(assessment, language)
    asked = asked_about(question, evidence)
    passage, doubt = None, None
    if writer is not None:
        session = Session(evidence, assessment, writer, told or Told(), clock)
        try:
            statements = session.write(Task.ANSWER, question)
            _require_on_question(statements, asked, evidence)
            passage = Passage(Part.ANSWER, Author.LANGUAGE_MODEL, statements)
        except DoubtfulTextError as doubtful:
            doubt = doubtful.doubt
            for kind in doubtful.kinds:
                log.warning("wording_replaced", stage=Part.ANSWER.value, kind=kind)
    if passage is None:
        texts = _sentences(asked, evidence, language, told=_asks_for_notes(question, language))
        statements = tuple(state(text, evidence) for text in texts)
        passage = Passage(Part.ANSWER, Author.RULES, statements, doubt)
    named = {key for one in passage.statements for key in one.evidence}
    return Answer(passage, tuple(fact for fact in evidence.facts if fact.key in named))


def asked_about(question: str, evidence: Evidence) -> tuple[Fact, ...]:
    """Facts that a question names, in the order of the evidence; notes for values not measured."""
    lexicon = load_lexicon(evidence.language)
    heard = lexicon.not_asked.sub(" ", question)
    found = [
        fact for reading in lexicon.read(heard) for fact in _facts_of(reading, lexicon, evidence)
    ]
    for key, pattern in lexicon.asked:
        if pattern.search(heard):
            found += [*_value(key, evidence), *_there(evidence.find(FactKind.NOT_ASSESSED, key))]
    found = found or list(_meant(heard, lexicon, evidence))
    return tuple(fact for fact in evidence.facts if fact in found)


def _facts_of(reading: Reading, lexicon: Lexicon, evidence: Evidence) -> Iterator[Fact]:
    topics = reading.tokens("topics")
    for token in reading.tokens("quantities"):
        for key in _quantities(reading, token, lexicon):
            yield from _value(key, evidence)
    for token in topics:
        yield from _there(evidence.find(FactKind.NOT_ASSESSED, token.key))
    for token in reading.tokens("concepts"):
        if token.key in _PRIORITY:
            yield from _priority(evidence)
        side = side_of(reading, token, lexicon)
        if side is None and topics:
            continue  # "Are the atria dilated?" does not ask about the ventricles
        for key in _FINDINGS.get(token.key, ()):
            if side is None or key.startswith(PREFIX[side]) or len(_FINDINGS[token.key]) == 1:
                yield from _finding(key, evidence)
    if reading.tokens("unassessed"):
        yield from evidence.of_kind(FactKind.NOT_ASSESSED)


def _meant(question: str, lexicon: Lexicon, evidence: Evidence) -> Iterator[Fact]:
    """Facts that a question is about which uses no word of a report ("how is the LV function?")."""
    sides = {side.key for reading in lexicon.read(question) for side in reading.tokens("sides")}
    prefixes = tuple(PREFIX[side] for side in sides or PREFIX)
    kinds = [kind for kind, pattern in lexicon.questions if pattern.search(question)]
    if sides and not kinds:
        kinds = [_OVERALL]  # "How is the RV?"
    for kind in kinds:
        if kind in _PRIORITY:
            yield from _priority(evidence)
        for fact_kind in _KINDS.get(kind, ()):
            yield from evidence.of_kind(fact_kind)
        if kind == "pattern":
            notes = evidence.of_kind(FactKind.QUALITY)
            yield from (note for note in notes if note.key.startswith("pattern_"))
        for name in _VOLUMES if kind == "volumes" else ():
            for prefix in prefixes:
                yield from _value(f"{prefix}_{name}", evidence)
        for key in _ALL_FINDINGS if kind == _OVERALL else _FINDINGS.get(kind, ()):
            if key.startswith(prefixes):
                yield from _finding(key, evidence)


def _priority(evidence: Evidence) -> Iterator[Fact]:
    """Yield the suggested priority and what it rests on."""
    for fact in evidence.of_kind(FactKind.PRIORITY):
        yield fact
        yield from (base for one in fact.basis if (base := evidence.fact(one)) is not None)


def _asks_for_notes(question: str, language: Language) -> bool:
    """Tell whether notes on quality are the answer, not why there is none."""
    asked = load_lexicon(language.code).questions
    return any(kind in _ABOUT_NOTES and pattern.search(question) for kind, pattern in asked)


def _quantities(reading: Reading, token: Token, lexicon: Lexicon) -> tuple[str, ...]:
    """Keys that a named quantity may mean; of both ventricles where no side is said."""
    key = quantity_key(reading, token)
    if key is not None:
        return (key,)
    side = side_of(reading, token, lexicon)
    prefixes = PREFIX.values() if side is None else (PREFIX[side],)
    return tuple(f"{prefix}_{token.key}" for prefix in prefixes)


def _value(key: str, evidence: Evidence) -> Iterator[Fact]:
    """Yield the value, or the note that says why there is none."""
    facts = [one for one in evidence.of_kind(FactKind.MEASUREMENT) if one.key == key]
    yield from facts
    if not facts:
        for note, ends in _NOTES.items():
            if any(key.startswith(end) or key.endswith(end) for end in ends):
                yield from _there(evidence.find(FactKind.QUALITY, note))


def _finding(key: str, evidence: Evidence) -> Iterator[Fact]:
    """Yield the finding and the value that tells about it."""
    yield from _there(evidence.find(FactKind.FINDING, key))
    for value in _VALUES[key]:
        fact = evidence.find(FactKind.MEASUREMENT, value)
        if fact is not None:
            yield fact
            return


def _there(fact: Fact | None) -> Iterator[Fact]:
    if fact is not None:
        yield fact


def _require_on_question(
    statements: tuple[Statement, ...], asked: tuple[Fact, ...], evidence: Evidence
) -> None:
    """Doubt an answer that names nothing of what the question names, nor what belongs to it.

    To a question in which the rules find nothing of the study, only what it cannot tell is one.
    """
    if not asked:
        told = {one.key for one in evidence.facts if one.kind not in _CANNOT_TELL}
        if told.intersection(key for one in statements for key in one.evidence):
            raise DoubtfulTextError(Doubt.OFF_QUESTION)
        return
    near = {fact.id for fact in asked}
    near |= {base for fact in asked for base in fact.basis}
    near |= {fact.id for fact in evidence.facts if near.intersection(fact.basis)}
    keys = {fact.key for fact in evidence.facts if fact.id in near}
    named = {key for one in statements for key in one.evidence}
    if keys.isdisjoint(named) or not all(_is_told(fact, named, evidence) for fact in asked):
        raise DoubtfulTextError(Doubt.OFF_QUESTION)


def _is_told(fact: Fact, named: set[str], evidence: Evidence) -> bool:
    """Tell whether a value asked for, or a finding that rests on it, is named.

    Half an answer misleads: one ventricle where both were asked about, one thing of all that was
    not assessed.
    """
    if fact.kind not in (FactKind.MEASUREMENT, FactKind.NOT_ASSESSED):
        return True
    resting = (one.key for one in evidence.facts if fact.id in one.basis)
    return fact.key in named or not named.isdisjoint(resting)


def _sentences(
    asked: tuple[Fact, ...], evidence: Evidence, language: Language, *, told: bool
) -> Iterator[str]:
    """Yield the facts asked about, one sentence each; what was not assessed in one.

    Parameters
    ----------
    told
        Notes on quality are the answer; else they say why a value is missing.
    """
    if not asked:
        (scope,) = evidence.of_kind(FactKind.SCOPE)
        yield language.say("written", "no_answer", fact=scope.slot)
    names = language.tables["joins"]["names"]
    things = [fact.slot for fact in asked if fact.kind is FactKind.NOT_ASSESSED]
    causes = [fact for fact in asked if fact.kind is FactKind.CONSIDERATION]
    for fact in asked:
        if fact.kind is FactKind.QUALITY and not told:
            yield language.say("written", "no_answer", fact=fact.slot)
        elif fact.kind not in (FactKind.NOT_ASSESSED, FactKind.CONSIDERATION):
            # near a threshold the side alone would say more than the finding does
            sides = () if "borderline" in fact.terms else _SIDES
            side = next((side for side in sides if side in fact.terms), "fact")
            yield language.say("written", side, fact=fact.slot)
    for basis, group in groupby(causes, key=lambda cause: cause.basis):
        joined = names.join(cause.slot for cause in group)
        yield language.say("written", "differential", causes=joined, finding=f"[{basis[0]}]")
    if things:
        yield language.say("written", "not_assessed", names=names.join(things))
