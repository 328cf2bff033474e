"""Further views as the study encoder reads them: the same regions, seen in other images.

The contours of the short-axis cine, laid onto the plane of another image, tell which of its pixels
are cavity, wall, right ventricle and surroundings; features of the vision tower are pooled over
them as over a slice of the cine. Nothing is contoured or measured in these images. Their series and
headers are not known here (`worker.volume.views`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from plugin.domain.findings import Assessment
from worker.bundle import Bundle
from worker.model.grid import Grid
from worker.model.intensity import scale_intensities
from worker.model.language.study import left_ventricle_mm, phase_shares, phases_read
from worker.model.language.vision import ViewFeatures
from worker.model.regions import REGIONS, pool_regions
from worker.model.types import Segmentation
from worker.series import ClassifiedSeries, Role
from worker.volume.types import CineStack
from worker.volume.views import FURTHER_ROLES, HeartPlace, ViewImage, ViewReading, read_views

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_N_CLASSES = 4
_LEFT = (2, 3)
_WALL = REGIONS.index("myocardium")


class ImageEncoder(Protocol):
    """What gives feature maps of single images; the vision tower does."""

    bundle: Bundle

    def feature_maps(self, images: Float32Array) -> Float32Array | None:
        """Return ``[image, map, row / 2, column / 2]`` of images at the network's pixel size."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FurtherViews:
    """What was read beside the short axis.

    Attributes
    ----------
    features
        None where no image could be read.
    readings
        What became of each series.
    """

    features: ViewFeatures | None = None
    readings: tuple[ViewReading, ...] = ()


def learnt_views(bundle: Bundle) -> tuple[Role, ...]:
    """Return the views that a bundle reads beside the short axis; most read none."""
    language = bundle.manifest.language
    return () if language is None else tuple(map(Role, language.views))


def further_views(
    series: Sequence[ClassifiedSeries],
    stack: CineStack,
    segmentation: Segmentation,
    assessment: Assessment,
    encoder: ImageEncoder,
) -> FurtherViews:
    """Read the series of a study that the encoder's bundle has learnt to read.

    Raises
    ------
    ModelError
        The runtime failed.
    """
    place = heart_place(stack, segmentation, assessment)
    if place is None:
        return FurtherViews()
    images, readings = read_views(series, place, learnt_views(encoder.bundle))
    features = view_features(images, stack, segmentation, assessment, encoder)
    return FurtherViews(features, readings)


def heart_place(
    stack: CineStack, segmentation: Segmentation, assessment: Assessment
) -> HeartPlace | None:
    """Return where the left ventricle lies and which moments are read; None without contours."""
    at = np.argwhere(np.isin(segmentation.labels[assessment.ed_phase], _LEFT))
    if not len(at):
        return None
    points_mm = stack.slice_origins_mm[at[:, 0]] + at[:, 2:0:-1] @ stack.affine[:3, :2].T
    centre_mm = points_mm.mean(axis=0)
    reach_mm = float(np.linalg.norm(points_mm - centre_mm, axis=1).max())
    shares = phase_shares(stack)[list(phases_read(assessment, stack.n_phases))]
    return HeartPlace(centre_mm, reach_mm, tuple(map(float, shares)), stack.frame_of_reference_uid)


def view_features(
    images: Sequence[ViewImage],
    stack: CineStack,
    segmentation: Segmentation,
    assessment: Assessment,
    encoder: ImageEncoder,
) -> ViewFeatures | None:
    """Return what the study encoder reads of further images; None where it can read none of them.

    Parameters
    ----------
    images
        Of the same patient and frame of reference as the stack.
    stack, segmentation, assessment
        The short-axis cine, and what was found in it.
    encoder
        Of the same bundle.
    """
    place = heart_place(stack, segmentation, assessment)
    ventricle = left_ventricle_mm(stack, segmentation, assessment)
    if place is None or ventricle is None or not images:
        return None
    image = encoder.bundle.manifest.image
    contours = _Contours(stack, segmentation)
    windows = [
        _Window(one, place.centre_mm, image.spacing_mm, round(image.view_mm / image.spacing_mm))
        for one in images
    ]
    maps = encoder.feature_maps(_scaled(windows))
    if maps is None:
        return None
    laid = np.stack([contours.on(window) for window in windows])
    regions = pool_regions(laid, maps, image.spacing_mm)
    seen = np.isfinite(regions[:, _WALL]).all(axis=1)
    if not seen.any():
        return None
    position = [
        _position(window, one, stack, *ventricle) for window, one in zip(windows, laid, strict=True)
    ]
    return ViewFeatures(
        regions=regions[seen],
        kind=np.array([FURTHER_ROLES.index(one.role) for one in images])[seen],
        phase_share=np.array([one.phase_share for one in images], dtype=np.float32)[seen],
        position=np.asarray(position, dtype=np.float32)[seen],
    )


