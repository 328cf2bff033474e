"""The study encoder: region features of every phase and slice become study tokens.

One token per cell (phase, slice). Attention runs along one axis at a time, first over the slices of
a phase, then over the phases of a slice, so that cost grows with phases + slices and not with
their product. A cell without any region is missing: nobody looks at it and its token is zero.

References
----------
Ho et al., Axial Attention in Multidimensional Transformers, arXiv:1912.12180.
"""

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from worker.training.language.layers import (
    Attention,
    AttentionSettings,
    FeedForward,
    FourierFeatures,
    RMSNorm,
)

# A slice counts as outside the ventricle, basal, mid or apical.
N_LEVELS = 4
# Distance from the base in mm, and as a share of the ventricle's length.
N_POSITIONS = 2
_LONGEST_VENTRICLE_MM = 128.0
_SMALLEST_SPREAD = 1e-3
_N_HARMONICS = 4


class StudyEncoderSettings(AttentionSettings):
    """Sizes of a study encoder."""

    n_regions: int = Field(gt=0)
    n_features: int = Field(gt=0)


class StudyEncoder(nn.Module):
    """Region features to study tokens.

    Features come in their own units; `fit_scale` makes them comparable before training.

    Parameters
    ----------
    settings
        Sizes; ``n_regions`` and ``n_features`` are those of the features that it will be given.
    """

    feature_mean: Tensor
    feature_spread: Tensor

    def __init__(self, settings: StudyEncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        width, n_regions = settings.width, settings.n_regions
        spread = settings.n_features**-0.5
        self.register_buffer("feature_mean", torch.zeros(n_regions, settings.n_features))
        self.register_buffer("feature_spread", torch.ones(n_regions, settings.n_features))
        self.region_weight = nn.Parameter(torch.randn(n_regions, settings.n_features, width))
        self.region_weight.data.mul_(spread)
        self.region_there = nn.Parameter(torch.zeros(n_regions, width))
        self.region_missing = nn.Parameter(torch.zeros(n_regions, width))
        self.level = nn.Embedding(N_LEVELS, width)
        self.position = FourierFeatures()
        self.position_proj = nn.Linear(N_POSITIONS * self.position.n_features, width)
        self.phase_proj = nn.Linear(2 * _N_HARMONICS, width)
        self.layers = nn.ModuleList(AxialBlock(settings) for _ in range(settings.n_layers))
        self.norm = RMSNorm(width)

    @property
    def width(self) -> int:
        """Width of the study tokens."""
        return self.settings.width

    def has_scale(self) -> bool:
        """Tell whether `fit_scale` was called, here or before the weights were saved."""
        return bool((self.feature_spread != 1).any())

    @torch.no_grad()
    def fit_scale(self, features: Tensor, region_mask: Tensor) -> None:
        """Take mean and spread of the studies to be learnt from; shapes as in `forward`."""
        for region in range(self.settings.n_regions):
            known = features[..., region, :][region_mask[..., region].bool()]
            if len(known) > 1:
                self.feature_mean[region] = known.mean(dim=0)
                self.feature_spread[region] = known.std(dim=0).clamp(min=_SMALLEST_SPREAD)

    def forward(
        self,
        features: Tensor,
        region_mask: Tensor,
        phase_share: Tensor,
        slice_position: Tensor,
        level: Tensor,
    ) -> Tensor:
        """Encode studies.

        Parameters
        ----------
        features
            ``[batch, phase, slice, region, feature]``; what the mask leaves out may be anything.
        region_mask
            int64 ``[batch, phase, slice, region]``: 1 where the region is in the image. A padded
            phase or slice has no region.
        phase_share
            ``[batch, phase]``: time after R as a share of the R-R interval.
        slice_position
            ``[batch, slice, 2]``: distance from the base in mm, and as a share of the ventricle's
            length.
        level
            int64 ``[batch, slice]``: 0 outside, 1 basal, 2 mid, 3 apical.

        Returns
        -------
        torch.Tensor
            Study tokens ``[batch, phase x slice, width]``, phase by phase; see `cell_mask`.
        """
        there = region_mask.bool()[..., None]
        scaled = (features - self.feature_mean) / self.feature_spread
        known = torch.where(there, scaled, 0.0)
        values = torch.einsum("bpsrf,rfw->bpsw", known, self.region_weight)
        about = torch.where(there, self.region_there, self.region_missing).sum(dim=3)
        tokens = values + about + self._place(phase_share, slice_position, level)
        cells = region_mask.bool().any(dim=3)
        for layer in self.layers:
            tokens = layer(tokens, cells)
        tokens = torch.where(cells[..., None], self.norm(tokens), 0.0)
        return tokens.flatten(1, 2)

    def _place(self, phase_share: Tensor, slice_position: Tensor, level: Tensor) -> Tensor:
        scale = slice_position.new_tensor((1 / _LONGEST_VENTRICLE_MM, 1.0))
        of_slice = self.level(level) + self.position_proj(
            self.position(slice_position * scale).flatten(2)
        )
        orders = torch.arange(1, _N_HARMONICS + 1, device=phase_share.device)
        turns = 2 * math.pi * phase_share[..., None] * orders
        of_phase = self.phase_proj(torch.cat((turns.sin(), turns.cos()), dim=-1))
        place: Tensor = of_phase[:, :, None] + of_slice[:, None]
        return place


class AxialBlock(nn.Module):
    """Attention over slices, then over phases, then a feed-forward layer."""

    def __init__(self, settings: StudyEncoderSettings) -> None:
        super().__init__()
        width, n_heads = settings.width, settings.n_heads
        self.slice_norm = RMSNorm(width)
        self.slice_attention = Attention(width, n_heads)
        self.phase_norm = RMSNorm(width)
        self.phase_attention = Attention(width, n_heads)
        self.feed_forward_norm = RMSNorm(width)
        self.feed_forward = FeedForward(width, settings.feed_forward)

    def forward(self, tokens: Tensor, cells: Tensor) -> Tensor:
        """Map ``[batch, phase, slice, width]`` with bool mask ``[batch, phase, slice]``."""
        tokens = tokens + _along(self.slice_attention, self.slice_norm(tokens), cells)
        turned = self.phase_norm(tokens).transpose(1, 2)
        along_phases = _along(self.phase_attention, turned, cells.transpose(1, 2))
        tokens = tokens + along_phases.transpose(1, 2)
        after: Tensor = tokens + self.feed_forward(self.feed_forward_norm(tokens))
        return after


def cell_mask(region_mask: Tensor) -> Tensor:
    """Which study tokens there are: int64 ``[batch, phase x slice]`` from the regions' mask."""
    return region_mask.bool().any(dim=3).flatten(1).long()


def _along(attention: Attention, tokens: Tensor, cells: Tensor) -> Tensor:
    """Attend within the last but one axis; every row of the first two axes for itself."""
    rows, mask = tokens.flatten(0, 1), cells.flatten(0, 1)
    mixed: Tensor = attention(rows, rows, mask)[0]
    return mixed.reshape(tokens.shape)
