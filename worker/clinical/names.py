"""Known names in free text: ``DOE^JOHN``, John Doe, Doe, J., 王小明, ヤマダ タロウ.

Finds the names that the headers carry, word by word and without regard to case, accents and order.
A name that is also a usual word (Long, White, Young) counts only beside another name, else every
"long axis" of a Mr Long would go. Names that the headers do not carry: ``worker.clinical.redact``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

from worker.clinical.people import Name

_FIELD_WORDS = """
patient anonymous anon anonymized unknown test volunteer subject phantom demo sample name male
female man woman boy girl admin user operator technician tech radiology research heart cardiac
cardiology cor herz left right links rechts long short axis rest stress mass wall apex base cine
mri cmr mrt flow scan study exam view chamber lge map mapping function septal lateral anterior
inferior basal mid apical normal pain chest murmur angina stent valve block
"""
_OTHER_WORDS = """
young old strong stark white black brown green gray grey gross klein lang kurz jung alt weiss
schwarz roth braun grand petit blanc noir may march april june august summer winter day king kaiser
hand arm foot bone back neck head power good best great small little low high and the for with und
der die das mit les per via will can has had who not out new now all one two
"""
FIELD_WORDS = frozenset(_FIELD_WORDS.split())
"""What the name fields of phantoms and anonymised studies say, and words of cardiac imaging."""
USUAL_WORDS = FIELD_WORDS | frozenset(_OTHER_WORDS.split())
"""Words that are names as well, in English, German and French."""
PARTICLES = frozenset(
    {"von", "van", "der", "den", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "el"}
    | {"al", "bin", "ben", "ibn", "abu", "ter", "ten", "zu", "zur", "af", "st"}
)
"""Parts of a name that count only beside the rest of it."""
TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "md", "phd", "jr", "sr", "med"})
"""What name fields hold besides names; never a name, because MR and MS are also diagnoses."""
_SHORTEST_ALONE = 3
_SPELLED_APART = 6
_TRANSLITERATED = 5
_GAP = re.compile(r"[\s,.^_\-'’]{1,3}")
_WORD = re.compile(r"[a-z\u00b5-\u02af\u0370-\u052f\u0590-\u06ff]+")
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af々]")
_KATAKANA = re.compile("[\u30a0-\u30ff]+")
_HONORIFICS = (
    "先生|女士|小姐|医生|醫生|医师|醫師|医師|大夫|主任|教授|技师|技師|さん|様|殿|君|氏|씨|님"
)
_LATIN_EXTRA = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "þ": "th", "ß": "ss"}
)
_TRANSLITERATIONS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
_GERMAN = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("å"): "aa"}

Span = tuple[int, int]


class _Kind(IntEnum):
    """How much a word is worth as a name."""

    OTHER = 0
    PARTICLE = 1
    INITIAL = 2
    USUAL = 3
    SHORT = 4
    NAME = 5


class _Word(NamedTuple):
    folded: str
    start: int
    end: int
    kind: _Kind


class KnownNames:
    """The names to look for; made once per study.

    Parameters
    ----------
    names
        Of patient, relatives, physicians and operators, as the headers carry them.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        names = tuple(names)
        words = {folded for name in names for word in name.words for folded in spellings(word)}
        words = {word for word in words if _WORD.fullmatch(word)} - PARTICLES - TITLES
        self._usual = words & USUAL_WORDS
        self._short = {word for word in words - USUAL_WORDS if 1 < len(word) < _SHORTEST_ALONE}
        self._strong = {word for word in words - USUAL_WORDS if len(word) >= _SHORTEST_ALONE}
        self._initials = {word[0] for word in words}
        self._strong |= {joined for name in names for joined in _joined(name)}
        self._pairs = {pair for name in names for pair in _usual_pairs(name)}
        self._east_asian = _east_asian_pattern(names)

    def find(self, text: str) -> list[Span]:
        """Return the spans of names in ``text``, in order, none touching another."""
        found = [match.span() for match in self._east_asian.finditer(text)]
        found += self._latin_spans(text)
        merged: list[Span] = []
        for start, end in sorted(found):
            if merged and (start <= merged[-1][1] or _GAP.fullmatch(text, merged[-1][1], start)):
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _latin_spans(self, text: str) -> list[Span]:
        words = list(self._words(text))
        beside = [
            _GAP.fullmatch(text, before.end, after.start) is not None
            for before, after in pairwise(words)
        ]
        named = [word.kind is _Kind.NAME for word in words]
        for first in range(len(beside)):
            if beside[first]:
                length = self._name_length(words[first : first + 3], beside[first : first + 2])
                named[first : first + length] = [True] * length
        _spread(words, beside, named)
        return [
            (word.start, word.end + _is_abbreviated(word, text))
            for word, is_name in zip(words, named, strict=True)
            if is_name
        ]

    def _name_length(self, words: list[_Word], beside: list[bool]) -> int:
        """Return how many words from the first on are a name only together, 0 if none."""
        length = 0
        if self._is_pair(words[0], words[1]) or self._is_spelled_apart(words[:2]):
            length = 2
        if len(words) > 2 and all(beside) and self._is_spelled_apart(words):  # noqa: PLR2004
            length = 3
        return length

    def _is_spelled_apart(self, words: list[_Word]) -> bool:
        """Tell whether the words joined are a name: Xiao Ming for XIAOMING."""
        joined = "".join(word.folded for word in words)
        return len(joined) >= _SPELLED_APART and joined in self._strong

    def _is_pair(self, first: _Word, second: _Word) -> bool:
        kinds = {first.kind, second.kind}
        if kinds <= {_Kind.SHORT, _Kind.INITIAL} and _Kind.SHORT in kinds:
            return True
        if kinds == {_Kind.USUAL, _Kind.INITIAL}:
            return True
        return (first.folded, second.folded) in self._pairs

    def _words(self, text: str) -> Iterator[_Word]:
        folded, offsets = _fold_with_offsets(text)
        for match in _WORD.finditer(folded):
            start, end = offsets[match.start()], offsets[match.end() - 1] + 1
            yield _Word(match[0], start, end, self._kind(match[0], text[start:end]))

    def _kind(self, folded: str, written: str) -> _Kind:
        if folded in self._strong:
            return _Kind.NAME
        if folded in self._short:
            return _Kind.NAME if written.istitle() else _Kind.SHORT
        if folded in self._usual:
            return _Kind.USUAL
        if len(folded) == 1 and folded in self._initials and written.isupper():
            return _Kind.INITIAL
        return _Kind.PARTICLE if folded in PARTICLES else _Kind.OTHER