class _Window:
    """A square of an image around the heart at the network's pixel size.

    Attributes
    ----------
    pixels
        float32 ``[row, column]``; not-a-number beyond the image.
    points_mm
        ``[row, column, 3]``: pixel centres, LPS.
    """

    def __init__(
        self, image: ViewImage, centre_mm: Float64Array, spacing_mm: float, size: int
    ) -> None:
        self.image = image
        column_mm, row_mm = np.linalg.norm(image.affine[:3, :2], axis=0)
        ratios = np.array([spacing_mm / row_mm, spacing_mm / column_mm])
        grid = Grid(*image.pixels.shape, *ratios)
        whole = grid.to_network(image.pixels)
        column, row, *_ = np.linalg.solve(image.affine, [*centre_mm, 1.0])
        middle = (np.array([row, column]) + 0.5) / ratios - 0.5
        first = np.rint(middle - (size - 1) / 2).astype(int)
        self.pixels = _cut(whole, first, size)
        at = (first[:, None] + np.arange(size) + 0.5) * ratios[:, None] - 0.5
        rows, columns = np.meshgrid(*at, indexing="ij")
        flat = np.stack((columns, rows, np.zeros_like(rows), np.ones_like(rows)), axis=-1)
        self.points_mm = np.asarray(flat @ image.affine[:3].T)


def _cut(whole: Float32Array, first: IntArray, size: int) -> Float32Array:
    """Return a square of an image that may reach beyond it."""
    cut = np.full((size, size), np.nan, dtype=np.float32)
    start, stop = np.maximum(first, 0), np.minimum(first + size, whole.shape)
    if (start < stop).all():
        (top, left), (bottom, right) = start - first, stop - first
        cut[top:bottom, left:right] = whole[start[0] : stop[0], start[1] : stop[1]]
    return cut


def _scaled(windows: Sequence[_Window]) -> Float32Array:
    """Return network input ``[image, row, column]``; the images of a view are scaled together."""
    scaled = np.stack([window.pixels for window in windows])
    roles = np.array([window.image.role.value for window in windows])
    for role in np.unique(roles):
        scaled[roles == role] = scale_intensities(scaled[roles == role])
    return scaled


class _Contours:
    """The labels of a cine at any point of the patient, soft between slices and pixels."""

    def __init__(self, stack: CineStack, segmentation: Segmentation) -> None:
        self._stack, self._labels = stack, segmentation.labels
        self._shares = phase_shares(stack)
        self._volumes: dict[int, Float32Array] = {}

    def on(self, window: _Window) -> Float32Array:
        """Return probabilities ``[class, row, column]`` at the moment of a window's image."""
        apart = np.abs((self._shares - window.image.phase_share + 0.5) % 1.0 - 0.5)
        volumes = self._volume(int(np.argmin(apart)))
        at, inside = self._indices(window.points_mm)
        inside &= np.isfinite(window.pixels)
        laid = np.stack([ndimage.map_coordinates(one, at, order=1) for one in volumes])
        laid = np.where(inside, laid, np.float32(0))
        return np.concatenate((1 - laid.sum(axis=0, keepdims=True), laid))

    def _volume(self, phase: int) -> Float32Array:
        """Return each class but the background as a volume, ``[class, slice, row, column]``."""
        if phase not in self._volumes:
            classes = np.arange(1, _N_CLASSES)[:, None, None, None]
            self._volumes[phase] = (self._labels[phase] == classes).astype(np.float32)
        return self._volumes[phase]

    def _indices(self, points_mm: Float64Array) -> tuple[Float64Array, npt.NDArray[np.bool_]]:
        """Return slice, row and column of points, and which are not beyond the stack."""
        stack = self._stack
        positions_mm = stack.slice_positions_mm
        height_mm = (points_mm - stack.slice_origins_mm[0]) @ stack.normal
        order = np.arange(stack.n_slices, dtype=np.float64)
        slices = np.interp(height_mm, positions_mm, order)
        origins_mm = np.stack(
            [np.interp(slices, order, axis) for axis in stack.slice_origins_mm.T], axis=-1
        )
        away_mm = points_mm - origins_mm
        columns, rows = (away_mm @ axis / float(axis @ axis) for axis in stack.affine[:3, :2].T)
        half_mm = stack.slice_spacing_mm / 2
        inside = (height_mm >= positions_mm[0] - half_mm) & (
            height_mm <= positions_mm[-1] + half_mm
        )
        return np.stack((slices, rows, columns)), inside


def _position(
    window: _Window, laid: Float32Array, stack: CineStack, base_mm: float, length_mm: float
) -> tuple[float, float, float]:
    """Return the middle of the ventricle in an image from the base (mm, share), and its slant.

    The slant is the cosine between the normals of image and stack: 1 for a short axis.
    """
    weight = laid[list(_LEFT)].sum(axis=0)
    height_mm = (window.points_mm - stack.slice_origins_mm[0]) @ stack.normal
    middle_mm = float((height_mm * weight).sum() / max(float(weight.sum()), 1e-6)) - base_mm
    normal = np.cross(window.image.affine[:3, 0], window.image.affine[:3, 1])
    slant = abs(float(normal @ stack.normal)) / float(np.linalg.norm(normal))
    return middle_mm, middle_mm / length_mm, slant
