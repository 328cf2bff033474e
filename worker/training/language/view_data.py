"""Long axes and late enhancement of generated hearts, as loading their series would give them.

Knows how further views are drawn for training: the heart lies a little elsewhere in every
breath-hold, not every study has every view, and what is enhanced follows no kind of heart. How they
become DICOM is the business of `worker.phantom`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.model.grid import Grid
from worker.model.intensity import scale_intensities
from worker.model.regions import pool_regions
from worker.model.resample import Float32Array
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.phantom.cine import PhantomCine
from worker.phantom.companions import (
    LONG_AXIS_DEG,
    late_enhancement_picture,
    long_axis_picture,
)
from worker.phantom.pictures import Picture, SeriesKind, SlicePose
from worker.phantom.scar import sample_scar
from worker.series import Role
from worker.volume.types import CineStack, Float64Array
from worker.volume.views import ViewImage

ROLE_OF_SERIES = {
    SeriesKind.TWO_CHAMBER: Role.TWO_CHAMBER_CINE,
    SeriesKind.THREE_CHAMBER: Role.THREE_CHAMBER_CINE,
    SeriesKind.FOUR_CHAMBER: Role.FOUR_CHAMBER_CINE,
    SeriesKind.LGE: Role.LGE,
}
APART_MM = 2.0
"""Standard deviation of where the heart lies from breath-hold to breath-hold, along each axis."""

_ACQUIRED = 0.85
_N_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Making:
    """How generated hearts are made into studies.

    Attributes
    ----------
    views
        With long axes and late enhancement.
    true_contours
        With the tower's features under the true contours, much quicker; for trials of what reads
        the features only.
    """

    views: bool = False
    true_contours: bool = False


AS_ANALYSED = Making()


@dataclass(frozen=True, slots=True)
class Further:
    """Further images of a generated heart.

    Attributes
    ----------
    enhanced
        Whether late enhancement shows a scar; None where it was not acquired.
    """

    images: tuple[ViewImage, ...]
    enhanced: bool | None


def draw_further(cine: PhantomCine, rng: np.random.Generator) -> Further:
    """Draw which further views a study has, and image them; each is left out now and then."""
    scar = sample_scar(cine.heart, rng)
    images: list[ViewImage] = []
    for kind in LONG_AXIS_DEG:
        if rng.random() < _ACQUIRED:
            images += images_of(long_axis_picture(cine, kind, rng, APART_MM))
    is_late = rng.random() < _ACQUIRED
    if is_late:
        images += images_of(late_enhancement_picture(cine, rng, scar, APART_MM))
    return Further(tuple(images), scar is not None if is_late else None)


def images_of(picture: Picture) -> list[ViewImage]:
    """Return every image of a generated series."""
    times_ms = picture.trigger_times_ms
    shares = np.zeros(picture.n_phases) if times_ms is None else times_ms / picture.rr_interval_ms
    return [
        ViewImage(
            ROLE_OF_SERIES[picture.kind],
            picture.pixels[phase, index].astype(np.float32),
            _affine(pose, picture.pixel_spacing_mm),
            float(shares[phase]),
        )
        for phase in range(picture.n_phases)
        for index, pose in enumerate(picture.poses)
    ]


def _affine(pose: SlicePose, spacing_mm: tuple[float, float]) -> Float64Array:
    affine = np.eye(4)
    affine[:3, 0] = pose.row_cosines * spacing_mm[1]
    affine[:3, 1] = pose.column_cosines * spacing_mm[0]
    affine[:3, 2] = np.cross(pose.row_cosines, pose.column_cosines)
    affine[:3, 3] = pose.position_mm
    return affine


def true_segmentation(
    tower: SegmentationTower, stack: CineStack, labels: npt.NDArray[np.uint8]
) -> Segmentation:
    """Return the true contours with the tower's features under them.

    Ten times as quick as segmenting, for trials of what reads the features; it says nothing of how
    well the tower contours.
    """
    spacing_mm = tower.bundle.manifest.image.spacing_mm
    grid = Grid.of(stack, spacing_mm)
    images = grid.to_network(scale_intensities(stack.pixels))
    regions: list[Float32Array] = []
    for phase, shown in zip(labels, images, strict=True):
        maps = tower.feature_maps(shown)
        if maps is None:
            msg = "the bundle's tower gives no features"
            raise ValueError(msg)
        one_hot = (phase[:, None] == np.arange(_N_CLASSES)[:, None, None]).astype(np.float32)
        regions.append(pool_regions(grid.to_network(one_hot), maps, spacing_mm))
    return Segmentation(labels, np.ones(labels.shape[:2], np.float32), np.stack(regions))
