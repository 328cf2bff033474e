"""Stages 3 and 4: the connector learns to show studies, then everything learns to recognise them.

Both read the same studies. With the weights of `AlignmentLoss` at 0 only the answers teach (stage
3, the connector behind a frozen decoder); with them, images and reports of a batch are brought
together as well (stage 4, DFAT and DKAM). Every switch of an ablation is an option.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from worker.model.language.categories import Category
from worker.model.language.tokenizer import Tokenizer
from worker.model.regions import SHAPE_FEATURES
from worker.series import Role
from worker.training.language.alignment import AlignmentLoss
from worker.training.language.alignment_data import (
    described,
    finding_vector,
    history_text,
    report_text,
)
from worker.training.language.anchors import AnchorBank
from worker.training.language.answer_loss import AnswerLoss, answer_loss
from worker.training.language.corpus import records_of
from worker.training.language.network import Prefix, StudyTensors, VisionLanguageNetwork
from worker.training.language.requests import AskedStudy, asked_studies, group_rows
from worker.training.language.studies import SampledStudy
from worker.training.language.study_batch import padded_ids, study_tensors
from worker.training.language.study_data import LabelledStudy
from worker.training.language.view_encoder import ViewedStudyEncoder
from worker.volume.types import PatientContext
from worker.volume.views import FURTHER_ROLES

_N_REPORTS = 6


class AlignmentOptions(BaseModel):
    """Options of a stage; the defaults are stage 4 as far as its parts were seen to gain.

    Attributes
    ----------
    batch
        Studies whose images and reports are contrasted in a step.
    patients
        Share of patients in a batch, where there are generated hearts as well.
    answered, rows
        Of how many of them requests are answered in a step, and how many requests of each.
    whole, local, category
        Weights of `AlignmentLoss`. The contrast of images and reports (DFAT; 1 and 0.5 as
        published) is off: networks recognised no better with it.
    described
        Share of studies beside which a few of the seen descriptions that are true of them are
        read, in place of a report. All by default: reports are five times as long and taught less.
    text
        Clinical text that the connector reads: the study's, that of another study, or none. None:
        networks recognised no better with it.
    images, measurements
        Whether the connector is given them.
    views
        Which further views it is given of those that the encoder reads.
    withheld
        Share of studies whose images are withheld in a step, so that what was measured is read too
        and not only what comes along with it in these images.
    regions
        Of the regions' features all, only the pooled maps of the tower, or only the shapes.
    anchors_every
        Steps between two refreshes of the anchors.
    held_out
        A group that is never met: no study, label, sentence or anchor of it (zero-shot trials).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=16, gt=1)
    patients: float = Field(default=0.5, ge=0, le=1)
    answered: int = Field(default=1, ge=0)
    rows: int = Field(default=4, gt=0)
    whole: float = Field(default=0.0, ge=0)
    local: float = Field(default=0.0, ge=0)
    category: float = Field(default=0.5, ge=0)
    described: float = Field(default=1.0, ge=0, le=1)
    text: Literal["own", "shuffled", "none"] = "none"
    images: bool = True
    views: tuple[Role, ...] = FURTHER_ROLES
    measurements: bool = True
    withheld: float = Field(default=0.5, ge=0, le=1)
    regions: Literal["all", "maps", "shapes"] = "all"
    anchors_every: int = Field(default=20, gt=0)
    held_out: str | None = None


class Words(Protocol):
    """What is said about studies, as token ids; tests have one of their own."""

    def report(self, index: int, rng: np.random.Generator) -> Sequence[int]:
        """Return one of a study's reports."""

    def history(self, index: int, rng: np.random.Generator) -> Sequence[int]:
        """Return what a request says."""

    def asked(self, index: int) -> AskedStudy:
        """Return evidence and requests of a study."""

    def description(self, text: str) -> Sequence[int]:
        """Return a category's description as a site would give it."""


