"""What the text of a hospital's report says about each category: there, not there, or not known.

Reads names, negations and hedges in English and Chinese, clause by clause; a name in a question, an
indication or a family history says nothing of this heart, and one in the patient's own history
leaves open whether it is still there. A category that a report leaves out while it names another
one counts as not there, as labellers of reports do. Nothing of a text leaves this file but the
labels.

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
_UNCLEAR = -2  # Unknown by these words alone: whatever else the report says counts instead.

# A point between digits or after "vs" ends no clause. "But" turns what was said before it.
_CLAUSE_ENDS = re.compile(
    r"(?<!\d)(?<!\bvs)\.|\.(?!\d)(?<!\bvs\.)|[;\n。；！!]|\b(?:but|however)\b|但", re.IGNORECASE
)
_NOT_OF_THIS_HEART = re.compile(
    r"\b(?:indication|reason|question|clinical (?:details|information)|family|mother"
    r"|father|brother|sister|screening|referred|request(?:ed)?)\b"
    r"|检查目的|申请|家族|母亲|父亲",
    re.IGNORECASE,
)
_HISTORY = re.compile(r"\s*(?:\bhistory\b|病史|既往)", re.IGNORECASE)
_HEDGE = re.compile(
    r"\?|？|\b(?:possib\w*|probab\w*|suspect\w*|suspicious|may|might|could|consider\w*|likely"
    r"|cannot (?:be )?(?:exclude\w*|ruled out)|not (?:be )?excluded|differential|versus|vs"
    r"|borderline|evaluate|query|consistent with either)\b"
    r"|疑|可能|考虑|待排|不除外|不能除外|鉴别",
    re.IGNORECASE,
)
_NEGATES_NOTHING = (
    r"no\s+(?:doubt|(?:(?:significant|interval)\s+)*change)\b|(?:无|未见)(?:明显|显著)?变化"
)
_NEGATION = re.compile(
    rf"(?!{_NEGATES_NOTHING})"
    r"(?:\b(?:no|not|without|absence of|negative for|free of|nor|neither|never|rul\w+ out"
    r"|exclud\w+)\b|无|未见|没有|排除|不支持|否认)",
    re.IGNORECASE,
)
_OR = r"(?:\b(?:or|nor)\b|或)"
_AFFIRMATION = re.compile(r"\b(?:with|suggest\w*|diagnos\w*|known)\b|符合|提示|诊断", re.IGNORECASE)
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
    words = [word for one in categories for word in _words(one)]
    to_or = re.compile(rf"(?:\s*,\s*{_any_of(words)})*\s*,?\s*{_OR}", re.IGNORECASE)
    said = {one.key: _said(one, clauses, to_or) for one in categories}
    if PRESENT not in said.values():
        return {key: ABSENT if label == ABSENT else UNKNOWN for key, label in said.items()}
    return {key: ABSENT if label is None else label for key, label in said.items()}


def _said(category: Category, clauses: Sequence[str], to_or: re.Pattern[str]) -> int | None:
    """Return what the clauses say of a category; None where none of them names it.

    Parameters
    ----------
    to_or
        Matches the rest of a list of names up to its "or".
    """
    names = re.compile(_any_of(_words(category)), re.IGNORECASE)
    found = {
        _of_mention(clause, mention, to_or)
        for clause in clauses
        for mention in names.finditer(clause)
    }
    clear = found - {None, _UNCLEAR}
    if not clear:
        return UNKNOWN if _UNCLEAR in found else None
    return clear.pop() if len(clear) == 1 else UNKNOWN


def _of_mention(clause: str, mention: re.Match[str], to_or: re.Pattern[str]) -> int | None:
    before, behind = clause[: mention.start()], clause[mention.end() :]
    if _NOT_OF_THIS_HEART.search(before):
        return None
    if _EXCLUDED_BEHIND.match(behind):
        label = ABSENT
    elif _HEDGE.search(clause):
        label = UNKNOWN
    else:
        label = _of_negation(before, behind, to_or)
    if _HISTORY.search(before) or _HISTORY.match(behind):
        return None if label == ABSENT else _UNCLEAR
    return label


def _of_negation(before: str, behind: str, to_or: re.Pattern[str]) -> int:
    """Return what the last negation before a name makes of it.

    Over a comma it reaches only in a list that comes to an "or": "no thrombus, oedema or
    infarction". What "no enhancement, dilated cardiomyopathy" says, no rule of commas can tell.
    """
    negations = list(_NEGATION.finditer(before))
    if not negations:
        return PRESENT
    _, comma, item = before[negations[-1].end() :].rpartition(",")
    if not comma:
        return ABSENT
    listed = re.search(_OR, item, re.IGNORECASE) or to_or.match(behind)
    return ABSENT if listed and not _AFFIRMATION.search(item) else _UNCLEAR


def _words(category: Category) -> Sequence[str]:
    return category.reported or (category.name,)


def _any_of(words: Sequence[str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    written = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in longest_first)
    return rf"(?<![A-Za-z])(?:{written})(?![A-Za-z])"
