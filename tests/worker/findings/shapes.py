"""Stacks of labels from generated hearts and from simple shapes, for the tests of findings."""

from functools import cache

import numpy as np

from worker.model.types import Segmentation
from worker.phantom.anatomy import Heart
from worker.phantom.heart import sample_heart
from worker.volume.types import CineStack, FrameReference


def frames(n_phases, n_slices):
    return tuple(
        tuple(FrameReference("1.2", f"1.2.{p}.{s}", "1.3") for s in range(n_slices))
        for p in range(n_phases)
    )


def stack_of(labels, affine, *, origins=None, rr_interval_ms=900.0):
    """Make a stack whose pixels play no part; geometry as given."""
    n_phases, n_slices = labels.shape[:2]
    if origins is None:
        origins = affine[:3, 3] + np.arange(n_slices)[:, None] * affine[:3, 2]
    return CineStack(
        pixels=np.zeros(labels.shape, np.float32),
        affine=affine,
        slice_origins_mm=np.asarray(origins, np.float64),
        trigger_times_ms=np.arange(n_phases) * (rr_interval_ms or 900.0) / n_phases,
        frames=frames(n_phases, n_slices),
        frame_of_reference_uid="1.2.3",
        rr_interval_ms=rr_interval_ms,
    )


def segmentation_of(labels):
    return Segmentation(labels, np.full(labels.shape[:2], 0.95, np.float32))


@cache
def heart_of(kind="healthy", seed=1) -> Heart:
    return sample_heart(kind, np.random.default_rng(seed))


@cache
def heart_study(
    kind="healthy", seed=1, *, n_phases=12, spacing_mm=8.0, pixel_mm=1.6, size=96, above_mm=12.0
):
    """Labels and stack of a generated heart, base first, usual short-axis picture."""
    heart = heart_of(kind, seed)
    lateral, inferior, apex = heart.placement.axes
    n_slices = int((heart.shape.length_mm + above_mm + 16.0) // spacing_mm) + 1
    corner = (
        heart.placement.origin_mm
        - above_mm * apex
        - (lateral * 0.6 + inferior * 0.5) * size * pixel_mm
    )
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = lateral * pixel_mm, inferior * pixel_mm
    affine[:3, 2], affine[:3, 3] = apex * spacing_mm, corner
    grid = np.stack(
        np.meshgrid(np.arange(n_slices), np.arange(size), np.arange(size), indexing="ij")[::-1],
        axis=-1,
    ).astype(np.float64)
    points = grid @ affine[:3, :3].T + affine[:3, 3]
    labels = np.stack([heart.labels(points, p / n_phases) for p in range(n_phases)])
    return labels, stack_of(labels, affine, rr_interval_ms=heart.rr_interval_ms)


def ring_labels(size, endo_mm, epi_mm, pixel_mm, *, shift_mm=(0.0, 0.0), aspect=1.0):
    """One slice with a ring of myocardium; distances along an ellipse's axes with ``aspect``."""
    row, column = np.mgrid[:size, :size] * pixel_mm
    middle = (size - 1) / 2 * pixel_mm
    x, y = column - middle - shift_mm[0], row - middle - shift_mm[1]
    labels = np.zeros((size, size), np.uint8)
    labels[np.hypot(x / aspect, y) <= epi_mm] = 2
    labels[np.hypot(x / aspect, y) <= endo_mm] = 3
    return labels
