"""A grammar of report sentences: which words may stand around the slots, as data per language."""

import re
import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

_RULE = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The sentences of one language.

    Attributes
    ----------
    governing
        Words with a sentence's verb, whose object is the slot behind them.
    grammar
        Rule to its alternatives; ``<rule>`` in one stands for any alternative of that rule.
    said
        Findings, with their grade, in free words; some findings are only said by their slot.
    questions, histories
        What people may ask, and what requests may say (not always the truth).
    """

    sentence_space: str
    governing: Sequence[str]
    grammar: Mapping[str, Sequence[str]]
    said: Mapping[str, str]
    questions: Mapping[str, Sequence[str]]
    histories: Mapping[str, Sequence[str]]

    def make(self, rule: str, rng: np.random.Generator, **places: str) -> str:
        """Draw a sentence of a rule and fill its places.

        Raises
        ------
        KeyError
            If a place of the drawn sentence is not given.
        """
        text = f"<{rule}>"
        while match := _RULE.search(text):
            drawn = choose(self.grammar[match[1]], rng)
            text = f"{text[: match.start()]}{drawn}{text[match.end() :]}"
        return text.format_map(places)

    def count(self, rule: str) -> int:
        """Return how many different sentences a rule can make, slots aside."""
        return sum(self._count(text) for text in dict.fromkeys(self.grammar[rule]))

    def _count(self, text: str) -> int:
        product = 1
        for name in _RULE.findall(text):
            product *= self.count(name)
        return product

    def places(self, rule: str) -> set[str]:
        """Names of the places that sentences of a rule may have."""
        found: set[str] = set()
        for text in self.grammar[rule]:
            found.update(field for _, field, _, _ in string.Formatter().parse(text) if field)
            for name in _RULE.findall(text):
                found |= self.places(name)
        return found


def choose(texts: Sequence[str], rng: np.random.Generator) -> str:
    """Draw one of some texts."""
    return texts[int(rng.integers(len(texts)))]


@cache
def load_frames(code: str) -> Frames:
    """Read the grammar of a language that ships."""
    file = resources.files("worker.training.language").joinpath("frames", f"{code}.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    return Frames(
        raw["sentence_space"],
        raw["governing"],
        raw["grammar"],
        raw["said"],
        raw["questions"],
        raw["histories"],
    )
