"""The words that a language model reads before it writes: evidence, history, task, question.

What several requests share comes first, so that it is read once: the evidence is the same in every
language, the history the same for every task. The evidence is told in a few words per fact (slot,
key, number, terms, what it rests on), not in its printed text. History and question are untrusted:
they are bounded and encoded as mere letters.
"""

from dataclasses import dataclass, field

from plugin.domain.evidence import Evidence, Fact, FactKind
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vocabulary import ANSWER, EVIDENCE, HISTORY, QUESTION, Style, Task

MAXIMUM_HISTORY_TOKENS = 256
MAXIMUM_QUESTION_TOKENS = 96


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked about which evidence.

    Attributes
    ----------
    evidence
        As ``describe`` writes it.
    history, question
        Text from outside, never logged; a longer one is cut.
    """

    language: str
    task: Task
    evidence: str
    style: Style = Style.TERSE
    history: str = field(default="", repr=False)
    question: str = field(default="", repr=False)


def describe(evidence: Evidence) -> str:
    """``[E0]lv_ejection_fraction 34 below left reduced[E1]...``: each fact in a few words.

    What the pattern resembles is another estimate, which the model neither reads nor words.
    """
    return "".join(_line(fact) for fact in evidence.facts if fact.kind is not FactKind.PATTERN)


def _line(fact: Fact) -> str:
    certainty = () if fact.certainty is None else (fact.certainty.value,)
    segment = () if fact.segment is None else (f"segment {fact.segment}",)
    rule = ("rule",) if fact.kind is FactKind.RULE else ()
    words = (fact.key, *segment, fact.number, *fact.terms, *certainty, *rule)
    told = f"{fact.slot}{' '.join(word for word in words if word)}"
    if fact.basis and not rule:
        told += f" by{''.join(f'[{one}]' for one in fact.basis)}"
    return told


def prompt_ids(tokenizer: Tokenizer, request: Request) -> list[int]:
    """Token ids of a request: what its study shares, then what is asked, up to ``<answer>``."""
    return [*study_ids(tokenizer, request), *task_ids(tokenizer, request)]


def study_ids(tokenizer: Tokenizer, request: Request) -> list[int]:
    """Token ids of evidence, language and history: the same for every task about one study."""
    ids = [*evidence_ids(tokenizer, request.evidence), tokenizer.id_of(f"<{request.language}>")]
    return [*ids, *_outside(tokenizer, HISTORY, request.history, MAXIMUM_HISTORY_TOKENS)]


def evidence_ids(tokenizer: Tokenizer, evidence: str) -> list[int]:
    """Token ids of evidence, as ``describe`` writes it: the same in every language."""
    return tokenizer.encode(f"{EVIDENCE}{evidence}")


def task_ids(tokenizer: Tokenizer, request: Request) -> list[int]:
    """Token ids of task, style and question, up to and including ``<answer>``."""
    ids = tokenizer.encode(f"<task:{request.task.value}><style:{request.style.value}>")
    ids += _outside(tokenizer, QUESTION, request.question, MAXIMUM_QUESTION_TOKENS)
    return [*ids, tokenizer.id_of(ANSWER)]


def _outside(tokenizer: Tokenizer, mark: str, text: str, room: int) -> list[int]:
    """Return a mark and the first tokens of a text from outside; nothing where there is none."""
    return [tokenizer.id_of(mark), *tokenizer.encode_untrusted(text)[:room]] if text else []
