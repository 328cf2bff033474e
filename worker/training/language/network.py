"""The assembled LLaVA-style network: study encoder, connector, decoder, recognition features.

One causal sequence: image prefix ``[visual, segment and measurement tokens; <ImgCls> tokens]``,
then words. The prefix sees no word, so its keys and values are computed once for any number of
questions, and its recognition features do not depend on what is asked. A report alone, followed by
``<TxtCls>`` tokens, gives text features from the same decoder (DFAT).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.training.language.alignment import Features, Temperature
from worker.training.language.connector import QueryConnector
from worker.training.language.decoder import LlamaDecoder
from worker.training.language.study_encoder import StudyEncoder, cell_mask
from worker.training.language.view_encoder import ViewedStudyEncoder, ViewTensors


@dataclass(frozen=True, slots=True)
class StudyTensors:
    """A batch of studies as the network sees them; shapes in `StudyEncoder` and `QueryConnector`.

    Attributes
    ----------
    text_ids, text_mask
        int64 ``[batch, token]``: clinical text; at least one token, masked when there is no text.
    views
        Further images, where any study of the batch has some.
    """

    features: Tensor
    region_mask: Tensor
    phase_share: Tensor
    slice_position: Tensor
    level: Tensor
    measurement_values: Tensor
    measurement_mask: Tensor
    text_ids: Tensor
    text_mask: Tensor
    views: ViewTensors | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """Vectors that the decoder reads before any word.

    Attributes
    ----------
    embeds
        ``[batch, token, width]``: the connector's tokens, then the image marks.
    mask
        int64 ``[batch, token]``, 0 for measurements that are missing.
    """

    embeds: Tensor
    mask: Tensor


class VisionLanguageNetwork(nn.Module):
    """A study encoder, a connector and a decoder at work together.

    Parameters
    ----------
    encoder, connector, decoder
        The parts, with widths that fit (`parts.PartRegistry.build` checks them).
    image_marks, text_marks
        Token ids of the ``<ImgCls>`` and the ``<TxtCls>`` tokens.
    n_features
        Width of the recognition features.
    """

    image_marks: Tensor
    text_marks: Tensor

    def __init__(
        self,
        encoder: StudyEncoder | ViewedStudyEncoder,
        connector: QueryConnector,
        decoder: LlamaDecoder,
        *,
        image_marks: tuple[int, ...],
        text_marks: tuple[int, ...],
        n_features: int = 128,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.connector = connector
        self.decoder = decoder
        self.register_buffer("image_marks", torch.tensor(image_marks), persistent=False)
        self.register_buffer("text_marks", torch.tensor(text_marks), persistent=False)
        self.image_heads = FeatureHeads(decoder.width, n_features)
        self.text_heads = FeatureHeads(decoder.width, n_features)
        self.temperature = Temperature()

    def prefix(self, studies: StudyTensors) -> Prefix:
        """Encode the studies and their clinical texts."""
        study_tokens, study_mask = self._encoded(studies)
        tokens, _ = self.connector(
            study_tokens,
            study_mask,
            self.decoder.embed_tokens(studies.text_ids),
            studies.text_mask,
            studies.measurement_values,
            studies.measurement_mask,
        )
        mask = self.connector.token_mask(studies.measurement_mask)
        return Prefix(*self._marked(tokens, mask, self.image_marks))

    def _encoded(self, studies: StudyTensors) -> tuple[Tensor, Tensor]:
        """Return study tokens and their mask, those of further views behind the short axis."""
        short_axis = (
            studies.features,
            studies.region_mask,
            studies.phase_share,
            studies.slice_position,
            studies.level,
        )
        cells = cell_mask(studies.region_mask)
        if not isinstance(self.encoder, ViewedStudyEncoder):
            return self.encoder(*short_axis), cells
        views = self.encoder.learnt(studies.views, studies.features)
        images = views.region_mask.bool().any(dim=2).long()
        return self.encoder(*short_axis, *views.tensors()), torch.cat((cells, images), dim=1)

    def forward(
        self, studies: StudyTensors, ids: Tensor, id_mask: Tensor
    ) -> tuple[Tensor, Features]:
        """Read the studies, then words.

        Parameters
        ----------
        studies
            The batch.
        ids, id_mask
            int64 ``[batch, token]``: prompt and answer, padded at the end.

        Returns
        -------
        tuple
            Logits ``[batch, token, vocabulary]``, those at index i predict ``ids[:, i]`` from the
            prefix and the ids before it; and the image features of the studies.
        """
        prefix = self.prefix(studies)
        embeds = torch.cat((prefix.embeds, self.decoder.embed_tokens(ids)), dim=1)
        decoded = self.decoder.read(embeds, torch.cat((prefix.mask, id_mask), dim=1))
        n_prefix = prefix.mask.shape[1]
        logits = decoded.logits[:, n_prefix - 1 : -1]
        return logits, self._image_features(decoded.hidden[:, :n_prefix], prefix.mask)

    def image_features(self, studies: StudyTensors) -> Features:
        """Recognition features of studies, the same that `forward` gives."""
        return self.features_of(self.prefix(studies))

    def features_of(self, prefix: Prefix) -> Features:
        """Recognition features of studies that were encoded."""
        hidden = self.decoder.read_hidden(prefix.embeds, prefix.mask)
        return self._image_features(hidden, prefix.mask)

    def text_features(self, ids: Tensor, id_mask: Tensor) -> Features:
        """Features of reports or category descriptions, read without any study.

        Parameters
        ----------
        ids, id_mask
            int64 ``[batch, token]``; padding may be anywhere.
        """
        embeds, mask = self._marked(self.decoder.embed_tokens(ids), id_mask, self.text_marks)
        hidden = self.decoder.read_hidden(embeds, mask)
        features: Features = self.text_heads(hidden, mask, len(self.text_marks))
        return features

    def _image_features(self, hidden: Tensor, mask: Tensor) -> Features:
        features: Features = self.image_heads(hidden, mask, len(self.image_marks))
        return features

    def _marked(self, embeds: Tensor, mask: Tensor, marks: Tensor) -> tuple[Tensor, Tensor]:
        ends = self.decoder.embed_tokens(marks).expand(embeds.shape[0], -1, -1)
        there = mask.new_ones(ends.shape[:2])
        return torch.cat((embeds, ends), dim=1), torch.cat((mask, there), dim=1)


class FeatureHeads(nn.Module):
    """Global and local recognition features of one modality, from the decoder's hidden states."""

    def __init__(self, width: int, n_features: int) -> None:
        super().__init__()
        self.whole = nn.Linear(width, n_features, bias=False)
        self.local = nn.Linear(width, n_features, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor, n_marks: int) -> Features:
        """Pool and project; the last ``n_marks`` positions are the special tokens.

        Parameters
        ----------
        hidden
            ``[batch, position, width]``.
        mask
            int64 ``[batch, position]``.
        n_marks
            How many special tokens end the sequence.
        """
        own, there = hidden[:, :-n_marks], mask[:, :-n_marks, None].to(hidden.dtype)
        pooled = (own * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
        return Features(
            functional.normalize(self.whole(hidden[:, -n_marks:].mean(dim=1)), dim=-1),
            functional.normalize(self.local(pooled), dim=-1),
        )