class WrittenWords:
    """Words of labelled studies, written by the corpus grammar and kept once made."""

    def __init__(self, studies: Sequence[LabelledStudy], tokenizer: Tokenizer, seed: int) -> None:
        self._studies, self._tokenizer, self._seed = studies, tokenizer, seed
        self._report = lru_cache(maxsize=None)(self._written)
        self._asked = lru_cache(maxsize=None)(self._questioned)

    def report(self, index: int, rng: np.random.Generator) -> Sequence[int]:
        """Return one of a study's reports."""
        return self._report(index, int(rng.integers(_N_REPORTS)))

    def history(self, index: int, rng: np.random.Generator) -> Sequence[int]:
        """Return what a request says."""
        return self._tokenizer.encode_untrusted(history_text(self._studies[index], rng))

    def asked(self, index: int) -> AskedStudy:
        """Return evidence and requests of a study."""
        return self._asked(index)

    def description(self, text: str) -> Sequence[int]:
        """Return a category's description as a site would give it."""
        return self._tokenizer.encode_untrusted(text)

    def _written(self, index: int, number: int) -> Sequence[int]:
        rng = np.random.default_rng([self._seed, index, number])
        return self._tokenizer.encode_untrusted(report_text(self._studies[index], rng))

    def _questioned(self, index: int) -> AskedStudy:
        measured = SampledStudy(
            self._studies[index].kind, PatientContext(), self._studies[index].measured
        )
        (asked,) = asked_studies(records_of(measured, self._seed, index), self._tokenizer)
        return asked


class AlignmentStage:
    """Draws batches of labelled studies and scores them.

    Parameters
    ----------
    studies
        To be learnt from, all of them.
    words
        What is said about them, by their index.
    categories
        Seen categories; a held-out one must not be among them, nor its studies.
    options
        Weights and switches.
    """

    def __init__(
        self,
        studies: Sequence[LabelledStudy],
        words: Words,
        categories: Sequence[Category],
        options: AlignmentOptions,
    ) -> None:
        self.studies, self.options = studies, options
        self._words, self._categories = words, categories
        keys = [one.key for one in categories]
        self._findings = torch.as_tensor(np.stack([finding_vector(s, keys) for s in studies]))
        self._bank: AnchorBank | None = None
        self._n_steps = 0

    def loss(
        self, network: VisionLanguageNetwork, rng: np.random.Generator
    ) -> tuple[Tensor, AnswerLoss]:
        """Draw a batch; return the loss and how the answers were predicted."""
        options = self.options
        chosen = self._drawn(rng)
        prefix = network.prefix(self._tensors(chosen, network.connector.settings.maximum_text, rng))
        loss = network.temperature.log_value.new_zeros(())
        if options.whole or options.local or options.category:
            texts, said = self._read(chosen, rng)
            ids, mask = padded_ids(texts)
            align = AlignmentLoss(options.whole, options.local, options.category)
            loss = align(
                network.features_of(prefix),
                network.text_features(ids, mask),
                self._findings[chosen],
                self._anchors(network),
                network.temperature(),
                said,
            )
        answers = [
            self._answers(network, prefix, place, self._words.asked(chosen[place]), rng)
            for place in range(min(options.answered, len(chosen)))
        ]
        if answers:
            loss = loss + torch.stack([one.loss for one in answers]).mean()
        return loss, AnswerLoss(
            loss,
            sum(one.n_decisive for one in answers),
            sum(one.n_decisive_right for one in answers),
            sum(one.n_tokens for one in answers) + prefix.mask.numel(),
        )

    def _drawn(self, rng: np.random.Generator) -> list[int]:
        """Draw the studies of a batch, each once, in random order."""
        patients = [index for index, one in enumerate(self.studies) if one.cohort == "acdc"]
        others = [index for index, one in enumerate(self.studies) if one.cohort != "acdc"]
        size = min(self.options.batch, len(self.studies))
        wanted = round(size * self.options.patients)
        n_patients = min(len(patients), max(wanted, size - len(others)))
        chosen = [
            *rng.choice(patients, n_patients, replace=False),
            *rng.choice(others, size - n_patients, replace=False),
        ]
        return [int(index) for index in rng.permutation(chosen)]

    def _read(
        self, chosen: Sequence[int], rng: np.random.Generator
    ) -> tuple[list[Sequence[int]], Tensor]:
        """Draw a text about each study; return them with what they speak of."""
        texts, said = [], self._findings[chosen].clone()
        for place, index in enumerate(chosen):
            if rng.random() < self.options.described:
                text, told = described(self.studies[index], self._categories, rng)
                texts.append(self._words.description(text))
                said[place] = torch.from_numpy(told)
            else:
                texts.append(self._words.report(index, rng))
        return texts, said

    def _tensors(
        self, chosen: Sequence[int], maximum_text: int, rng: np.random.Generator
    ) -> StudyTensors:
        texts = [self._words.history(index, rng)[:maximum_text] for index in chosen]
        if self.options.text == "shuffled":
            texts = [*texts[1:], texts[0]]
        batch = tensors_of([self.studies[index] for index in chosen], texts, self.options)
        withheld = rng.random(len(chosen)) < self.options.withheld
        batch.region_mask[torch.as_tensor(withheld, device=batch.region_mask.device)] = 0
        return batch

    def _answers(
        self,
        network: VisionLanguageNetwork,
        prefix: Prefix,
        place: int,
        asked: AskedStudy,
        rng: np.random.Generator,
    ) -> AnswerLoss:
        rows = rng.choice(len(asked.rows), min(self.options.rows, len(asked.rows)), replace=False)
        evidence = torch.tensor([asked.evidence])
        embeds = torch.cat(
            (prefix.embeds[place : place + 1], network.decoder.embed_tokens(evidence)), dim=1
        )
        mask = torch.cat((prefix.mask[place : place + 1], torch.ones_like(evidence)), dim=1)
        groups = group_rows([asked.rows[int(row)] for row in rows])
        return answer_loss(network.decoder, embeds, mask, groups)

    def _anchors(self, network: VisionLanguageNetwork) -> AnchorBank:
        if self._bank is None or self._n_steps % self.options.anchors_every == 0:
            self._bank = read_anchors(network, self._categories, self._words, self._bank)
        self._n_steps += 1
        return self._bank


