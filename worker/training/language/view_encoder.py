"""Further views beside the short axis: region features of other images become study tokens too.

One token per image (a long axis at one moment of the beat, a slice of late enhancement). What an
image shows differs from view to view, so each has its own scale and its own way from features to
tokens. Images attend to one another; with the short axis the connector brings them together. A
study without further views has masked tokens only, and is read as by the encoder of the short axis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from worker.series import Role
from worker.training.language.layers import EncoderBlock, FourierFeatures, RMSNorm
from worker.training.language.study_encoder import StudyEncoder, StudyEncoderSettings
from worker.volume.views import FURTHER_ROLES

# Distance from the base in mm and as a share of the ventricle's length, cosine to the short axis.
N_VIEW_POSITIONS = 3
_LONGEST_VENTRICLE_MM = 128.0
_SMALLEST_SPREAD = 1e-3
_N_HARMONICS = 4


@dataclass(frozen=True, slots=True)
class ViewTensors:
    """Further images of a batch of studies, padded with images that have no region.

    Attributes
    ----------
    features
        ``[batch, image, region, feature]``; what the mask leaves out may be anything.
    region_mask
        int64 ``[batch, image, region]``: 1 where the region is in the image.
    kind
        int64 ``[batch, image]``: index among `FURTHER_ROLES`.
    phase_share
        ``[batch, image]``: time after R as a share of the R-R interval.
    position
        ``[batch, image, 3]``, see `worker.model.language.vision.ViewFeatures`.
    """

    features: Tensor
    region_mask: Tensor
    kind: Tensor
    phase_share: Tensor
    position: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all of them, in the order in which an encoder is called with them."""
        return self.features, self.region_mask, self.kind, self.phase_share, self.position

    def only(self, roles: Sequence[Role]) -> "ViewTensors":
        """Return the same images with those of other roles masked."""
        wanted = torch.tensor([role in roles for role in FURTHER_ROLES], device=self.kind.device)
        there = wanted[self.kind][..., None] & self.region_mask.bool()
        return ViewTensors(self.features, there.long(), self.kind, self.phase_share, self.position)


class ViewedEncoderSettings(StudyEncoderSettings):
    """Sizes of a study encoder that reads further views; ``views`` are those that it learns."""

    views: tuple[Role, ...] = Field(min_length=1)


