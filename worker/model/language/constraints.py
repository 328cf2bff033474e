"""What a language model may write next, so that no answer can say more than the evidence.

* No digit and no percent sign in free words: a number only comes with the slot of a fact.
* Only slots of facts that the study has, in one sentence only of facts that belong together, and
  none more often than an answer may need it; so no answer goes in circles.
* Restricted words (grades, sides, negations, left and right, numbers in words, names of what was
  not assessed) only when every slot named before in the sentence is of a fact that may be so
  described. Behind such a word only the finding that brings a cause to mind may still be named.
* Where the evidence has a list of phrases, free words are made of those.
* A sentence begins with a word or a slot and ends only after it named a slot; an answer ends only
  after a sentence, and not before it named every fact that it must not leave out.

Whatever the scores of a model, even random ones, its answers keep these laws. They do not make a
sentence sensible: that is the model's part, and the checker's to doubt.
"""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from plugin.domain.evidence import Evidence, Fact, FactKind
from worker.model.language.company import belong_together
from worker.model.language.phrasing import BETWEEN, PhraseBook
from worker.model.language.restricted import (
    SENTENCE_ENDS,
    RestrictedWords,
    WordMask,
    is_han,
)
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vocabulary import SPECIAL_TOKENS, Task

MAXIMUM_FREE_LETTERS = 160
"""Written without a slot, after which only a slot or the end of the sentence may follow."""

_SIDES = frozenset({"below", "within", "above"})
_PUNCTUATION = frozenset(" ,.;:()'-!?")
_HAN_PUNCTUATION = frozenset(" ，。；：、（）！？“”")

Ids = npt.NDArray[np.int64]


def required_facts(evidence: Evidence, task: Task) -> tuple[frozenset[str], ...]:
    """Return groups of facts, one of each of which an answer to a task must name.

    An impression names every finding or the value it rests on, every other value out of its range,
    youth, and that only the cine was measured; an explanation every finding; a differential every
    cause; the limits all that was not assessed.
    """
    scope = [frozenset({fact.id}) for fact in evidence.of_kind(FactKind.SCOPE)]
    findings = evidence.of_kind(FactKind.FINDING)
    if task is Task.IMPRESSION:
        said = (frozenset({fact.id, *fact.basis}) for fact in findings)
        return (*said, *(frozenset({fact.id}) for fact in _remarkable(evidence)), *scope)
    kinds = {
        Task.EXPLANATION: FactKind.FINDING,
        Task.DIFFERENTIAL: FactKind.CONSIDERATION,
        Task.LIMITS: FactKind.NOT_ASSESSED,
    }
    if task not in kinds:
        return ()
    groups = tuple(frozenset({fact.id}) for fact in evidence.of_kind(kinds[task]))
    return groups if groups or task is Task.EXPLANATION else tuple(scope)


def _remarkable(evidence: Evidence) -> list[Fact]:
    """Values out of range that no finding rests on (of value and index the index), and youth."""
    stated = {one for fact in evidence.of_kind(FactKind.FINDING) for one in fact.basis}
    values = [one for one in evidence.of_kind(FactKind.MEASUREMENT) if one.segment is None]
    sided = {one.key for one in values if _SIDES & set(one.terms)}
    outside = [
        one
        for one in values
        if {"below", "above"} & set(one.terms)
        and one.id not in stated
        and f"{one.key}_index" not in sided
    ]
    young = evidence.find(FactKind.QUALITY, "under_18")
    return outside if young is None else [*outside, young]


def _most(fact: Fact, evidence: Evidence) -> int:
    """Return how often an answer may name a fact.

    A value may also stand against the history, a finding is the reason of each cause.
    """
    if fact.kind is FactKind.FINDING:
        return max(1, len(evidence.of_kind(FactKind.CONSIDERATION)))
    return 2 if fact.kind is FactKind.MEASUREMENT else 1


