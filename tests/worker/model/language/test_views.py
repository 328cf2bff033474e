"""Contours of a cine laid onto other images of the same heart, and what is pooled there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from worker.findings import assess
from worker.model.language.views import further_views, heart_place, view_features
from worker.model.regions import REGIONS, SHAPE_FEATURES
from worker.model.types import Segmentation
from worker.phantom.anatomy import Label
from worker.phantom.cine import Protocol, acquire
from worker.phantom.heart import sample_heart
from worker.series import Role
from worker.volume.types import CineStack, PatientContext
from worker.volume.views import FURTHER_ROLES, ViewImage

SPACING_MM, VIEW_MM = 2.0, 160.0
MAPS = 2
WALL, CAVITY = REGIONS.index("myocardium"), REGIONS.index("lv_cavity")


class Brightness:
    """An encoder whose maps are the image, and where it is air."""

    def __init__(self, views=tuple(role.value for role in FURTHER_ROLES)):
        image = SimpleNamespace(spacing_mm=SPACING_MM, view_mm=VIEW_MM)
        language = SimpleNamespace(views=views)
        self.bundle = SimpleNamespace(manifest=SimpleNamespace(image=image, language=language))
        self.seen = None

    def feature_maps(self, images):
        self.seen = images
        n, rows, columns = images.shape
        half = images.reshape(n, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))
        return np.stack((half, half == 0), axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def cine():
    protocol = Protocol(
        n_phases=6, slice_distance_mm=8.0, pixel_mm=2.0, n_rows=96, n_columns=96, breath_hold_mm=0.0
    )
    rng = np.random.default_rng(3)
    return acquire(sample_heart("healthy", rng), protocol, rng)


@pytest.fixture(scope="module")
def study(cine):
    """Stack, segmentation and assessment of the true contours."""
    stack = CineStack(
        pixels=cine.pixels.astype(np.float32),
        affine=cine.affine,
        slice_origins_mm=np.stack([cine.position_mm(s) for s in range(cine.pixels.shape[1])]),
        trigger_times_ms=cine.trigger_times_ms,
        frames=(),
        frame_of_reference_uid="1.2",
        rr_interval_ms=cine.rr_interval_ms,
    )
    walled = (cine.labels == Label.LV_MYOCARDIUM).any(axis=(2, 3))
    regions = np.where(walled[..., None, None], 1.0, np.nan)
    regions = np.broadcast_to(regions, (*walled.shape, len(REGIONS), 5)).astype(np.float32)
    found = Segmentation(cine.labels, np.ones(walled.shape, np.float32), regions)
    return stack, found, assess(stack, found, PatientContext())


def cut(cine, centre_mm, across, down, *, role=Role.LGE, share=0.0, size=96, pixel_mm=1.6):
    """Image a plane of the heart whose pixels are the true labels there (heart coordinates)."""
    heart = cine.heart
    corner = np.asarray(centre_mm) - 0.5 * pixel_mm * (size - 1) * (across + down)
    axes = heart.placement.axes
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across @ axes * pixel_mm, down @ axes * pixel_mm
    affine[:3, 2] = np.cross(affine[:3, 0], affine[:3, 1])
    affine[:3, 3] = heart.to_patient(corner)
    rows, columns = np.mgrid[:size, :size]
    flat = np.stack((columns, rows, 0 * rows, 1 + 0 * rows), axis=-1)
    labels = heart.labels(flat @ affine[:3].T, share)
    return ViewImage(role, labels.astype(np.float32), affine, share)


X, Y, Z = np.eye(3)


def features(study, images, encoder=None):
    return view_features(images, *study, encoder or Brightness())


@pytest.mark.parametrize("share", [0.0, 0.34])
@pytest.mark.parametrize(("across", "down"), [(X, Y), (X, -Z), ((X - Y) / np.sqrt(2), -Z)])
def test_regions_of_a_plane_are_where_the_heart_is(study, cine, across, down, share):
    """The image shows the labels, so the mean brightness of a region is its own label."""
    found = features(study, [cut(cine, [0.0, 0.0, 40.0], across, down, share=share)])
    brightness = found.regions[0, :, 0] * Label.LV_CAVITY  # scaled to 0..1 before
    assert brightness[CAVITY] == pytest.approx(Label.LV_CAVITY, abs=0.35)
    assert brightness[WALL] == pytest.approx(Label.LV_MYOCARDIUM, abs=0.35)
    assert brightness[REGIONS.index("context")] < 0.7


def test_kind_moment_place_and_slant_of_each_image_are_told(study, cine):
    short = [cut(cine, [0.0, 0.0, z], X, Y, share=0.7) for z in (20.0, 60.0)]
    long = cut(cine, [0.0, 0.0, 35.0], X, -Z, role=Role.FOUR_CHAMBER_CINE)
    found = features(study, [*short, long])
    assert found.kind.tolist() == [FURTHER_ROLES.index(one.role) for one in (*short, long)]
    assert found.phase_share.tolist() == pytest.approx([0.7, 0.7, 0.0])
    millimetres, share, slant = found.position.T
    assert millimetres[1] - millimetres[0] == pytest.approx(40.0, abs=4.0)
    assert 0.1 < share[0] < share[2] < share[1] < 1.0
    assert slant.tolist() == pytest.approx([1.0, 1.0, 0.0], abs=1e-3)
    assert found.regions.shape[2] == MAPS + len(SHAPE_FEATURES)


def test_images_that_show_no_wall_are_left_out(study, cine):
    beside = cut(cine, [0.0, 0.0, 140.0], X, Y)
    inside = cut(cine, [0.0, 0.0, 40.0], X, Y)
    assert features(study, [beside, inside]).regions.shape[0] == 1
    assert features(study, [beside]) is None
    assert features(study, []) is None


def test_beyond_the_picture_there_is_no_heart(study, cine):
    """A picture of the left half of the heart has half of the cavity."""
    area = MAPS + SHAPE_FEATURES.index("area_mm2")
    whole = features(study, [cut(cine, [0.0, 0.0, 40.0], X, Y)])
    half = features(study, [cut(cine, [-32.0, 0.0, 40.0], X, Y, size=40)])
    share = half.regions[0, CAVITY, area] / whole.regions[0, CAVITY, area]
    assert 0.35 < share < 0.65


def test_images_of_a_view_are_scaled_together_and_apart_from_others(study, cine):
    late = [cut(cine, [0.0, 0.0, z], X, Y) for z in (30.0, 50.0)]
    faint = replace(late[1], pixels=late[1].pixels / 2)
    bright = replace(late[0], role=Role.TWO_CHAMBER_CINE, pixels=late[0].pixels * 1000)
    encoder = Brightness()
    features(study, [late[0], faint, bright], encoder)
    tops = encoder.seen.max(axis=(1, 2))
    assert tops[1] == pytest.approx(tops[0] / 2, rel=0.01)
    assert tops[2] == pytest.approx(tops[0], rel=0.01)


def test_study_without_contours_or_regions_has_no_further_views(study, cine):
    stack, found, assessment = study
    images = [cut(cine, [0.0, 0.0, 40.0], X, Y)]
    nothing = replace(found, labels=np.zeros_like(found.labels))
    assert heart_place(stack, nothing, assessment) is None
    assert features((stack, nothing, assessment), images) is None
    assert features((stack, replace(found, regions=None), assessment), images) is None
    assert further_views((), stack, nothing, assessment, Brightness()).features is None


def test_place_of_the_heart_is_its_middle_and_holds_all_of_it(study, cine):
    place = heart_place(*study)
    _, _, height = cine.heart.to_heart(place.centre_mm)
    assert 20 < height < 60
    assert 40 < place.reach_mm < 80
    assert len(place.phase_shares) == 3
    assert place.frame_of_reference_uid == "1.2"
