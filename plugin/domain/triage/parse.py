"""From the text of a policy file to a policy, or to sentences that say what is wrong and where.

Knows TOML and the names of keys; what a rule means is ``policy``, whether the rules make sense
together is ``faults``. All problems are collected, so that a person mends them in one go.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.triage.conditions import CONDITIONS, MAKERS, ProblemError, choice, suggestion
from plugin.domain.triage.faults import faults
from plugin.domain.triage.inputs import IncomingPriority, PatientClass
from plugin.domain.triage.policy import (
    Condition,
    FastLane,
    Level,
    Policy,
    Rule,
)

FORMAT = 1
MAXIMUM_CHARACTERS = 100_000

_TOP = ("format", "name", "version", "patient_class", "fast_lane", "rule", "group")
_RULE = ("name", "level", "when", "source")
_GROUP = ("name", "when")
_LANE = ("order_priority", "patient_class")
_LOWER = frozenset({"LOW", "ELECTIVE", "ROUTINE", "MEDIUM", "NORMAL", "NON-URGENT", "NONE"})
_SOURCE = re.compile(r"(?=.*\w)[^\x00-\x1f\x7f]{1,200}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*(rule|group)[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One ``[[rule]]`` or ``[[group]]`` as it was written."""

    kind: str
    raw: Mapping[str, Any]
    line: int

    @property
    def name(self) -> str:
        return str(self.raw.get("name", ""))

    @property
    def place(self) -> str:
        return f"line {self.line}, {self.kind} {self.name or '(without a name)'}"


def parse_policy(text: str) -> Policy:
    """Read a policy and refuse one that cannot do what it says.

    Parameters
    ----------
    text
        TOML; the format is in ``docs/triage.md``.

    Raises
    ------
    ConfigurationError
        ``POLICY_INVALID``; the detail says for every problem in which line, rule and key it is.
    """
    policy, problems = _read(text)
    if problems:
        raise ConfigurationError(Reason.POLICY_INVALID, "; ".join(problems))
    return policy


def problems_of(text: str) -> tuple[str, ...]:
    """Return what is wrong with a policy, one sentence for every place; empty when it is usable."""
    return _read(text)[1]


def _read(text: str) -> tuple[Policy, tuple[str, ...]]:
    reader = _Reader(text)
    policy = reader.read()
    return policy, tuple(reader.problems or faults(policy))


