"""The last look at what a language model wrote, before any of it is printed.

Decoding already obeys laws (``worker.model.language.constraints``); here the finished text is held
to them once more, by other means, and the printed text is read again by the checker. Whoever wrote
it, a text passes only if

* it is made of the closed list of phrases of its language, and of slots;
* each sentence names facts of the evidence that belong together, a printed rule only where one is
  announced, and the whole names all it must;
* what its phrases claim is so: the greatest and the smallest segment are the measured ones, "no
  cause" is only said where there is none, and the history is only spoken of where there is one that
  says something of the heart;
* the checker finds nothing that the assessment does not say.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import combinations, pairwise

from plugin.domain.evidence import Evidence, Fact, FactKind, cited, fill_slots
from plugin.domain.findings import Assessment
from plugin.domain.wording import Doubt, Statement
from worker.findings.checker import check_text
from worker.findings.checker.reader import load_lexicon
from worker.model.language.company import belong_together
from worker.model.language.constraints import required_facts
from worker.model.language.vocabulary import Task

_SENTENCE = re.compile(r"\s*(?:\w|\[)[^.!?。！？]*[.!?。！？]")
_SLOT = re.compile(r"\[E\d{1,2}\]")
_SPACED = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*")
_UNSPACED = re.compile(r"[^\W\d_]+")
_DANGLING = re.compile(r"[:;,(：；，、（]\s*[.!?。！？]$")
_STUTTER = re.compile(
    r"(?<!\w)([^\W\d_]{2,}(?: [^\W\d_]+)*)[\s:;,：；，、]+\1(?!\w)", re.IGNORECASE
)
_COLONS = ":："
_CLAIM_NOTHING = frozenset({"free", "governing", "predicate", "criterion"})
_OF_THE_HEART = ("quantities", "sides", "concepts", "never")
_HARMLESS = frozenset(" ,.;:()!?，。；：、（）！？")


class DoubtfulTextError(Exception):
    """A text that must not be printed; ``kinds`` are for logs and hold none of its words."""

    def __init__(self, doubt: Doubt, *details: str) -> None:
        self.doubt = doubt
        self.kinds = tuple(f"{doubt.value}:{detail}" for detail in details) or (doubt.value,)
        super().__init__(doubt.value)


@dataclass(frozen=True, slots=True, eq=False)
class Phrases:
    """What may stand around slots in one language.

    Attributes
    ----------
    code
        The language.
    groups
        Phrase in lower case to what it claims: ``free`` nothing (nor ``governing``, a verb and its
        object behind it, and ``predicate``, whose subject stands before it), ``about_history``
        that the history says otherwise, ``greatest`` and ``smallest`` that a segment is so,
        ``no_cause`` that there is none to consider, ``no_answer`` that the study cannot tell,
        ``not_assessed`` that nobody looked at what the sentence names, ``criterion`` that a
        printed rule follows.
    """

    code: str
    groups: Mapping[str, str]

    def of(self, group: str) -> tuple[str, ...]:
        """Return the phrases of one group."""
        return tuple(piece for piece, own in self.groups.items() if own == group)

    def claims(self, sentence: str) -> frozenset[str]:
        """Return what the phrases of a sentence claim.

        Raises
        ------
        DoubtfulTextError
            ``UNKNOWN_WORD``: something else stands in it.
        """
        pieces = pieces_of(sentence, self.code)
        rest = _SLOT.sub("", sentence)
        for piece in sorted(pieces, key=len, reverse=True):
            rest = re.sub(re.escape(piece), "", rest, flags=re.IGNORECASE)
        if set(rest) - _HARMLESS or not pieces <= self.groups.keys():
            raise DoubtfulTextError(Doubt.UNKNOWN_WORD)
        return frozenset(self.groups[piece] for piece in pieces) - _CLAIM_NOTHING


def pieces_of(sentence: str, code: str) -> set[str]:
    """Return the words between slots and punctuation, as phrases in lower case."""
    return set(_pieces_in_order(sentence, code))


def _pieces_in_order(sentence: str, code: str) -> list[str]:
    pattern = _UNSPACED if code == "zh" else _SPACED
    between = _SLOT.split(sentence)
    return [piece.lower() for text in between for piece in pattern.findall(text)]


@cache
def load_phrases(code: str) -> Phrases:
    """Read the phrases of a language that ships."""
    file = resources.files("worker.findings").joinpath("phrases", f"{code}.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    return Phrases(code, {piece: group for group, listed in raw.items() for piece in listed})


def confirm(
    text: str,
    task: Task,
    evidence: Evidence,
    assessment: Assessment,
    *,
    history: str = "",
) -> tuple[Statement, ...]:
    """Return the printed sentences of a text with slots.

    Parameters
    ----------
    text
        Finished sentences.
    history
        What the writer was told besides the evidence.

    Raises
    ------
    DoubtfulTextError
        The text must not be printed.
    """
    sentences = [one.strip() for one in _SENTENCE.findall(text)]
    if not sentences or "".join(sentences).replace(" ", "") != text.replace(" ", ""):
        raise DoubtfulTextError(Doubt.UNFINISHED)
    if any(_DANGLING.search(sentence) for sentence in sentences):
        raise DoubtfulTextError(Doubt.UNFINISHED)
    if len(set(sentences)) < len(sentences) or any(_STUTTER.search(one) for one in sentences):
        raise DoubtfulTextError(Doubt.REPEATED)
    facts = [_named(sentence, evidence) for sentence in sentences]
    named = {fact.id for own in facts for fact in own}
    if not all(group & named for group in required_facts(evidence, task)):
        raise DoubtfulTextError(Doubt.INCOMPLETE)
    phrases = load_phrases(evidence.language)
    for sentence, own in zip(sentences, facts, strict=True):
        _require_places(sentence, own, phrases)
        for claim in phrases.claims(sentence):
            _require(claim, own, task, evidence, history)
    printed = [fill_slots(sentence, evidence) for sentence in sentences]
    found = check_text(
        printed,
        assessment,
        evidence.language,
        causes=[one.text for one in evidence.of_kind(FactKind.CONSIDERATION)],
        rules=[one.text for one in evidence.of_kind(FactKind.RULE)],
    )
    if found:
        raise DoubtfulTextError(Doubt.DISAGREEMENT, *sorted({one.kind.value for one in found}))
    return tuple(
        Statement(sentence, tuple(fact.key for fact in own))
        for sentence, own in zip(printed, facts, strict=True)
    )


def _named(sentence: str, evidence: Evidence) -> list[Fact]:
    """Facts that a sentence names, in order; at least one, and all belong together."""
    found = [evidence.fact(one) for one in cited(sentence)]
    facts = [fact for fact in found if fact is not None and fact.kind is not FactKind.PATTERN]
    if not facts or len(facts) < len(_SLOT.findall(sentence)):
        raise DoubtfulTextError(Doubt.NOT_JOINED)
    if not all(belong_together(evidence, one, other) for one, other in combinations(facts, 2)):
        raise DoubtfulTextError(Doubt.NOT_JOINED)
    return facts


def _require_places(sentence: str, facts: list[Fact], phrases: Phrases) -> None:
    """Hold the order of slots to the words between them.

    A printed rule stands behind the words that announce one and nowhere else; a colon, which says
    what follows of what precedes it, does not stand between two values; and what already is the
    object of a verb gets no second one ("the cine gives A lies within ...").
    """
    groups = [phrases.groups.get(piece) for piece in _pieces_in_order(sentence, phrases.code)]
    if "governing" in groups and "predicate" in groups[groups.index("governing") :]:
        raise DoubtfulTextError(Doubt.NOT_JOINED)
    before, *between, behind = _SLOT.split(sentence)
    announced = [
        any(phrases.groups.get(piece) == "criterion" for piece in pieces_of(text, phrases.code))
        for text in (before, *between, behind)
    ]
    if announced != [*(fact.kind is FactKind.RULE for fact in facts), False]:
        raise DoubtfulTextError(Doubt.NOT_JOINED)
    kinds = [fact.kind for fact in facts]
    for text, pair in zip(between, pairwise(kinds), strict=True):
        values = pair == (FactKind.MEASUREMENT, FactKind.MEASUREMENT)
        if values and any(colon in text for colon in _COLONS):
            raise DoubtfulTextError(Doubt.NOT_JOINED)


def _require(claim: str, facts: list[Fact], task: Task, evidence: Evidence, history: str) -> None:
    """Hold what the phrases of a sentence claim to the evidence."""
    if claim == "about_history":
        if not speaks_of_the_heart(history, evidence.language):
            raise DoubtfulTextError(Doubt.ABOUT_HISTORY)
        return
    segments = [one.id for one in evidence.facts if one.segment is not None]
    right = {
        "greatest": [one.id for one in facts] == segments[:1],
        "smallest": [one.id for one in facts] == segments[1:],
        "no_cause": not evidence.of_kind(FactKind.CONSIDERATION),
        "no_answer": task is Task.ANSWER,
        "not_assessed": all(one.kind is FactKind.NOT_ASSESSED for one in facts),
    }
    if not right[claim]:
        raise DoubtfulTextError(Doubt.DISAGREEMENT, claim)


def speaks_of_the_heart(history: str, language: str) -> bool:
    """Tell whether a history says something that images can stand against.

    Read with the words of every language of the checker: requests are not always in the report's.
    """
    readings = [
        reading
        for code in dict.fromkeys((language, "en", "zh"))
        for reading in load_lexicon(code).read(history)
    ]
    return any(
        any(reading.tokens(table) for table in _OF_THE_HEART)
        or any(amount.unit is not None for amount in reading.amounts)
        for reading in readings
    )
