"""Random views of labelled slices: geometry per image, then intensities for the whole batch.

Every output pixel is sampled once, straight from the original pixel grid, so any spacing goes in
and the one asked for comes out. It does not choose which slices are shown; see `batches`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly images are varied (probabilities per image, ranges uniform unless named)."""

    rotation_deg: float = 30.0
    full_circle: float = 0.25
    scale_low: float = 0.75
    scale_high: float = 1.3
    mirror: float = 0.1
    stretch: float = 0.1
    elastic: float = 0.5
    elastic_mm: float = 5.0
    intensity: float = 0.85
    remap: float = 0.15
    blur: float = 0.2
    coarsen: float = 0.15
    noise: float = 0.4
    noise_max: float = 0.1
    occlusion: float = 0.05


def sampling_grid(
    size: int,
    spacing_mm: float,
    source_shape: tuple[int, int],
    source_spacing_mm: tuple[float, float],
    centre_px: tuple[float, float],
    strength: Augmentation,
    generator: torch.Generator,
) -> Tensor:
    """Grid for `torch.nn.functional.grid_sample` around a point of the source image.

    Parameters
    ----------
    size, spacing_mm
        Rows and columns of the view, and its pixel size.
    source_shape, source_spacing_mm
        Rows and columns of the source and their spacing.
    centre_px
        Row and column of the source that the view is centred on.

    Returns
    -------
    torch.Tensor
        ``[1, size, size, 2]`` (x, y), ``align_corners=False``.
    """

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    whole_circle = draw(0, 1) < strength.full_circle
    angle = math.radians(draw(-180, 180) if whole_circle else draw(-1, 1) * strength.rotation_deg)
    scale = 1 / math.exp(draw(math.log(strength.scale_low), math.log(strength.scale_high)))
    aspect = math.exp(draw(-1, 1) * strength.stretch / 2)
    flip = -1.0 if draw(0, 1) < strength.mirror else 1.0
    axis = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2) * spacing_mm
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    if draw(0, 1) < strength.elastic:
        knots = int(draw(3, 8))
        coarse = torch.rand((1, 2, knots, knots), generator=generator) * 2 - 1
        amplitude = draw(0, strength.elastic_mm) * 4.0 / knots
        shift = functional.interpolate(
            coarse * amplitude, size=(size, size), mode="bicubic", align_corners=True
        )[0]
        y, x = y + shift[0], x + shift[1]
    x, y = flip * scale * aspect * x, scale / aspect * y
    cos, sin = math.cos(angle), math.sin(angle)
    columns = centre_px[1] + (cos * x - sin * y) / source_spacing_mm[1]
    rows = centre_px[0] + (sin * x + cos * y) / source_spacing_mm[0]
    grid_x = (2 * columns + 1) / source_shape[1] - 1
    grid_y = (2 * rows + 1) / source_shape[0] - 1
    return torch.stack((grid_x, grid_y), dim=-1)[None]


def vary_intensities(images: Tensor, strength: Augmentation, generator: torch.Generator) -> Tensor:
    """Vary contrast, brightness, coil bias, sharpness and noise of scaled images.

    Parameters
    ----------
    images
        ``[batch, 3, row, column]`` in [0, 1.5]; the three slices of one image vary together,
        except for the noise.

    Returns
    -------
    torch.Tensor
        Same shape, clipped to [0, 1.5].
    """
    n = images.shape[0]

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand((n, 1, 1, 1), generator=generator)

    def chosen(probability: float) -> Tensor:
        return torch.rand((n, 1, 1, 1), generator=generator) < probability

    varied = images.clamp_min(1e-4).pow(torch.exp(draw(-0.5, 0.5)))
    varied = varied * torch.exp(draw(-0.35, 0.35)) + draw(-0.12, 0.12) * (images > 0)
    varied = varied * _bias_field(images, generator)
    result = torch.where(chosen(strength.intensity), varied, images)
    remapped = chosen(strength.remap)
    if bool(remapped.any()):
        result = torch.where(remapped, _remap(result, generator), result)
    blurred = chosen(strength.blur)
    if bool(blurred.any()):
        sharpness = draw(-0.6, 1.0)
        smooth = functional.avg_pool2d(result, 3, stride=1, padding=1, count_include_pad=False)
        result = torch.where(blurred, result + sharpness * (smooth - result), result)
    coarse = chosen(strength.coarsen)
    if bool(coarse.any()):
        factor = 0.5 + 0.4 * float(torch.rand((), generator=generator))
        small = functional.interpolate(
            result, scale_factor=factor, mode="bilinear", antialias=True, align_corners=False
        )
        back = functional.interpolate(
            small, size=result.shape[-2:], mode="bilinear", align_corners=False
        )
        result = torch.where(coarse, back, result)
    sigma = draw(0.0, strength.noise_max) * chosen(strength.noise)
    result = result + sigma * torch.randn(result.shape, generator=generator)
    return result.clamp(0.0, 1.5)


def _bias_field(images: Tensor, generator: torch.Generator) -> Tensor:
    n = images.shape[0]
    knots = torch.randn((n, 1, 3, 3), generator=generator) * 0.25
    field = functional.interpolate(
        knots, size=images.shape[-2:], mode="bicubic", align_corners=True
    )
    return torch.exp(field)


def _remap(images: Tensor, generator: torch.Generator) -> Tensor:
    """Apply a random rising curve to each image: another sequence's contrast."""
    n, n_knots = images.shape[0], 6
    steps = torch.rand((n, n_knots), generator=generator) + 0.15
    curve = torch.cat((torch.zeros(n, 1), torch.cumsum(steps, dim=1)), dim=1)
    curve = curve / curve[:, -1:]
    position = (images / 1.5).clamp(0, 1) * n_knots
    lower = position.floor().clamp(max=n_knots - 1)
    index = lower.long().reshape(n, -1)
    low = torch.gather(curve, 1, index).reshape(images.shape)
    high = torch.gather(curve, 1, index + 1).reshape(images.shape)
    return 1.5 * (low + (position - lower) * (high - low))
