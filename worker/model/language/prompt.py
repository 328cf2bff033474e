"""The words that a language model reads before it writes: task, evidence, history, question.

The evidence is told in a few words per fact (slot, key, number, terms), not in its printed text.
History and question are untrusted: they are bounded and encoded as mere letters.
"""

from dataclasses import dataclass, field

from plugin.domain.evidence import Evidence, Fact
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
    """``[E0]lv_ejection_fraction 34 below left reduced [E1]...``: each fact in a few words."""
    return " ".join(_line(fact) for fact in evidence.facts)


def _line(fact: Fact) -> str:
    certainty = () if fact.certainty is None else (fact.certainty.value,)
    segment = () if fact.segment is None else (f"segment {fact.segment}",)
    words = (fact.key, *segment, fact.number, *fact.terms, *certainty)
    return f"{fact.slot}{' '.join(word for word in words if word)}"


def prompt_ids(tokenizer: Tokenizer, request: Request) -> list[int]:
    """Token ids of a request, up to and including ``<answer>``."""
    ids = tokenizer.encode(
        f"<{request.language}><task:{request.task.value}><style:{request.style.value}>"
        f"{EVIDENCE}{request.evidence}"
    )
    for mark, text, room in (
        (HISTORY, request.history, MAXIMUM_HISTORY_TOKENS),
        (QUESTION, request.question, MAXIMUM_QUESTION_TOKENS),
    ):
        if text:
            ids += [tokenizer.id_of(mark), *tokenizer.encode_untrusted(text)[:room]]
    return [*ids, tokenizer.id_of(ANSWER)]
