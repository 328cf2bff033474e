"""A closed list of phrases, followed letter by letter while an answer grows.

The phrases are a tree of letters; a table per place in it tells where every token of the vocabulary
leads. Between two phrases stands punctuation or a slot.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from worker.model.language.restricted import SENTENCE_ENDS
from worker.model.language.vocabulary import SPECIAL_TOKENS

BETWEEN = 0
"""Place where a phrase may begin, and a slot or punctuation stand."""

_GOVERNED = 2
"""The same in a sentence whose verb already has its object: no predicate may begin there."""

_BEHIND = 1  # added to either: after a phrase and a space with which no longer phrase goes on
_N_HOMES = 4
_NOWHERE = -1
_INNER_MARKS = frozenset("'-")


class PhraseBook:
    """Phrases over a vocabulary.

    Parameters
    ----------
    phrases
        In lower case, with single spaces.
    texts
        What each token writes, by id.
    governing, predicates
        Of the phrases: behind one of the former no one of the latter stands in the same sentence.
    """

    def __init__(
        self,
        phrases: Collection[str],
        texts: Sequence[str],
        governing: Collection[str] = (),
        predicates: Collection[str] = (),
    ) -> None:
        self._texts = tuple(texts)
        self._next: list[dict[str, int]] = [{} for _ in range(_N_HOMES)]
        self._complete = [True] * _N_HOMES
        self._home = [BETWEEN, BETWEEN, _GOVERNED, _GOVERNED]
        for phrase in phrases:
            self._insert(phrase, BETWEEN, _GOVERNED if phrase in governing else BETWEEN)
            if phrase not in predicates:
                self._insert(phrase, _GOVERNED, _GOVERNED)
        self._tables: dict[int, npt.NDArray[np.int32]] = {}
        self._by_letter: dict[str, list[int]] = {}
        for token in range(len(SPECIAL_TOKENS), len(self._texts)):
            self._by_letter.setdefault(self._texts[token][:1].lower(), []).append(token)

    def is_complete(self, place: int) -> bool:
        """Tell whether no phrase is begun and not finished."""
        return self._complete[place]

    def home(self, place: int) -> int:
        """Return the place behind a slot that is named at a place."""
        return self._home[place]

    def table(self, place: int) -> npt.NDArray[np.int32]:
        """Return where each token leads, ``[vocabulary]``; negative where it may not follow."""
        if place not in self._tables:
            table = np.full(len(self._texts), _NOWHERE, np.int32)
            for letter, tokens in self._by_letter.items():
                if self._step(place, letter) != _NOWHERE:
                    for token in tokens:
                        table[token] = self._follow(place, self._texts[token])
            self._tables[place] = table
        return self._tables[place]

    def _insert(self, phrase: str, start: int, home: int) -> None:
        place = start
        for letter in phrase:
            if letter not in self._next[place]:
                self._next.append({})
                # "the cine" is complete at its end, and with the space that "the cine gives" needs
                whole = letter == " " and place >= _N_HOMES and self._complete[place]
                self._complete.append(whole)
                self._home.append(self._home[place] if whole else start)
                self._next[place][letter] = len(self._next) - 1
            place = self._next[place][letter]
        self._complete[place], self._home[place] = True, home
        longer = self._next[place].get(" ")
        if longer is not None:
            self._complete[longer], self._home[longer] = True, home

    def _follow(self, place: int, text: str) -> int:
        for letter in text:
            place = self._step(place, letter.lower())
            if place == _NOWHERE:
                break
        return place

    def _step(self, place: int, letter: str) -> int:
        if not letter:
            return _NOWHERE
        if letter in self._next[place]:
            return self._next[place][letter]
        if letter.isalpha() or letter in _INNER_MARKS or not self._complete[place]:
            return _NOWHERE
        if letter in SENTENCE_ENDS:
            return BETWEEN
        home = self._home[place]
        return home + _BEHIND if letter == " " and place != home else home
