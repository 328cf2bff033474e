"""Reads a report as a person does: what is named, which numbers, which words of judgement.

A lexicon (``lexicons/<code>.toml``) says how a language writes each. Shares nothing with the
sentences that reports are made from, so that it can find their mistakes. Knows no study; comparing
is for ``statements`` and ``numbers``.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

_NUMBER = r"(?<![\d.,])\d+(?:\.\d+)?(?![\d])"
_CITATION = re.compile(
    r"[A-Z][\w-]+ [A-Z]{1,2} et al\.?, [^()（）;；]*?(?:19|20)\d\d;[\w:-]+"
    r"(?:, Tables? \d+(?: and \d+)?)?"
)
_WORD_TABLES = (  # the first to find a word keeps it
    "patterns",
    "hedges",
    "unassessed",
    "ages",
    "concepts",
    "quantities",
    "segments",
    "sides",
    "relations",
    "grades",
    "negations",
    "cautions",
    "presence",
    "populations",
    "topics",
    "never",
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word that means something, with its table and key in the lexicon."""

    table: str
    key: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, or a pair of numbers, with its unit.

    Attributes
    ----------
    numbers
        As written, one or two (``28 to 40``).
    unit
        UCUM unit, or the key of the note on quality that counts such things, or None.
    is_limit
        Words beside it make it a printed limit and not a value (``40 % or less``).
    """

    numbers: tuple[str, ...]
    unit: str | None
    is_limit: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as read: its words and amounts in order of appearance, and its citations."""

    sentence: str
    items: tuple[Token | Amount, ...]
    citations: tuple[str, ...]

    def tokens(self, table: str) -> tuple[Token, ...]:
        """Words of one table."""
        return tuple(i for i in self.items if isinstance(i, Token) and i.table == table)

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """Numbers in order."""
        return tuple(item for item in self.items if isinstance(item, Amount))


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """How one language is read.

    ``questions`` and ``asked`` are words that only a question uses: in a report they mean nothing,
    or are not allowed; ``not_asked`` are those of a question that sound like something else.
    ``comparison`` holds how a difference stands to its uncertainty, and is read only in
    what is said of an earlier result.
    """

    code: str
    sentence_end: re.Pattern[str]
    amount: re.Pattern[str]
    limit_before: re.Pattern[str]
    limit_after: re.Pattern[str]
    ignored: re.Pattern[str]
    words: tuple[tuple[str, str, re.Pattern[str]], ...]
    units: tuple[tuple[re.Pattern[str], str], ...]
    side_follows: bool
    questions: tuple[tuple[str, re.Pattern[str]], ...]
    asked: tuple[tuple[str, re.Pattern[str]], ...]
    not_asked: re.Pattern[str]
    comparison: tuple[tuple[str, re.Pattern[str]], ...]

    def read(self, text: str) -> tuple[Reading, ...]:
        """Split a text into sentences and read each."""
        shown, citations = _without_citations(text)
        readings, found = [], iter(citations)
        for sentence in self.sentence_end.split(shown):
            if sentence.strip():
                own = tuple(next(found) for _ in range(sentence.count("⟦source⟧")))
                readings.append(Reading(sentence, tuple(self._items(sentence)), own))
        return tuple(readings)

    def _items(self, sentence: str) -> Iterator[Token | Amount]:
        found: list[Token | Amount] = []
        taken = [False] * len(sentence)
        for table, key, pattern in self.words:
            for match in pattern.finditer(sentence):
                if not any(taken[match.start() : match.end()]):
                    taken[match.start() : match.end()] = [True] * len(match[0])
                    found.append(Token(table, key, match.start(), match.end(), match[0]))
        names = [match.span() for match in self.ignored.finditer(sentence)]
        for match in self.amount.finditer(sentence):
            inside = any(start <= match.start() < end for start, end in names)
            if not inside and not taken[match.start()]:
                found.append(self._amount(sentence, match))
        return iter(sorted(found, key=lambda item: item.start))

    def _amount(self, sentence: str, match: re.Match[str]) -> Amount:
        numbers = (match["low"],) if match["high"] is None else (match["low"], match["high"])
        before, after = sentence[: match.start()], sentence[match.end() :]
        written = match["second"] or match["first"]
        return Amount(
            numbers,
            None if written is None else self._unit(written),
            bool(self.limit_before.search(before) or self.limit_after.match(after)),
            match.start(),
            match.end(),
        )

    def _unit(self, written: str) -> str | None:
        return next((ucum for pattern, ucum in self.units if pattern.fullmatch(written)), None)


@cache
def load_lexicon(code: str) -> Lexicon:
    """Read the lexicon of a language that ships.

    Raises
    ------
    FileNotFoundError
        If the language has none.
    """
    file = resources.files("worker.findings.checker").joinpath("lexicons", f"{code}.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    bounded = bool(raw["word_boundaries"])
    units = sorted(
        (
            (entry, key)
            for table in ("units", "counts")
            for key, entries in raw[table].items()
            for entry in entries
        ),
        key=lambda pair: -len(pair[0]),
    )
    unit = "|".join(f"{entry}(?![a-z²])" for entry, _ in units)
    amount = (
        rf"(?P<low>{_NUMBER})\s*(?P<first>{unit})?"
        rf"(?:\s*(?:{raw['to']})\s*(?P<high>{_NUMBER})\s*(?P<second>{unit})?)?"
    )
    limits: Mapping[str, list[str]] = raw["limits"]
    return Lexicon(
        code=raw["code"],
        sentence_end=re.compile(raw["sentence_end"]),
        amount=re.compile(amount, re.IGNORECASE),
        limit_before=re.compile(rf"(?:{'|'.join(limits['before'])}) ?$", re.IGNORECASE),
        limit_after=re.compile(rf" ?(?:{'|'.join(limits['after']) or '(?!)'})", re.IGNORECASE),
        ignored=_word(raw["ignored"]["name"], bounded=bounded),
        words=tuple(
            (table, key, _word(entries, bounded=bounded))
            for table in _WORD_TABLES
            for key, entries in raw[table].items()
        ),
        units=tuple((re.compile(entry, re.IGNORECASE), ucum) for entry, ucum in units),
        side_follows=bool(raw["side_follows"]),
        questions=_keyed(raw["questions"], bounded=bounded),
        asked=_keyed(raw["asked"], bounded=bounded),
        not_asked=_word(raw["not_asked"]["words"], bounded=bounded),
        comparison=_keyed(raw["comparison"], bounded=bounded),
    )


def _keyed(
    table: Mapping[str, list[str]], *, bounded: bool
) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((key, _word(entries, bounded=bounded)) for key, entries in table.items())


def _word(entries: list[str], *, bounded: bool) -> re.Pattern[str]:
    longest_first = "|".join(sorted(entries, key=len, reverse=True))
    pattern = rf"(?<!\w)(?:{longest_first})(?!\w)" if bounded else f"(?:{longest_first})"
    return re.compile(pattern, re.IGNORECASE)


def _without_citations(text: str) -> tuple[str, tuple[str, ...]]:
    """Put a mark in the place of each citation, whose numbers are no values."""
    found = tuple(match[0] for match in _CITATION.finditer(text))
    return _CITATION.sub("⟦source⟧", text), found
