"""The report corpus as token ids: what is read once per study, and the requests that follow it.

All requests about a study, in every language, begin with the same evidence; so a study is one
prefix and many rows behind it. Rows of like length are padded together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from worker.model.language.prompt import Request, evidence_ids, prompt_ids
from worker.model.language.tokenizer import Tokenizer
from worker.training.language.corpus import Record

MINIMUM_FILL = 0.7
"""A row shorter than this share of the longest of its group starts another group."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request with its answer.

    Attributes
    ----------
    ids
        What follows the evidence, the answer and its end token included.
    n_prompt
        How many of them are not answer.
    """

    ids: tuple[int, ...]
    n_prompt: int


@dataclass(frozen=True, slots=True)
class AskedStudy:
    """A study as the decoder reads it: its evidence, and every request about it."""

    evidence: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows padded at their end.

    Attributes
    ----------
    ids, mask
        int64 ``[row, token]``.
    is_answer
        bool ``[row, token]``: tokens that the model is to write.
    """

    ids: Tensor
    mask: Tensor
    is_answer: Tensor


def asked_studies(records: Iterable[Record], tokenizer: Tokenizer) -> list[AskedStudy]:
    """Put the records of each study together; they must follow one another, as in a corpus."""
    studies = []
    for _, own in groupby(records, key=lambda record: record.id.split("-")[0]):
        listed = list(own)
        evidence = evidence_ids(tokenizer, listed[0].evidence)
        rows = tuple(_row(record, len(evidence), tokenizer) for record in listed)
        studies.append(AskedStudy(tuple(evidence), rows))
    return studies


def request_of(record: Record) -> Request:
    """Return the request of a record, as the runtime would make it."""
    return Request(
        language=record.language,
        task=record.task,
        evidence=record.evidence,
        style=record.style,
        history=record.history,
        question=record.question,
    )


def _row(record: Record, n_evidence: int, tokenizer: Tokenizer) -> Row:
    prompt = prompt_ids(tokenizer, request_of(record))[n_evidence:]
    answer = tokenizer.encode(record.target)
    return Row((*prompt, *answer, tokenizer.end_id), len(prompt))


def group_rows(rows: Sequence[Row]) -> list[RowGroup]:
    """Pad rows of like length together, the longest first."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda one: len(one.ids), reverse=True):
        if groups and len(row.ids) >= MINIMUM_FILL * len(groups[-1][0].ids):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_padded(group) for group in groups]


def _padded(rows: Sequence[Row]) -> RowGroup:
    shape = len(rows), len(rows[0].ids)
    ids = torch.zeros(shape, dtype=torch.int64)
    mask = torch.zeros(shape, dtype=torch.int64)
    is_answer = torch.zeros(shape, dtype=torch.bool)
    for index, row in enumerate(rows):
        n = len(row.ids)
        ids[index, :n] = torch.tensor(row.ids)
        mask[index, :n] = 1
        is_answer[index, row.n_prompt : n] = True
    return RowGroup(ids, mask, is_answer)
