"""Tokens that are not words: languages, tasks, styles, marks of recognition, slots of evidence.

Their order is their ids, so it is part of every trained bundle: append, never insert.
"""

from enum import StrEnum

from plugin.domain.evidence import MAXIMUM_FACTS

PAD, UNKNOWN, END = "<pad>", "<unk>", "<end>"
EVIDENCE, HISTORY, QUESTION, ANSWER = "<evidence>", "<history>", "<question>", "<answer>"

N_MARKS = 4
IMAGE_MARKS = tuple(f"<ImgCls{index}>" for index in range(N_MARKS))
TEXT_MARKS = tuple(f"<TxtCls{index}>" for index in range(N_MARKS))
SLOTS = tuple(f"[E{index}]" for index in range(MAXIMUM_FACTS))


class Task(StrEnum):
    """What is asked of the language model."""

    IMPRESSION = "impression"
    EXPLANATION = "explanation"
    DIFFERENTIAL = "differential"
    LIMITS = "limits"
    ANSWER = "answer"


class Style(StrEnum):
    """How it is to write."""

    TERSE = "terse"
    FULL = "full"


LANGUAGES = ("en", "zh")

SPECIAL_TOKENS: tuple[str, ...] = (
    PAD,
    UNKNOWN,
    END,
    EVIDENCE,
    HISTORY,
    QUESTION,
    ANSWER,
    *IMAGE_MARKS,
    *TEXT_MARKS,
    *(f"<{code}>" for code in LANGUAGES),
    *(f"<task:{task.value}>" for task in Task),
    *(f"<style:{style.value}>" for style in Style),
    *SLOTS,
)
