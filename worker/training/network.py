"""The segmentation network: a 2D encoder-decoder that sees more than the slice it labels.

The slice and its neighbours in the phase that is asked for, the same at the other end of the beat,
and what was found in the neighbour nearer to mid-ventricle (`worker.model.propagation`).

No batch statistics anywhere (GroupNorm), so one image gives the same answer alone or in a batch.
It knows nothing of spacing, intensities or data; see `worker.model.intensity` and `augment`.

References
----------
Ronneberger et al., U-Net, MICCAI 2015. Wu and He, Group Normalization, ECCV 2018.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.model.propagation import N_GUIDE_CHANNELS

N_CLASSES = 4
N_SLICES = 3
N_PHASES = 2
N_IMAGES = N_PHASES * N_SLICES
N_INPUTS = N_IMAGES + N_GUIDE_CHANNELS
# Level of the decoder whose output describes regions: half the rows and columns.
_FEATURE_LEVEL = 1
_CHANNELS_PER_GROUP = 8


class ConvBlock(nn.Sequential):
    """Convolution 3x3, GroupNorm, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.GroupNorm(max(1, n_out // _CHANNELS_PER_GROUP), n_out),
            nn.LeakyReLU(0.01, inplace=True),
        )


class SegmentationNetwork(nn.Module):
    """U-Net whose finest level is kept light: most of the work happens at half resolution.

    Parameters
    ----------
    channels
        Feature channels from the finest to the coarsest level.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList()
        n_before = N_INPUTS
        for level, n in enumerate(channels):
            blocks = [ConvBlock(n_before, n)] + ([ConvBlock(n, n)] if level else [])
            self.encoders.append(nn.Sequential(*blocks))
            n_before = n
        self.reducers = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for level in range(len(channels) - 2, -1, -1):
            n = channels[level]
            self.reducers.append(nn.Conv2d(channels[level + 1], n, 1))
            blocks = [ConvBlock(2 * n, n)] + ([ConvBlock(n, n)] if level else [])
            self.decoders.append(nn.Sequential(*blocks))
        self.head = nn.Conv2d(channels[0], N_CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores.

        Parameters
        ----------
        images
            ``[batch, 9, row, column]``: slice z-1, z, z+1 of the phase, then the same three of the
            opposite phase (end-systole for phases near end-diastole, end-diastole for others; the
            phase itself where there is no other), scaled by
            `worker.model.intensity.scale_intensities`; then RV cavity, myocardium and LV cavity
            of the neighbouring slice (0 or 1, all 0 where it is not known). Rows and columns are
            multiples of 16.

        Returns
        -------
        torch.Tensor
            Logits ``[batch, 4, row, column]`` (background, RV cavity, LV myocardium, LV cavity).
        """
        return self.scores_and_features(images)[0]

    def scores_and_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class scores, and the features ``[batch, n, row / 2, column / 2]`` they come from."""
        features = images
        skips: list[Tensor] = []
        for level, encoder in enumerate(self.encoders):
            features = encoder(functional.max_pool2d(features, 2) if level else features)
            skips.append(features)
        skips.pop()
        described = features
        for reducer, decoder in zip(self.reducers, self.decoders, strict=True):
            raised = functional.interpolate(reducer(features), scale_factor=2.0, mode="nearest")
            features = decoder(torch.cat((raised, skips.pop()), dim=1))
            if len(skips) == _FEATURE_LEVEL:
                described = features
        return self.head(features), described