def _is_abbreviated(word: _Word, text: str) -> bool:
    """Tell whether a point that belongs to an initial follows."""
    return word.kind is _Kind.INITIAL and text[word.end : word.end + 1] == "."


def _spread(words: list[_Word], beside: list[bool], named: list[bool]) -> None:
    """Take words that may be a name beside one that is: forwards, then backwards."""
    last = len(words) - 1
    for index in [*range(1, last + 1), *range(last, 0, -1)]:
        if beside[index - 1] and named[index - 1] != named[index]:
            other = index if named[index - 1] else index - 1
            named[other] = words[other].kind is not _Kind.OTHER


def fold(text: str) -> str:
    """Lower case without accents; letters of other alphabets stay."""
    return _fold_with_offsets(text)[0]


def spellings(word: str) -> set[str]:
    """Return a name's folded spellings: Müller is Muller or Mueller, Mueller is Muller."""
    plain = fold(word)
    found = {plain, fold(word.lower().translate(_GERMAN))}
    if len(plain) >= _TRANSLITERATED:
        found |= {plain.replace(long, short) for long, short in _TRANSLITERATIONS}
    return {one for one in found if one}


def _fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, where it was in ``text``."""
    pieces: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        folded = character if character.isascii() else _without_accent(character)
        folded = folded.casefold().translate(_LATIN_EXTRA)
        pieces.append(folded)
        offsets += [position] * len(folded)
    return "".join(pieces), offsets


def _without_accent(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    return decomposed[0] if decomposed[0].isascii() and decomposed[0].isalpha() else character


def _joined(name: Name) -> Iterator[str]:
    """Yield what a name looks like without spaces: JohnDoe, DoeJohn, VanDerBerg."""
    if USUAL_WORDS.issuperset(map(fold, name.words)):
        return
    family, given = fold("".join(name.family)), fold("".join(name.given))
    first = fold(name.given[0]) if name.given else ""
    together = (family + given, given + family, family + first, first + family) if first else ()
    for joined in (*together, family, given):
        if len(joined) > _SHORTEST_ALONE and joined not in USUAL_WORDS and _WORD.fullmatch(joined):
            yield joined


def _usual_pairs(name: Name) -> Iterator[tuple[str, str]]:
    """Yield the two orders of a full name that is made of usual words only (Mr Long White)."""
    if name.family and name.given:
        family, given = fold(name.family[-1]), fold(name.given[0])
        if family != given and not {family, given} <= FIELD_WORDS:
            yield from ((family, given), (given, family))


def _east_asian_pattern(names: Iterable[Name]) -> re.Pattern[str]:
    found: set[str] = set()
    for name in names:
        family, given = "".join(name.family), "".join(name.given)
        if _EAST_ASIAN.search(family + given):
            found.update(_east_asian_forms(family, given))
    longest_first = sorted(found, key=lambda form: (-len(form), form))
    return re.compile("|".join(longest_first) or r"(?!)")


def _east_asian_forms(family: str, given: str) -> Iterator[str]:
    """Yield patterns of a name; one character alone is too common a word, except with a title."""
    if not (family and given):
        whole = family or given
        if len(whole) > 1:
            yield _bounded(whole)
        # Without a mark between them: one character of family name, rarely two.
        family, given = (
            (whole[:2], whole[2:]) if len(whole) > _SHORTEST_ALONE else (whole[:1], whole[1:])
        )
    gap = r"[\s·・,、^]{0,3}"
    if family and given:
        yield f"{re.escape(family)}{gap}{re.escape(given)}"
        yield f"{re.escape(given)}{gap}{re.escape(family)}"
    for part in (family, given):
        if len(part) > 1:
            yield _bounded(part)
    if family:
        yield rf"{re.escape(family)}(?={gap}(?:{_HONORIFICS}))"


def _bounded(word: str) -> str:
    """Keep a kana name from being found inside a longer word; two kana are no name alone."""
    if _KATAKANA.fullmatch(word):
        return rf"(?<![\u30a0-\u30ff]){re.escape(word)}(?![\u30a0-\u30ff])"
    if all("\u3040" <= character <= "\u309f" for character in word) and len(word) < _SHORTEST_ALONE:
        return r"(?!)"
    return re.escape(word)