class ViewEncoder(nn.Module):
    """Images of further views to tokens."""

    feature_mean: Tensor
    feature_spread: Tensor

    def __init__(self, settings: ViewedEncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        width, n_regions, n_features = settings.width, settings.n_regions, settings.n_features
        sizes = len(FURTHER_ROLES), n_regions, n_features
        self.register_buffer("feature_mean", torch.zeros(sizes))
        self.register_buffer("feature_spread", torch.ones(sizes))
        self.region_weight = nn.Parameter(torch.randn(*sizes, width) * n_features**-0.5)
        self.region_there = nn.Parameter(torch.zeros(n_regions, width))
        self.region_missing = nn.Parameter(torch.zeros(n_regions, width))
        self.kind = nn.Embedding(len(FURTHER_ROLES), width)
        self.position = FourierFeatures()
        self.position_proj = nn.Linear(N_VIEW_POSITIONS * self.position.n_features, width)
        self.phase_proj = nn.Linear(2 * _N_HARMONICS, width)
        self.block = EncoderBlock(width, settings.n_heads, settings.feed_forward)
        self.norm = RMSNorm(width)

    @torch.no_grad()
    def fit_scale(self, views: ViewTensors) -> None:
        """Take mean and spread of every view and region from the studies to be learnt from."""
        for kind in range(len(FURTHER_ROLES)):
            for region in range(self.settings.n_regions):
                there = views.region_mask[..., region].bool() & (views.kind == kind)
                known = views.features[..., region, :][there]
                if len(known) > 1:
                    self.feature_mean[kind, region] = known.mean(dim=0)
                    self.feature_spread[kind, region] = known.std(dim=0).clamp(min=_SMALLEST_SPREAD)

    def forward(
        self,
        features: Tensor,
        region_mask: Tensor,
        kind: Tensor,
        phase_share: Tensor,
        position: Tensor,
    ) -> Tensor:
        """Map what `ViewTensors` holds to tokens ``[batch, image, width]``, zero for no image."""
        there = region_mask.bool()[..., None]
        scaled = (features - self.feature_mean[kind]) / self.feature_spread[kind]
        known = torch.where(there, scaled, 0.0)
        each = torch.einsum("birf,krfw->bikw", known, self.region_weight)
        is_kind = kind[..., None] == torch.arange(len(FURTHER_ROLES), device=kind.device)
        values = (each * is_kind[..., None]).sum(dim=2)
        about = torch.where(there, self.region_there, self.region_missing).sum(dim=2)
        tokens = values + about + self.kind(kind) + self._place(phase_share, position)
        images = region_mask.bool().any(dim=2)
        tokens = self.norm(self.block(tokens, images))
        return torch.where(images[..., None], tokens, 0.0)

    def _place(self, phase_share: Tensor, position: Tensor) -> Tensor:
        scale = position.new_tensor((1 / _LONGEST_VENTRICLE_MM, 1.0, 1.0))
        orders = torch.arange(1, _N_HARMONICS + 1, device=phase_share.device)
        turns = 2 * math.pi * phase_share[..., None] * orders
        of_phase = self.phase_proj(torch.cat((turns.sin(), turns.cos()), dim=-1))
        place: Tensor = of_phase + self.position_proj(self.position(position * scale).flatten(2))
        return place


class ViewedStudyEncoder(nn.Module):
    """A study encoder whose tokens are followed by those of further views.

    Parameters
    ----------
    settings
        Sizes and views; the part for the short axis is a `StudyEncoder` of the same sizes.
    """

    def __init__(self, settings: ViewedEncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = settings.model_dump(exclude={"views"})
        self.short_axis = StudyEncoder(StudyEncoderSettings.model_validate(sizes))
        self.views = ViewEncoder(settings)

    @property
    def width(self) -> int:
        """Width of the study tokens."""
        return self.settings.width

    def has_scale(self) -> bool:
        """Tell whether the short axis was given its scale, see `StudyEncoder.has_scale`."""
        return self.short_axis.has_scale()

    def fit_scale(self, features: Tensor, region_mask: Tensor) -> None:
        """Take the scale of the short axis; that of the views is `ViewEncoder.fit_scale`'s."""
        self.short_axis.fit_scale(features, region_mask)

    def learnt(self, views: ViewTensors | None, features: Tensor) -> ViewTensors:
        """Return the images of a batch that it has learnt; masked ones where there are none.

        Parameters
        ----------
        views
            None where no study of the batch has further images.
        features
            Of the short axis of the same batch.
        """
        if views is not None:
            return views.only(self.settings.views)
        first = features[:, 0, :1]
        n_studies = len(first)
        return ViewTensors(
            features=torch.zeros_like(first),
            region_mask=torch.zeros_like(first[..., 0], dtype=torch.int64),
            kind=first.new_zeros(n_studies, 1, dtype=torch.int64),
            phase_share=first.new_zeros(n_studies, 1),
            position=first.new_zeros(n_studies, 1, N_VIEW_POSITIONS),
        )

    def forward(
        self,
        features: Tensor,
        region_mask: Tensor,
        phase_share: Tensor,
        slice_position: Tensor,
        level: Tensor,
        *views: Tensor,
    ) -> Tensor:
        """Encode studies as `StudyEncoder.forward` does, then one token per further image.

        Parameters
        ----------
        views
            What `ViewTensors` holds, in its order.

        Returns
        -------
        torch.Tensor
            ``[batch, phase x slice + image, width]``.
        """
        cells = self.short_axis(features, region_mask, phase_share, slice_position, level)
        return torch.cat((cells, self.views(*views)), dim=1)