class _Reader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.problems: list[str] = []
        self._groups: dict[str, _Entry] = {}
        self._resolved: dict[str, tuple[Condition, ...]] = {}

    def read(self) -> Policy:
        raw = self._toml()
        self._keys("", raw, _TOP)
        if not self.problems and raw.get("format") != FORMAT:
            self.problems.append(f"key format: must be {FORMAT}")
        rules, groups = self._entries(raw, "rule"), self._entries(raw, "group")
        self._groups = {entry.name: entry for entry in groups}
        self._names(rules, groups)
        read = [rule for entry in rules if (rule := self._rule(entry)) is not None]
        self._unused_groups(rules)
        self.problems = list(dict.fromkeys(self.problems))
        return Policy(
            self._label(raw, "name"),
            self._label(raw, "version"),
            hashlib.sha256(self._text.encode("utf-8", "replace")).hexdigest(),
            tuple(read),
            self._places(raw.get("patient_class", {})),
            self._lane(raw.get("fast_lane", {})),
        )

    def _toml(self) -> dict[str, Any]:
        if len(self._text) > MAXIMUM_CHARACTERS:
            self.problems.append(f"longer than {MAXIMUM_CHARACTERS} characters")
            return {}
        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            self.problems.append(f"not TOML: {error}")
        except RecursionError:
            self.problems.append("not TOML: nested too deep")
        return {}

    def _entries(self, raw: Mapping[str, Any], kind: str) -> list[_Entry]:
        written = raw.get(kind, [])
        if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
            self.problems.append(f"key {kind}: write each one under [[{kind}]]")
            return []
        lines = [
            self._text.count("\n", 0, match.start()) + 1
            for match in _HEADER.finditer(self._text)
            if match[1] == kind
        ]
        lines += [0] * (len(written) - len(lines))
        return [_Entry(kind, one, line) for one, line in zip(written, lines, strict=False)]

    def _names(self, rules: list[_Entry], groups: list[_Entry]) -> None:
        seen: dict[str, _Entry] = {}
        for entry in (*groups, *rules):
            self._keys(entry.place, entry.raw, _RULE if entry.kind == "rule" else _GROUP)
            if not _NAME.fullmatch(entry.name):
                what = "1 to 64 letters, digits, dots, dashes or underscores"
                self.problems.append(f"{entry.place}, key name: must be {what}")
            elif entry.name in seen:
                self.problems.append(
                    f"{entry.place}: the name is taken by {seen[entry.name].place}"
                )
            seen[entry.name] = entry

    def _unused_groups(self, rules: list[_Entry]) -> None:
        """Find groups that no rule refers to, itself or by another group; also circles of them."""
        used: set[str] = set()
        waiting = [name for entry in rules for name in _referred(entry)]
        while waiting:
            name = waiting.pop()
            if name in self._groups and name not in used:
                used.add(name)
                waiting += _referred(self._groups[name])
        for entry in self._groups.values():
            tuple(self._conditions(entry, ()))
            if entry.name and entry.name not in used:
                self.problems.append(f"{entry.place}: unreachable, no rule refers to it")

    def _rule(self, entry: _Entry) -> Rule | None:
        try:
            level = self._level(entry.raw.get("level"))
        except ProblemError as problem:
            self.problems.append(f"{entry.place}, key level: {problem}")
            level = None
        source = entry.raw.get("source")
        if not isinstance(source, str) or not _SOURCE.fullmatch(source):
            self.problems.append(
                f"{entry.place}, key source: say in one line of at most 200 characters where the "
                "rule comes from; everybody sees it beside a promoted study"
            )
        conditions = tuple(dict.fromkeys(self._conditions(entry, ())))
        if level is None or not conditions:
            return None
        return Rule(entry.name, level, conditions, str(source).strip(), entry.line)

    def _level(self, written: object) -> Level:
        if isinstance(written, str) and written.upper() in _LOWER:
            message = (
                f"{written} does not exist here: a policy only promotes (STAT, URGENT) or asks for "
                "a look (REVIEW); a study that meets no rule keeps its place"
            )
            raise ProblemError(message)
        return choice(Level, written)

    def _conditions(self, entry: _Entry, path: tuple[str, ...]) -> Iterator[Condition]:
        """Yield the conditions of a rule or group with those of the groups it refers to."""
        written = entry.raw.get("when")
        if not isinstance(written, list) or not written:
            self.problems.append(f"{entry.place}, key when: a list of at least one condition")
            return
        for number, raw in enumerate(written, start=1):
            place = f"{entry.place}, condition {number}"
            try:
                if isinstance(raw, dict) and set(raw) == {"group"}:
                    yield from self._group(str(raw["group"]), place, (*path, entry.name))
                else:
                    yield self._condition(raw, place)
            except ProblemError as problem:
                self.problems.append(f"{place}: {problem}")

    def _group(self, name: str, place: str, path: tuple[str, ...]) -> Iterator[Condition]:
        group = self._groups.get(name)
        if group is None:
            message = f"there is no group {name!r}{suggestion(name, self._groups)}"
            raise ProblemError(message)
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            message = f"the groups refer to each other in a circle: {circle}"
            raise ProblemError(message)
        if name not in self._resolved:
            self._resolved[name] = tuple(dict.fromkeys(self._conditions(group, path)))
        yield from self._resolved[name]

    def _condition(self, raw: object, place: str) -> Condition:
        if not isinstance(raw, dict):
            message = "write a condition as { ... }"
            raise ProblemError(message)
        about = [key for key in CONDITIONS if key in raw]
        if len(about) != 1:
            typo = next((s for key in raw if (s := suggestion(key, CONDITIONS))), "")
            message = f"must be about one of {', '.join(CONDITIONS)}{typo}"
            raise ProblemError(message)
        kind = about[0]
        self._keys(place, raw, (kind, *CONDITIONS[kind]))
        return MAKERS[kind](raw)

    def _keys(self, place: str, raw: Mapping[str, Any], known: Collection[str]) -> None:
        before = f"{place}, " if place else ""
        for key in raw:
            if key not in known:
                self.problems.append(f"{before}key {key}: unknown{suggestion(key, known)}")

    def _label(self, raw: Mapping[str, Any], key: str) -> str:
        value = raw.get(key)
        if raw and (not isinstance(value, str) or not value.strip() or len(value) > 64):  # noqa: PLR2004
            self.problems.append(f"key {key}: 1 to 64 characters of text")
        return str(value).strip()

    def _places(self, raw: object) -> dict[PatientClass, tuple[str, ...]]:
        if not isinstance(raw, dict):
            self.problems.append("key patient_class: write it as [patient_class]")
            return {}
        self._keys("[patient_class]", raw, list(PatientClass))
        places: dict[PatientClass, tuple[str, ...]] = {}
        for key, words in raw.items():
            if not isinstance(words, list) or not all(
                isinstance(word, str) and any(c.isalnum() for c in word) for word in words
            ):
                self.problems.append(f"[patient_class], key {key}: a list of words or names")
            elif key in set(PatientClass):
                places[PatientClass(key)] = tuple(words)
        return places

    def _lane(self, raw: object) -> FastLane:
        if not isinstance(raw, dict):
            self.problems.append("key fast_lane: write it as [fast_lane]")
            return FastLane()
        self._keys("[fast_lane]", raw, _LANE)
        try:
            priority = raw.get("order_priority")
            return FastLane(
                None if priority is None else choice(IncomingPriority, priority),
                frozenset(choice(PatientClass, one) for one in raw.get("patient_class", [])),
            )
        except ProblemError as problem:
            self.problems.append(f"[fast_lane]: {problem}")
            return FastLane()


def _referred(entry: _Entry) -> Iterator[str]:
    written = entry.raw.get("when")
    for raw in written if isinstance(written, list) else ():
        if isinstance(raw, dict) and "group" in raw:
            yield str(raw["group"])
