"""Building blocks that the study encoder, the connector and the decoder share.

They know widths and masks, nothing of hearts or words.

References
----------
Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202 (SwiGLU). Tancik et al., Fourier
Features Let Networks Learn High Frequency Functions, NeurIPS 2020. Zhang and Sennrich, Root Mean
Square Layer Normalization, NeurIPS 2019.
"""

import math
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

NORM_EPSILON = 1e-5


class AttentionSettings(BaseModel):
    """Sizes of a stack of attention blocks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(default=128, gt=0)
    n_layers: int = Field(default=2, gt=0)
    n_heads: int = Field(default=4, gt=0)
    feed_forward: int = Field(default=256, gt=0)

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.n_heads:
            msg = "width must be a multiple of n_heads"
            raise ValueError(msg)
        return self


class RMSNorm(nn.Module):
    """Scale each vector to unit root mean square, then by learnt weights.

    Divides by the square root, where `torch.nn.RMSNorm` multiplies by its reciprocal: the same
    numbers, but a form that onnxruntime recognises and runs as one operator.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, hidden: Tensor) -> Tensor:
        """Map ``[..., width]`` to the same shape."""
        mean_square = hidden.pow(2).mean(dim=-1, keepdim=True)
        return self.weight * (hidden / torch.sqrt(mean_square + NORM_EPSILON))


class FeedForward(nn.Module):
    """SwiGLU: ``down(silu(gate(x)) * up(x))``, gate and up in one matrix, no bias."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(width, 2 * inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map ``[..., width]`` to ``[..., width]``, each position for itself."""
        gate, up = self.gate_up_proj(hidden).chunk(2, dim=-1)
        down: Tensor = self.down_proj(functional.silu(gate) * up)
        return down


class Attention(nn.Module):
    """Multi-head attention of queries to a set; a query with nothing to attend to gets zeros.

    Parameters
    ----------
    width
        Width of queries and output; a multiple of ``n_heads``.
    source_width
        Width of the set, ``width`` when not given.
    """

    def __init__(self, width: int, n_heads: int, source_width: int | None = None) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query_proj = nn.Linear(width, width, bias=False)
        self.key_value_proj = nn.Linear(source_width or width, 2 * width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, queries: Tensor, source: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend.

        Parameters
        ----------
        queries
            ``[batch, query, width]``.
        source
            ``[batch, item, source_width]``; what is masked must still be finite.
        mask
            bool ``[batch, item]``, False for items that are not there.

        Returns
        -------
        tuple of torch.Tensor
            ``[batch, query, width]`` and the weights ``[batch, head, query, item]``, which sum to
            1 over the items that are there, or are all 0 where there is none.
        """
        q = self._heads(self.query_proj(queries))
        k, v = (self._heads(part) for part in self.key_value_proj(source).chunk(2, dim=-1))
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        there = mask[:, None, None, :]
        lowest = torch.finfo(scores.dtype).min
        weights = torch.softmax(torch.where(there, scores, lowest), dim=-1) * there
        mixed = (weights @ v).transpose(1, 2).flatten(2)
        return self.out_proj(mixed), weights

    def _heads(self, flat: Tensor) -> Tensor:
        n_batch, n_items, width = flat.shape
        return flat.reshape(n_batch, n_items, self.n_heads, width // self.n_heads).transpose(1, 2)


class EncoderBlock(nn.Module):
    """Pre-norm transformer block without causality: every item sees every item that is there."""

    def __init__(self, width: int, n_heads: int, feed_forward: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(width)
        self.attention = Attention(width, n_heads)
        self.feed_forward_norm = RMSNorm(width)
        self.feed_forward = FeedForward(width, feed_forward)

    def forward(self, items: Tensor, mask: Tensor) -> Tensor:
        """Map ``[batch, item, width]`` with bool mask ``[batch, item]`` to the same shape."""
        normed = self.attention_norm(items)
        items = items + self.attention(normed, normed, mask)[0]
        after: Tensor = items + self.feed_forward(self.feed_forward_norm(items))
        return after


class FourierFeatures(nn.Module):
    """A number as itself and as sines and cosines of wavelength 4, 2, 1, 1/2, ...

    Numbers should be scaled to about -1..1: the longest wave then tells large from small, the
    shortest (``4 / 2 ** (n_bands - 1)``) tells neighbours apart.
    """

    frequencies: Tensor

    def __init__(self, n_bands: int = 8) -> None:
        super().__init__()
        self.n_features = 1 + 2 * n_bands
        waves = math.pi / 2 * 2.0 ** torch.arange(n_bands, dtype=torch.float32)
        self.register_buffer("frequencies", waves, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Map ``[...]`` to ``[..., n_features]``."""
        angles = values[..., None] * self.frequencies
        return torch.cat((values[..., None], angles.sin(), angles.cos()), dim=-1)
