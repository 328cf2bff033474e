"""The connector: study tokens, clinical text and measurements become tokens of the decoder.

Learned queries pool the study tokens by attention and, through a gate, attend to the encoded
clinical text, so that the question of the referring physician can steer what is looked at. The
gates start closed: an untrained connector sees only the images. Each measurement becomes a token of
its own, from its value in its own unit. Which queries stand for which AHA segment is learnt.

References
----------
Alayrac et al., Flamingo, NeurIPS 2022 (resampler, gated cross-attention). Liu et al., Visual
Instruction Tuning, NeurIPS 2023 (LLaVA).
"""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from worker.training.language.layers import (
    Attention,
    AttentionSettings,
    EncoderBlock,
    FeedForward,
    FourierFeatures,
    RMSNorm,
)

INITIAL_SPREAD = 0.02

_N_VALUE_BANDS = 3


class MeasurementScale(BaseModel):
    """A measurement and the value that counts as 1 (in the measurement's unit)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    typical: float = Field(gt=0)


class ConnectorSettings(AttentionSettings):
    """Sizes of a connector.

    ``use_text`` off is the ablation without cross-attention: no query sees any text.
    """

    study_width: int = Field(gt=0)
    decoder_width: int = Field(gt=0)
    n_visual: int = Field(default=32, gt=0)
    n_segments: int = Field(default=17, ge=0)
    maximum_text: int = Field(default=256, gt=0)
    measurements: tuple[MeasurementScale, ...] = ()
    use_text: bool = True


class QueryConnector(nn.Module):
    """Attention pooling with learned queries, gated by the clinical text.

    Parameters
    ----------
    settings
        Sizes and measurements.
    """

    def __init__(self, settings: ConnectorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.use_text = settings.use_text
        width = settings.width
        n_queries = settings.n_visual + settings.n_segments
        self.queries = nn.Parameter(INITIAL_SPREAD * torch.randn(n_queries, width))
        self.text = TextEncoder(settings)
        self.layers = nn.ModuleList(ConnectorBlock(settings) for _ in range(settings.n_layers))
        self.norm = RMSNorm(width)
        self.project = nn.Sequential(
            nn.Linear(width, settings.decoder_width),
            nn.GELU(),
            nn.Linear(settings.decoder_width, settings.decoder_width),
        )
        self.measurement = MeasurementTokens(settings)

    def forward(
        self,
        study_tokens: Tensor,
        study_mask: Tensor,
        text_embeds: Tensor,
        text_mask: Tensor,
        measurement_values: Tensor,
        measurement_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Make decoder tokens.

        Parameters
        ----------
        study_tokens
            ``[batch, item, study_width]``.
        study_mask
            int64 ``[batch, item]``, 0 for cells that are not there.
        text_embeds
            ``[batch, token, decoder_width]``: embedded clinical text, at least one token (masked
            when there is no text), no more than ``maximum_text``.
        text_mask
            int64 ``[batch, token]``.
        measurement_values
            ``[batch, measurement]`` in the order and units of the settings.
        measurement_mask
            int64 ``[batch, measurement]``, 0 for what was not measured.

        Returns
        -------
        tuple of torch.Tensor
            Tokens ``[batch, visual + segment + measurement, decoder_width]``, zero for what was
            not measured; and the attention of the last layer to the study tokens
            ``[batch, visual + segment, item]``, averaged over heads.
        """
        queries = self.queries.expand(study_tokens.shape[0], -1, -1)
        study = study_tokens, study_mask.bool()
        text_there = text_mask.bool() & self.use_text
        text = self.text(text_embeds, text_there), text_there
        weights = study_tokens.new_zeros(())
        for layer in self.layers:
            queries, weights = layer(queries, study, text)
        measured = self.measurement(measurement_values, measurement_mask.bool())
        tokens = torch.cat((self.project(self.norm(queries)), measured), dim=1)
        return tokens, weights.mean(dim=1)

    def token_mask(self, measurement_mask: Tensor) -> Tensor:
        """Which of the tokens there are: int64 ``[batch, visual + segment + measurement]``."""
        always = measurement_mask.new_ones(measurement_mask.shape[0], self.queries.shape[0])
        return torch.cat((always, measurement_mask), dim=1)


class TextEncoder(nn.Module):
    """Clinical text, embedded word by word, to states that know their neighbours."""

    def __init__(self, settings: ConnectorSettings) -> None:
        super().__init__()
        self.project = nn.Linear(settings.decoder_width, settings.width)
        self.position = nn.Embedding(settings.maximum_text, settings.width)
        self.block = EncoderBlock(settings.width, settings.n_heads, settings.feed_forward)
        self.norm = RMSNorm(settings.width)

    def forward(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Map ``[batch, token, decoder_width]`` to ``[batch, token, width]``."""
        places = torch.arange(embeds.shape[1], device=embeds.device)
        states: Tensor = self.norm(self.block(self.project(embeds) + self.position(places), mask))
        return states


class ConnectorBlock(nn.Module):
    """Queries look at the study, then through a gate at the text, then think."""

    def __init__(self, settings: ConnectorSettings) -> None:
        super().__init__()
        width, n_heads = settings.width, settings.n_heads
        self.study_norm = RMSNorm(width)
        self.study_attention = Attention(width, n_heads, settings.study_width)
        self.text_norm = RMSNorm(width)
        self.text_attention = Attention(width, n_heads)
        self.text_gate = nn.Parameter(torch.zeros(()))
        self.feed_forward_norm = RMSNorm(width)
        self.feed_forward = FeedForward(width, settings.feed_forward)

    def forward(
        self, queries: Tensor, study: tuple[Tensor, Tensor], text: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Look at items with their bool masks.

        Returns
        -------
        tuple of torch.Tensor
            The queries after the block and the study weights ``[batch, head, query, item]``.
        """
        seen, weights = self.study_attention(self.study_norm(queries), *study)
        queries = queries + seen
        read, _ = self.text_attention(self.text_norm(queries), *text)
        queries = queries + self.text_gate.tanh() * read
        return queries + self.feed_forward(self.feed_forward_norm(queries)), weights


class MeasurementTokens(nn.Module):
    """Each measured value as one token: Fourier features of the value, read in a way of its own.

    What a value means hangs on which it is, so no two measurements share weights. Long waves only:
    short ones tell the studies that were learnt from apart, not what a value means.
    """

    scales: Tensor

    def __init__(self, settings: ConnectorSettings) -> None:
        super().__init__()
        typical = torch.tensor([entry.typical for entry in settings.measurements])
        self.register_buffer("scales", typical, persistent=False)
        self.fourier = FourierFeatures(_N_VALUE_BANDS)
        self.which = nn.Parameter(INITIAL_SPREAD * torch.randn(len(typical), settings.width))
        n_inputs = self.fourier.n_features
        weight = n_inputs**-0.5 * torch.randn(len(typical), n_inputs, settings.width)
        self.value_weight = nn.Parameter(weight)
        self.project = nn.Sequential(
            nn.GELU(),
            nn.Linear(settings.width, settings.decoder_width),
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Map ``[batch, measurement]`` to ``[batch, measurement, decoder_width]``."""
        scaled = torch.where(mask, values, 0.0) / self.scales
        read = torch.einsum("bmf,mfw->bmw", self.fourier(scaled), self.value_weight)
        tokens = self.project(read + self.which)
        return torch.where(mask[..., None], tokens, 0.0)
