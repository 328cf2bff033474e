"""The phrases that the report grammar can put around slots, as the runtime's closed list.

``python -m worker.training.language.phrases en > worker/findings/phrases/en.toml`` writes the list
of a language. What a language model writes is printed only if it is made of these phrases
(``worker.findings.written``); so a change of the grammar changes the list with it.
"""

import argparse
import json
import re
from collections.abc import Iterator

from worker.findings.language import load_language
from worker.findings.written import pieces_of
from worker.training.language.frames import Frames, load_frames

_RULE = re.compile(r"<(\w+)>")
_PLACE = re.compile(r"\{(\w+)\}")
_PARTS = frozenset({"opener", "place", "join", "tail", "said", "lies"})
_BEHIND_SLOT = re.compile(r"\} ([a-z]+(?:[ '-][a-z]+)*)(?! ?\{| [a-z])")
_GROUPS = {
    "contradiction": "about_history",
    "segment": "greatest",
    "segment_thin": "smallest",
    "differential_none": "no_cause",
    "answer_not_assessed": "no_answer",
    "answer_missing": "no_answer",
    "answer_unknown": "no_answer",
    "limits_one": "not_assessed",
    "limits_two": "not_assessed",
    "limits_three": "not_assessed",
}

_CLAIM_NOTHING = frozenset({"free", "predicate"})


def phrases(code: str) -> dict[str, list[str]]:
    """Return the phrases of a language, sorted, by what they claim.

    ``free`` ones claim nothing; nor do ``governing`` ones, which have a verb and its object behind
    them, and ``predicate`` ones, whose subject is the slot before them.
    """
    frames = load_frames(code)
    words = {
        "side": tuple(load_language(code).tables["sides"].values()),
        "said": tuple(frames.said.values()),
    }
    groups = ("free", "predicate", *_GROUPS.values(), "criterion")
    found: dict[str, set[str]] = {group: set() for group in groups}
    for rule in frames.grammar.keys() - _PARTS:
        for text in _expanded(frames, f"<{rule}>"):
            for sentence in _filled(text, words):
                pieces = pieces_of(_PLACE.sub("[E0]", sentence), code)
                found["predicate"].update(_BEHIND_SLOT.findall(sentence))
                announcing = _before_rule(sentence, code)
                found["criterion"].update(announcing)
                found[_GROUPS.get(rule, "free")].update(pieces - announcing)
    free, governing = found["free"], set(frames.governing)
    found["no_answer"] -= found["not_assessed"]
    claiming = {name: own - free for name, own in found.items() if name not in _CLAIM_NOTHING}
    parts = {"governing": free & governing, "predicate": free & found["predicate"]}
    rest = free.difference(*parts.values())
    return {name: sorted(own) for name, own in {"free": rest, **parts, **claiming}.items()}


def _before_rule(sentence: str, code: str) -> set[str]:
    """Words between the place of a printed rule and the place before it; none without one."""
    before, found, _ = sentence.partition("{r}")
    return pieces_of(_PLACE.split(before)[-1], code) if found else set()


def _expanded(frames: Frames, text: str) -> Iterator[str]:
    match = _RULE.search(text)
    if match is None:
        yield text
        return
    for drawn in dict.fromkeys(frames.grammar[match[1]]):
        yield from _expanded(frames, f"{text[: match.start()]}{drawn}{text[match.end() :]}")


def _filled(text: str, words: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Put each word of the evidence into its place; slots stay places."""
    name = next((name for name in words if f"{{{name}}}" in text), None)
    if name is None:
        yield text
        return
    for word in words[name]:
        yield text.replace(f"{{{name}}}", word)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Print the phrases of a language.")
    parser.add_argument("language")
    code = parser.parse_args().language
    print(f"# Made by: python -m worker.training.language.phrases {code}")  # noqa: T201
    for group, listed in filter(lambda found: found[1], phrases(code).items()):
        lines = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in listed)
        print(f"{group} = [\n{lines},\n]")  # noqa: T201 - the command's answer


if __name__ == "__main__":
    _main()