def tensors_of(
    studies: Sequence[LabelledStudy], texts: Sequence[Sequence[int]], options: AlignmentOptions
) -> StudyTensors:
    """Return a batch without what the options withhold."""
    if options.text == "none":
        texts = [() for _ in studies]
    batch = study_tensors([one.features for one in studies], texts)
    if not options.images:
        batch.region_mask.zero_()
    if batch.views is not None:
        views = batch.views.only(options.views if options.images else ())
        batch = replace(batch, views=views)
    if not options.measurements:
        batch.measurement_mask.zero_()
    n_maps = batch.features.shape[-1] - len(SHAPE_FEATURES)
    if options.regions == "maps":
        batch.features[..., n_maps:] = 0
    if options.regions == "shapes":
        batch.features[..., :n_maps] = 0
    return batch


@torch.no_grad()
def read_anchors(
    network: VisionLanguageNetwork,
    categories: Sequence[Category],
    words: Words,
    bank: AnchorBank | None = None,
) -> AnchorBank:
    """Move the anchors of a bank to what the descriptions sound like now; make it when None."""
    n_features = network.text_heads.whole.out_features
    bank = bank or AnchorBank([one.key for one in categories], n_features)
    for category in categories:
        sides: Mapping[bool, Sequence[str]] = {True: category.present, False: category.absent}
        for present, texts in sides.items():
            ids, mask = padded_ids([words.description(text) for text in texts])
            features = network.text_features(ids, mask).whole
            bank.refresh(category.key, features, present=present)
    return bank


@torch.no_grad()
def fit_scale(network: VisionLanguageNetwork, studies: Sequence[LabelledStudy]) -> None:
    """Give the study encoder the scale of the studies that it will learn from."""
    batch = study_tensors([one.features for one in studies], [() for _ in studies])
    network.encoder.fit_scale(batch.features, batch.region_mask)
    if isinstance(network.encoder, ViewedStudyEncoder) and batch.views is not None:
        network.encoder.views.fit_scale(batch.views)
