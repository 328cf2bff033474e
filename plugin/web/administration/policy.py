"""The triage policy: checked with its lines, tried on past studies, activated, rolled back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plugin.domain.triage import (
    condition_words,
    default_policy_text,
    parse_policy,
    problems_of,
)
from plugin.web.administration.card import Card, Shown, whole
from plugin.web.site import Site
from plugin.web.visitor import Change

_N_CHANGES_SHOWN = 50
_LINE = re.compile(r"\bline (\d+)")
_NAMED = re.compile(r"'([^']+)'|\bkey (\w+)|\bcondition (\d+)")
_HEADER = re.compile(r"[ \t]*\[")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a policy, and the line that it is about, where it is about one."""

    sentence: str
    number: int | None
    line: str


def _show(site: Site) -> Shown:
    policies = site.registry.policies
    current = policies.current()
    policy = policies.in_force()
    return {
        "policy": policy,
        "current": current,
        "history": policies.history(limit=10),
        "text": default_policy_text() if current is None else current.text,
        "rules": [
            (rule, " and ".join(condition_words(one) for one in rule.reasons()))
            for rule in policy.rules
        ],
        "problems": None,
        "tried": None,
        "simulated": None,
    }


def _check(_site: Site, change: Change) -> Shown:
    """Say what is wrong with a text, or that nothing is."""
    text = text_of(change)
    return {"text": text, "problems": problems_in(text)}


def _simulate(site: Site, change: Change) -> Shown:
    """Decide about past results again, as another policy would."""
    text = text_of(change)
    problems = problems_in(text)
    if problems:
        return {"text": text, "problems": problems}
    tried = parse_policy(text)
    simulated = site.registry.triage.replay(tried)
    return {
        "text": text,
        "problems": [],
        "tried": tried,
        "simulated": simulated,
        "shown_changes": simulated.changed[:_N_CHANGES_SHOWN],
    }


def _activate(site: Site, change: Change) -> Shown | None:
    text = text_of(change)
    problems = problems_in(text)
    if problems:
        return {"text": text, "problems": problems}
    policies = site.registry.policies
    policies.activate(text, change.visitor.name, expected_id=whole(change, "expected") or 0)
    return None


def _roll_back(site: Site, change: Change) -> None:
    expected = whole(change, "expected")
    site.registry.policies.rollback(change.visitor.name, expected_id=expected)


def text_of(change: Change) -> str:
    """Return the text of a form with the line ends of a file."""
    return change.form.get("text", "").replace("\r\n", "\n")


def problems_in(text: str) -> list[Problem]:
    """Return what is wrong with a policy, each with the line that it names."""
    lines = text.split("\n")
    found = []
    for sentence in problems_of(text):
        named = _LINE.search(sentence)
        number = _line_of(sentence, lines, int(named[1])) if named else None
        line = lines[number - 1] if number else ""
        found.append(Problem(sentence, number, line.strip()[:200]))
    return found


def _line_of(sentence: str, lines: Sequence[str], first: int) -> int | None:
    """Return the line of an entry that a sentence is about; its first one when that is not clear.

    Parameters
    ----------
    first
        Of the entry (``[[rule]]``), counted from 1, as the sentence names it.
    """
    if not 0 < first <= len(lines):
        return None
    end = first
    while end < len(lines) and not _HEADER.match(lines[end]):
        end += 1
    for quoted, key, condition in _NAMED.findall(sentence):
        word = quoted or key or (condition and "when")
        for number in range(first, end + 1):
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lines[number - 1]):
                return number
    return first


def _keep(change: Change) -> Shown:
    """Show again what somebody wrote when it could not be put into force."""
    return {"text": text_of(change)} if "text" in change.form else {}


CARD = Card(
    "policy",
    "Triage policy",
    _show,
    {"check": _check, "simulate": _simulate, "activate": _activate, "rollback": _roll_back},
    _keep,
)
