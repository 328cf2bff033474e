"""A language is a file: every sentence, name and unit that a report in it is made of.

Reads ``languages/<code>.toml`` and holds it to the English file: the same keys, and in each
sentence the same places; and to be there only with a lexicon, by which the checker reads what was
said in it. Knows nothing of hearts; ``sentences`` puts the numbers in.
"""

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from plugin.domain.errors import ConfigurationError, Reason

Table = Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language: tables of sentences by key, and the words that are restricted in free text.

    Attributes
    ----------
    code
        Name of the file, such as ``en``.
    tag
        RFC 5646 tag for DICOM PS3.16 TID 1204.
    tables
        Table name to key to sentence with places (``"{name} {number}{unit}"``).
    words
        Term to the beginnings of the words that express it (see ``worker.findings.evidence``).
    """

    code: str
    tag: str
    name: str
    sources: tuple[str, ...]
    tables: Mapping[str, Table]
    words: Mapping[str, tuple[str, ...]]

    def say(self, table: str, key: str, **places: str) -> str:
        """Return a sentence with its places filled.

        Raises
        ------
        KeyError
            If the language has no such sentence or a place is left empty.
        """
        return self.tables[table][key].format_map(places)

    def has(self, table: str, key: str) -> bool:
        """Tell whether the language has a sentence of that key."""
        return key in self.tables[table]

    def read(self, table: str, key: str, sentence: str) -> dict[str, str] | None:
        """Return what stands in the places of a sentence, or None where it is another sentence."""
        match = _pattern(self.tables[table][key]).fullmatch(sentence)
        return None if match is None else match.groupdict()

    def key_of(self, table: str, sentence: str) -> str | None:
        """Return the key under which a sentence without places stands, or None."""
        return next((key for key, text in self.tables[table].items() if text == sentence), None)

    def unit(self, ucum: str) -> str:
        """Return the unit as it follows a number, with the space before it."""
        return self.tables["units"].get(ucum, f" {ucum}")


@cache
def load_language(code: str) -> Language:
    """Read a language that ships.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: there is no such file, or it is not the English file in other words;
        the detail names the first difference.
    """
    language = _parse(code)
    if code != "en":
        _require_same(language, _parse("en"))
    if not _folder().joinpath("checker", "lexicons", f"{code}.toml").is_file():
        detail = f"language file {code}: no checker/lexicons/{code}.toml to read its texts again by"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return language


def languages() -> tuple[str, ...]:
    """Codes of the languages that ship."""
    names = (
        entry.name
        for entry in _folder().joinpath("languages").iterdir()
        if entry.name.endswith(".toml")
    )
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def _parse(code: str) -> Language:
    if code not in languages():
        detail = f"report language {code}: there are {', '.join(languages())}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    file = _folder().joinpath("languages", f"{code}.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    tables = {name: entry for name, entry in raw.items() if isinstance(entry, dict)}
    words = {term: tuple(entries) for term, entries in tables.pop("words").items()}
    sources = tuple(raw["sources"])
    return Language(raw["code"], raw["tag"], raw["name"], sources, tables, words)


def _folder() -> Traversable:
    return resources.files("worker.findings")


def _require_same(language: Language, model: Language) -> None:
    """Compare keys and places with those of the English file."""
    theirs, ours = _outline(model), _outline(language)
    different = sorted(set(theirs.items()) ^ set(ours.items()), key=str)
    if different or language.words.keys() != model.words.keys():
        detail = f"language file {language.code}: {different[0] if different else 'words'}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)


def _outline(language: Language) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (name, key): frozenset(_places(text))
        for name, table in language.tables.items()
        for key, text in table.items()
    }


def _places(text: str) -> list[str]:
    return [field for _, field, _, _ in string.Formatter().parse(text) if field]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = []
    seen: set[str] = set()
    for literal, field, _, _ in string.Formatter().parse(text):
        parts.append(re.escape(literal))
        if field:
            parts.append(f"(?P={field})" if field in seen else f"(?P<{field}>.+?)")
            seen.add(field)
    return re.compile("".join(parts))
