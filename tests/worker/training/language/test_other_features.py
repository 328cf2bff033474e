"""Regions described by other networks over masks that stay; nothing is trained."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from worker.model.regions import SHAPE_FEATURES  # noqa: E402
from worker.training.evaluate import stack_from_array  # noqa: E402
from worker.training.language.other_features import (  # noqa: E402
    describe_by_network,
    described,
    split,
    untrained,
)
from worker.training.network import N_INPUTS, SegmentationNetwork  # noqa: E402

pytestmark = pytest.mark.train
IMAGE = SimpleNamespace(spacing_mm=1.4, view_mm=44.8, multiple_of=16)
SIZE = 64


@pytest.fixture
def cine():
    """Two phases of three slices: a ring with its cavity and a right ventricle, off the centre."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    labels = np.zeros((2, 3, SIZE, SIZE), np.uint8)
    for phase, radius in enumerate((9, 6)):
        away = np.hypot(rows - 40, columns - 24)
        labels[phase, :, away < radius + 4] = 2
        labels[phase, :, away < radius] = 3
        labels[phase, :, np.hypot(rows - 40, columns - 43) < 6] = 1
    pixels = labels.astype(np.float32) + np.random.default_rng(0).random(labels.shape)
    return stack_from_array(pixels.astype(np.float32), (1.4, 1.4, 8.0)), labels


def of_channel(channel):
    """Describe an image by one of its own channels, at half size."""
    return lambda images: images[:, channel : channel + 1, ::2, ::2]


def test_maps_are_the_network_s_and_shapes_are_the_masks(cine):
    stack, labels = cine
    own, guide = (described(of_channel(k), stack, labels, IMAGE) for k in (1, 8))
    n_shapes = len(SHAPE_FEATURES)
    assert own.shape == (2, 3, 4, 1 + n_shapes)
    np.testing.assert_array_equal(own[..., -n_shapes:], guide[..., -n_shapes:])
    # grey follows the label: the wall is darker than the LV cavity, brighter than the RV
    cavity, wall, right = own[0, 1, :3, 0]
    assert right < wall < cavity
    # the guide is the mask of the slice before: none in the middle, the LV cavity beside it
    assert guide[0, 1, 0, 0] == 0
    assert guide[0, 0, 0, 0] > 0.9
    assert guide[0, 0, 2, 0] < 0.1


def test_each_phase_is_shown_beside_the_other_end_of_the_beat(cine):
    stack, labels = cine
    shown = []

    def remember(images):
        shown.append(images)
        return images[:, :1, ::2, ::2]

    described(remember, stack, labels, IMAGE)
    assert len(shown) == 3
    for images in shown:
        assert images.shape == (2, N_INPUTS, 32, 32)
        np.testing.assert_array_equal(images[0, 3:6], images[1, :3])
        np.testing.assert_array_equal(images[1, 3:6], images[0, :3])


def test_untrained_network_describes_otherwise_and_leaves_the_trained_one_alone():
    network = SegmentationNetwork((4, 8))
    images = np.random.default_rng(0).random((1, N_INPUTS, 16, 16)).astype(np.float32)
    before = describe_by_network(network)(images)
    fresh = describe_by_network(untrained(network, 1))(images)
    np.testing.assert_array_equal(before, describe_by_network(network)(images))
    assert before.shape == fresh.shape == (1, 8, 8, 8)
    assert np.abs(before - fresh).max() > 0.01


def test_split_gives_each_network_its_maps_and_all_the_shapes():
    one = study(0, "DCM")
    regions = np.arange(6.0 + len(SHAPE_FEATURES), dtype=np.float32)
    one = replace(one, features=replace(one.features, regions=np.tile(regions, (2, 3, 4, 1))))
    parts = [each.features.regions[0, 0, 0] for each in split(one, 3)]
    shapes = regions[6:].tolist()
    assert [part.tolist() for part in parts] == [
        [0, 1, *shapes],
        [2, 3, *shapes],
        [4, 5, *shapes],
    ]
