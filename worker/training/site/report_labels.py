"""What the text of a hospital's report says about each category: there, not there, or not known.

Reads names, negations and hedges in English and Chinese, clause by clause; a name in a question, an
indication or a family history says nothing of this heart. A category that a report leaves out while
it names another one counts as not there, as labellers of reports do. Nothing of a text leaves this
file but the labels.

References
----------
Irvin et al., CheXpert, AAAI 2019 (mention, negation and uncertainty by rules).
"""

import re
from collections.abc import Mapping, Sequence
from unicodedata import normalize

from worker.clinical.decoding import cut_bytes, decode_start, decode_text
from worker.model.language.categories import Category

PRESENT, ABSENT, UNKNOWN = 1, 0, -1
MAXIMUM_BYTES = 64 * 1024
"""Of a report that are read."""

# A point between digits or after "vs" ends no clause. "But" turns what was said before it.
_CLAUSE_ENDS = re.compile(
    r"(?<!\d)(?<!\bvs)\.|\.(?!\d)(?<!\bvs\.)|[;\n。；！!]|\b(?:but|however)\b|但", re.IGNORECASE
)
_NOT_OF_THIS_HEART = re.compile(
    r"\b(?:indication|reason|question|clinical (?:details|information)|history|family|mother"
    r"|father|brother|sister|screening|referred|request(?:ed)?)\b"
    r"|检查目的|申请|病史|家族|母亲|父亲",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\?|？|\b(?:possib\w*|probab\w*|suspect\w*|suspicious|may|might|could|consider\w*|likely"
    r"|cannot (?:be )?(?:exclude\w*|ruled out)|not (?:be )?excluded|differential|versus|vs"
    r"|borderline|evaluate|query|consistent with either)\b"
    r"|疑|可能|考虑|待排|不除外|不能除外|鉴别",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:no|not|without|absence of|negative for|free of|nor|neither|never|rul\w+ out"
    r"|exclud\w+)\b|无|未见|没有|排除|不支持|否认",
    re.IGNORECASE,
)
_EXCLUDED_BEHIND = re.compile(
    r"\s*(?:is|are|was|were|has been|can be)?\s*(?:excluded|ruled out|absent|unlikely|not (?:seen"
    r"|present|found|confirmed|demonstrated))\b|[^,，]{0,4}(?:已?排除|未见)",
    re.IGNORECASE,
)


def read_text(raw: bytes) -> str:
    """Return the start of a report, in whatever of the usual encodings it was written."""
    if len(raw) > MAXIMUM_BYTES:
        return decode_start(cut_bytes(raw, MAXIMUM_BYTES)).text
    return decode_text(raw.removeprefix(b"\xef\xbb\xbf")).text


def labels_of(text: str, categories: Sequence[Category]) -> Mapping[str, int]:
    """Return what a text says of each category by key; all unknown where it names none as there.

    Contradictions and hedges are unknown.
    """
    clauses = [part for part in _CLAUSE_ENDS.split(normalize("NFKC", text)) if part.strip()]
    said = {one.key: _said(one, clauses) for one in categories}
    if PRESENT not in said.values():
        return {key: ABSENT if label == ABSENT else UNKNOWN for key, label in said.items()}
    return {key: ABSENT if label is None else label for key, label in said.items()}


def _said(category: Category, clauses: Sequence[str]) -> int | None:
    """Return what the clauses say of a category; None where none of them names it."""
    names = _names(category)
    found = {
        _of_mention(clause, mention) for clause in clauses for mention in names.finditer(clause)
    }
    found.discard(None)
    if not found:
        return None
    return found.pop() if len(found) == 1 else UNKNOWN


def _of_mention(clause: str, mention: re.Match[str]) -> int | None:
    before, behind = clause[: mention.start()], clause[mention.end() :]
    if _NOT_OF_THIS_HEART.search(before):
        return None
    if _EXCLUDED_BEHIND.match(behind):
        return ABSENT
    if _HEDGE.search(clause):
        return UNKNOWN
    return ABSENT if _NEGATION.search(before) else PRESENT


def _names(category: Category) -> re.Pattern[str]:
    words = sorted(category.reported or (category.name,), key=len, reverse=True)
    written = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in words)
    return re.compile(rf"(?<![A-Za-z])(?:{written})(?![A-Za-z])", re.IGNORECASE)
