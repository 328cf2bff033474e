"""Finds restricted words in text that grows token by token, however the tokens cut it.

An Aho-Corasick automaton runs over the letters of what was written; for each of its states a table
tells, for every token of the vocabulary at once, where it leads and which words it would complete.
Tables are made when a state is first met and kept.

References
----------
Aho AV, Corasick MJ, Commun ACM 1975;18:333-340.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.model.language.vocabulary import SPECIAL_TOKENS

SENTENCE_ENDS = frozenset(".!?。！？")
_BOUNDARY = " "
_WORD_BITS = 64

WordMask = npt.NDArray[np.uint64]
"""``[ceil(words / 64)]``: a set of restricted words, one bit each."""


def is_han(text: str) -> bool:
    """Tell whether a text holds Chinese characters, whose words have no spaces between."""
    return any("CJK UNIFIED" in unicodedata.name(letter, "") for letter in text)


def _plain(letter: str) -> str:
    """Lower case without accents; anything but a letter is a boundary."""
    if not letter.isalpha():
        return _BOUNDARY
    return unicodedata.normalize("NFKD", letter)[0].lower()


@dataclass(frozen=True, slots=True, eq=False)
class TokenTable:
    """What each token does from one state; all arrays ``[vocabulary]``.

    Attributes
    ----------
    next_state
        State after the token.
    completes
        ``[vocabulary, ceil(words / 64)]``: words completed before a sentence ends in the token.
    ends
        Whether the token ends the sentence.
    breaks
        Whether it ends a second one, or completes a restricted word after the end.
    """

    next_state: npt.NDArray[np.int32]
    completes: npt.NDArray[np.uint64]
    ends: npt.NDArray[np.bool_]
    breaks: npt.NDArray[np.bool_]


class RestrictedWords:
    """The automaton of a set of words over a vocabulary.

    Parameters
    ----------
    words
        Beginnings of words; of Chinese words any part.
    texts
        What each token writes, by id.
    """

    def __init__(self, words: Sequence[str], texts: Sequence[str]) -> None:
        self.words = tuple(words)
        self.is_han = any(is_han(word) for word in words)
        self._texts = tuple(texts)
        self._goto: list[dict[str, int]] = [{}]
        self._output: list[int] = [0]
        self._index = {word: index for index, word in enumerate(self.words)}
        for word, index in self._index.items():
            self._insert(word, 1 << index)
        self._fail = self._failures()
        self._tables: dict[int, TokenTable] = {}
        self.start = self._step(0, _BOUNDARY)

    def mask(self, words: Iterable[str]) -> WordMask:
        """Return the set of some of the words."""
        bits = sum(1 << self._index[word] for word in words)
        return self._as_array(bits)

    def is_boundary(self, state: int) -> bool:
        """Tell whether no letter stands before: always in a script without spaces."""
        return self.is_han or state == self.start

    def table(self, state: int) -> TokenTable:
        """Return what every token does from a state."""
        if state not in self._tables:
            self._tables[state] = self._make_table(state)
        return self._tables[state]

    def _insert(self, word: str, bit: int) -> None:
        letters = "".join(_plain(letter) for letter in word)
        state = 0
        for letter in letters if is_han(word) else f"{_BOUNDARY}{letters}":
            if letter not in self._goto[state]:
                self._goto.append({})
                self._output.append(0)
                self._goto[state][letter] = len(self._goto) - 1
            state = self._goto[state][letter]
        self._output[state] |= bit

    def _failures(self) -> list[int]:
        fail = [0] * len(self._goto)
        queue = list(self._goto[0].values())
        for state in queue:
            for letter, following in self._goto[state].items():
                back = fail[state]
                while back and letter not in self._goto[back]:
                    back = fail[back]
                fail[following] = self._goto[back].get(letter, 0)
                self._output[following] |= self._output[fail[following]]
                queue.append(following)
        return fail

    def _step(self, state: int, letter: str) -> int:
        while state and letter not in self._goto[state]:
            state = self._fail[state]
        return self._goto[state].get(letter, 0)

    def _make_table(self, state: int) -> TokenTable:
        n_tokens, n_words = len(self._texts), self._as_array(0).size
        table = TokenTable(
            np.full(n_tokens, state, np.int32),
            np.zeros((n_tokens, n_words), np.uint64),
            np.zeros(n_tokens, np.bool_),
            np.zeros(n_tokens, np.bool_),
        )
        for token in range(len(SPECIAL_TOKENS), n_tokens):
            self._follow(token, state, table)
        return table

    def _follow(self, token: int, state: int, table: TokenTable) -> None:
        first, after, n_ends = 0, 0, 0
        for letter in self._texts[token]:
            if letter in SENTENCE_ENDS:
                n_ends += 1
                state = self.start
                continue
            state = self._step(state, _plain(letter))
            if n_ends:
                after |= self._output[state]
            else:
                first |= self._output[state]
        table.next_state[token] = state
        if first:
            table.completes[token] = self._as_array(first)
        table.ends[token] = n_ends > 0
        table.breaks[token] = n_ends > 1 or after > 0

    def _as_array(self, bits: int) -> WordMask:
        n_parts = max(1, -(-len(self.words) // _WORD_BITS))
        full = (1 << _WORD_BITS) - 1
        parts = [(bits >> (_WORD_BITS * part)) & full for part in range(n_parts)]
        return np.array(parts, np.uint64)
