"""What a text about one study may rest on: facts with ids, and the words that may be said of them.

Plain immutable data in one language. ``worker.findings.evidence`` makes it from an ``Assessment``;
the language model is prompted with it, its decoding is confined to it, and the checker compares the
finished text with it. A fact's number is never written by the model: the model names the fact by
its slot (``[E3]``), and the slot is replaced by the fact's text.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from plugin.domain.findings import Certainty

MAXIMUM_FACTS = 64
"""Slots that a vocabulary holds, ``[E0]`` to ``[E63]``."""

_SLOT = re.compile(r"\[E(\d{1,2})\]")
_OPENING = re.compile(r"[.!?]\s+$")


class FactKind(StrEnum):
    """What a fact is."""

    MEASUREMENT = "measurement"
    FINDING = "finding"
    RULE = "rule"
    PRIORITY = "priority"
    QUALITY = "quality"
    NOT_ASSESSED = "not_assessed"
    CONSIDERATION = "consideration"
    SCOPE = "scope"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that may be said.

    Attributes
    ----------
    id
        ``E0`` to ``E63``, the same for the same assessment in every language.
    key
        Key of the measurement, finding, note ...; ``segment`` tells regional values apart.
    text
        What is printed in the place of the fact's slot, number and unit included.
    terms
        What may be said of the fact (``reduced``, ``within``, ``left`` ...), language-free.
    words
        Beginnings of the words by which the language says those terms; see ``Evidence.restricted``.
    number
        The value as it is printed, without unit; empty where there is none.
    basis
        Ids of the facts that this one rests on.
    """

    id: str
    kind: FactKind
    key: str
    text: str
    terms: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    number: str = ""
    certainty: Certainty | None = None
    basis: tuple[str, ...] = ()
    segment: int | None = None

    @property
    def slot(self) -> str:
        """``[E3]``."""
        return f"[{self.id}]"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All facts of one study in one language.

    Attributes
    ----------
    restricted
        Beginnings of words (where a script has no spaces: parts of words) that free text may only
        hold beside a fact whose ``words`` name them: grades, sides, negations, structures, numbers
        in words. Those that no fact names are never said.
    phrases
        All that free text may be made of, in lower case; empty where anything else is held back.
    governing, predicates
        Those with a verb and its object behind them, and those whose subject stands before them: in
        one sentence no predicate may stand behind a governing phrase.
    """

    language: str
    facts: tuple[Fact, ...]
    restricted: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    governing: tuple[str, ...] = ()
    predicates: tuple[str, ...] = ()

    def fact(self, fact_id: str) -> Fact | None:
        """Return the fact with this id, or None."""
        return next((fact for fact in self.facts if fact.id == fact_id), None)

    def of_kind(self, kind: FactKind) -> tuple[Fact, ...]:
        """Return the facts of one kind, in order."""
        return tuple(fact for fact in self.facts if fact.kind is kind)

    def find(self, kind: FactKind, key: str) -> Fact | None:
        """Return the fact of the whole heart with this kind and key, or None."""
        for fact in self.facts:
            if fact.kind is kind and fact.key == key and fact.segment is None:
                return fact
        return None


def cited(text: str) -> tuple[str, ...]:
    """Ids of the facts whose slots stand in a text, in order, each once."""
    return tuple(dict.fromkeys(f"E{number}" for number in _SLOT.findall(text)))


def fill_slots(text: str, evidence: Evidence) -> str:
    """Replace every slot by the text of its fact; at the start of a sentence with a capital.

    Raises
    ------
    KeyError
        If the text names a fact that the evidence does not have.
    """
    facts = {fact.id: fact.text for fact in evidence.facts}

    def printed(match: re.Match[str]) -> str:
        fact = facts[f"E{match[1]}"]
        opens = not text[: match.start()].strip() or bool(_OPENING.search(text[: match.start()]))
        return fact[:1].upper() + fact[1:] if opens else fact

    return _SLOT.sub(printed, text)
