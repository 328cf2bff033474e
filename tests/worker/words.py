"""A small corpus and the vocabulary trained on it, made once per test run."""

from functools import cache

from plugin.domain.evidence import Evidence
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.constraints import Vocabulary
from worker.model.language.tokenizer import Tokenizer
from worker.training.language.corpus import Record, records, study_of, tokenizer_texts
from worker.training.language.tokenizer import train_tokenizer

SEED, N_STUDIES = 1, 8


@cache
def corpus() -> tuple[Record, ...]:
    return tuple(records(SEED, N_STUDIES))


@cache
def definition() -> str:
    return train_tokenizer(tokenizer_texts(corpus()), 1500)


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer(definition())


@cache
def evidence(index: int, code: str) -> Evidence:
    return make_evidence(study_of(SEED, index).assessment, load_language(code))


@cache
def vocabulary(code: str) -> Vocabulary:
    return Vocabulary(tokenizer(), evidence(0, code).restricted)


def of_record(record: Record) -> Evidence:
    return evidence(int(record.id.split("-")[0]), record.language)