class Vocabulary:
    """A tokenizer as the constraints see it, for one language's restricted words.

    Made once per tokenizer and language; answers to many studies share it.
    """

    def __init__(self, tokenizer: Tokenizer, restricted: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.texts = tokenizer.texts
        self.words = RestrictedWords(restricted, self.texts)
        self._books: dict[tuple[tuple[str, ...], ...], PhraseBook] = {}
        self.end_id = tokenizer.end_id
        self.free = np.array([self._is_free(text) for text in self.texts])
        self.lengths = np.array([len(text) for text in self.texts])
        self.opens = np.array([not t.strip() or t.strip()[0].isalpha() for t in self.texts])
        self.starts_with_letter = np.array([text[:1].isalpha() for text in self.texts])
        self.single_mark = np.array([len(t) == 1 and not t.isalpha() for t in self.texts])
        self.single_end = np.array([t in SENTENCE_ENDS for t in self.texts])

    def book(self, evidence: Evidence) -> PhraseBook | None:
        """Return the phrases of the evidence over this vocabulary, made once; None without any."""
        key = evidence.phrases, evidence.governing, evidence.predicates
        if evidence.phrases and key not in self._books:
            phrases, governing, predicates = key
            self._books[key] = PhraseBook(phrases, self.texts, governing, predicates)
        return self._books.get(key)

    def _is_free(self, text: str) -> bool:
        """Tell whether a token may stand in free words of this language."""
        return bool(text) and all(self._is_free_letter(letter) for letter in text)

    def _is_free_letter(self, letter: str) -> bool:
        if letter.isalpha():
            return is_han(letter) if self.words.is_han else "LATIN" in unicodedata.name(letter, "")
        # so neither digits nor fractions nor a percent sign, and no marks of the other script
        return letter in (_HAN_PUNCTUATION if self.words.is_han else _PUNCTUATION)


@dataclass(frozen=True, slots=True)
class _State:
    """Where an answer stands.

    Attributes
    ----------
    position
        State of the automaton of restricted words.
    named
        Ids of the facts named in this sentence, in order.
    judged
        Whether a restricted word stands in this sentence.
    phrase
        Place in the list of phrases.
    n_free
        Letters since the last slot.
    behind_slot
        Whether the last token was a slot.
    at_start
        Whether nothing but spaces was written since the last sentence ended.
    cited
        Facts named so far in the whole answer, in order.
    spent
        Slots that were named as often as they may be.
    """

    position: int
    named: tuple[str, ...] = ()
    judged: bool = False
    phrase: int = BETWEEN
    n_free: int = 0
    behind_slot: bool = False
    at_start: bool = True
    cited: tuple[str, ...] = ()
    spent: frozenset[int] = frozenset()


class AnswerRules:
    """The laws for one answer about one study; ``allowed`` is what generation asks.

    Parameters
    ----------
    vocabulary
        Of the tokenizer and the evidence's language.
    evidence
        What the study has.
    required
        Groups of facts (see ``required_facts``); the answer must name one of each.

    Raises
    ------
    ValueError
        If none of a group exists.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        evidence: Evidence,
        required: Collection[frozenset[str]] = (),
    ) -> None:
        self._vocabulary, self._words = vocabulary, vocabulary.words
        tokenizer = vocabulary.tokenizer
        self._evidence = evidence
        self._book = vocabulary.book(evidence)
        self._fact_of = {
            tokenizer.id_of(fact.slot): fact.id
            for fact in evidence.facts
            if fact.kind is not FactKind.PATTERN  # another estimate, which has its own sentence
        }
        self._most = {fact.id: _most(fact, evidence) for fact in evidence.facts}
        self._words_of = {fact.id: self._words.mask(fact.words) for fact in evidence.facts}
        self._may_say: dict[tuple[str, ...], WordMask] = {(): self._words.mask(())}
        self._slots: dict[tuple[tuple[str, ...], bool], Ids] = {}
        self._required = tuple(required)
        known = set(self._fact_of.values())
        if not all(group & known for group in self._required):
            msg = "a required fact is not in the evidence"
            raise ValueError(msg)
        self._ids: tuple[int, ...] = ()
        self._state = _State(self._words.start)

    def allowed(self, ids: Sequence[int]) -> Ids:
        """Return the ids that may follow the answer so far, at least one, in rising order."""
        return self._allowed(self._state_after(tuple(ids)))

    def accepts(self, ids: Sequence[int]) -> bool:
        """Tell whether a finished answer (without the end token) keeps the laws."""
        state = _State(self._words.start)
        for token in ids:
            if token not in self._allowed(state):
                return False
            state = self._after(state, token)
        return self._may_end(state)

    def whole_sentences(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return the answer up to its last finished sentence; a budget may cut it anywhere."""
        state, end = _State(self._words.start), 0
        for index, token in enumerate(ids):
            state = self._after(state, token)
            if state.at_start and not state.named and state.cited:
                end = index + 1
        return tuple(ids[:end])

    def _state_after(self, ids: tuple[int, ...]) -> _State:
        """Follow an answer; one more token than last time is the usual case."""
        known = len(self._ids)
        if ids[:known] != self._ids:
            known, self._state = 0, _State(self._words.start)
        for token in ids[known:]:
            self._state = self._after(self._state, token)
        self._ids = ids
        return self._state

    def _allowed(self, state: _State) -> Ids:
        vocabulary, table = self._vocabulary, self._words.table(state.position)
        forbidden = (table.completes & ~self._sayable(state.named)).any(axis=1)
        free = vocabulary.free & ~forbidden & ~table.breaks
        if not state.named:
            free &= ~table.ends
        if state.at_start:
            free &= vocabulary.opens
        boundary = self._words.is_boundary(state.position)
        if self._book is not None:
            free &= self._book.table(state.phrase) >= 0
            boundary &= self._book.is_complete(state.phrase)
        if state.behind_slot and not self._words.is_han:
            free &= ~vocabulary.starts_with_letter
        if state.n_free >= MAXIMUM_FREE_LETTERS:
            free &= vocabulary.single_end if boundary else vocabulary.single_mark
        ids = np.flatnonzero(free)
        if boundary and not state.behind_slot:
            slots = self._next_slots(state.named, judged=state.judged)
            ids = np.concatenate([slots[~np.isin(slots, list(state.spent))], ids])
        if self._may_end(state) or not ids.size:  # at a dead end nothing else is left
            ids = np.concatenate([[vocabulary.end_id], ids])
        return np.sort(ids).astype(np.int64)

    def _sayable(self, named: tuple[str, ...]) -> WordMask:
        """Restricted words that fit every fact named in the sentence so far."""
        if named not in self._may_say:
            words = self._words_of[named[-1]]
            self._may_say[named] = words & self._sayable(named[:-1]) if named[1:] else words
        return self._may_say[named]

    def _next_slots(self, named: tuple[str, ...], *, judged: bool) -> Ids:
        """Slots of facts that may join those of the sentence."""
        if (named, judged) not in self._slots:
            ids = [
                t for t, fact in self._fact_of.items() if self._may_join(fact, named, judged=judged)
            ]
            self._slots[named, judged] = np.array(sorted(ids), np.int64)
        return self._slots[named, judged]

    def _may_join(self, fact_id: str, named: tuple[str, ...], *, judged: bool) -> bool:
        facts = {one.id: one for one in self._evidence.facts}
        fact, before = facts[fact_id], [facts[one] for one in named]
        if judged and any(one.kind is not FactKind.CONSIDERATION for one in before):
            return False
        return all(belong_together(self._evidence, fact, one) for one in before)

    def _may_end(self, state: _State) -> bool:
        complete = all(not group.isdisjoint(state.cited) for group in self._required)
        return state.at_start and bool(state.cited) and complete

    def _place_after(self, place: int, token: int) -> int:
        """Return the place in the list of phrases; between two where the text left the list."""
        return BETWEEN if self._book is None else max(int(self._book.table(place)[token]), BETWEEN)

    def _after(self, state: _State, token: int) -> _State:
        fact = self._fact_of.get(token)
        if fact is not None:
            cited = (*state.cited, fact)
            is_spent = cited.count(fact) >= self._most[fact]
            return _State(
                self._words.start,
                named=(*state.named, fact),
                judged=state.judged,
                phrase=BETWEEN if self._book is None else self._book.home(state.phrase),
                behind_slot=True,
                at_start=False,
                cited=cited,
                spent=state.spent | {token} if is_spent else state.spent,
            )
        if token < len(SPECIAL_TOKENS):
            return state
        table = self._words.table(state.position)
        text = self._vocabulary.texts[token]
        state = replace(
            state,
            position=int(table.next_state[token]),
            judged=state.judged or bool(table.completes[token].any()),
            phrase=self._place_after(state.phrase, token),
            n_free=state.n_free + len(text),
            behind_slot=False,
        )
        if not table.ends[token]:
            return replace(state, at_start=state.at_start and not text.strip())
        rest = text[max(text.rfind(end) for end in SENTENCE_ENDS) + 1 :]
        return replace(state, named=(), judged=False, n_free=len(rest), at_start=not rest.strip())
