"""Stage 2: the decoder learns to answer from evidence alone, on the report corpus."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worker.model.language.tokenizer import FILE_NAME, Tokenizer
from worker.training.language.answer_loss import AnswerLoss, answer_loss
from worker.training.language.corpus import (
    CORPUS_NAME,
    read_corpus,
    records,
    tokenizer_texts,
    write_corpus,
)
from worker.training.language.parts import LanguageNetwork
from worker.training.language.recipe import CorpusChoice
from worker.training.language.requests import AskedStudy, asked_studies, group_rows
from worker.training.language.tokenizer import train_tokenizer

CORPUS_FOLDER = "corpus"


@dataclass(frozen=True, slots=True)
class TextData:
    """The corpus of a run, as token ids.

    Attributes
    ----------
    hashes
        SHA-256 of the corpus and the tokenizer, for the log.
    """

    tokenizer: Tokenizer
    studies: Sequence[AskedStudy]
    held_out: Sequence[AskedStudy]
    hashes: Mapping[str, str]


def make_corpus(choice: CorpusChoice, work: Path) -> None:
    """Write the corpus and the vocabulary trained on it to ``work/corpus``, where missing."""
    folder = work / CORPUS_FOLDER
    corpus, vocabulary = folder / CORPUS_NAME, folder / FILE_NAME
    if not corpus.exists():
        write_corpus(folder, choice.seed, choice.studies)
    if not vocabulary.exists():
        definition = train_tokenizer(tokenizer_texts(read_corpus(folder)), choice.vocabulary)
        vocabulary.write_text(definition, encoding="utf-8")


def text_data(choice: CorpusChoice, work: Path) -> TextData:
    """Read the corpus and the vocabulary in ``work/corpus``; make what is missing."""
    make_corpus(choice, work)
    corpus, vocabulary = (work / CORPUS_FOLDER / name for name in (CORPUS_NAME, FILE_NAME))
    tokenizer = Tokenizer.from_file(vocabulary)
    held_out = records(choice.held_out_seed, choice.held_out_studies)
    return TextData(
        tokenizer,
        asked_studies(read_corpus(work / CORPUS_FOLDER), tokenizer),
        asked_studies(held_out, tokenizer),
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (corpus, vocabulary)},
    )


class TextStage:
    """Draws studies of the corpus and scores all that is asked about each.

    Parameters
    ----------
    data
        The corpus.
    """

    def __init__(self, data: TextData) -> None:
        self._data = data

    def loss(self, network: LanguageNetwork, rng: np.random.Generator) -> tuple[Tensor, AnswerLoss]:
        """Score one study drawn by chance."""
        drawn = self._data.studies[int(rng.integers(len(self._data.studies)))]
        scored = _score(network, drawn)
        return scored.loss, scored

    def watch(self, network: LanguageNetwork) -> dict[str, float]:
        """Score the held-out studies, each answer token given the right ones before it."""
        with torch.inference_mode():
            scored = [_score(network, study) for study in self._data.held_out]
        n_decisive = sum(one.n_decisive for one in scored)
        return {
            "held_out_loss": sum(float(one.loss) for one in scored) / len(scored),
            "held_out_slots_right": sum(one.n_decisive_right for one in scored) / n_decisive,
        }


def _score(network: LanguageNetwork, study: AskedStudy) -> AnswerLoss:
    ids = torch.tensor([study.evidence])
    embeds = network.decoder.embed_tokens(ids)
    return answer_loss(network.decoder, embeds, torch.ones_like(ids), group_rows(study.rows))
