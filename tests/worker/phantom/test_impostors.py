"""Impostors have the geometry of the cine and other pictures; the same state draws the same."""

import numpy as np
import pytest

from tests.generated import small_cine
from worker.phantom.impostors import IMPOSTORS


@pytest.mark.parametrize("name", ["coronal", "noise", "shuffled_slices", "static_heart"])
def test_impostor_keeps_geometry_and_shows_something_else(name):
    true = small_cine()
    shown = IMPOSTORS[name](true, np.random.default_rng(4))
    assert shown.pixels.shape == true.pixels.shape
    assert shown.pixels.dtype == true.pixels.dtype
    assert np.array_equal(shown.affine, true.affine)
    assert not np.array_equal(shown.pixels, true.pixels)
    again = IMPOSTORS[name](true, np.random.default_rng(4))
    assert np.array_equal(again.pixels, shown.pixels)


def test_static_heart_changes_by_noise_only():
    shown = IMPOSTORS["static_heart"](small_cine(), np.random.default_rng(0))
    change = shown.pixels[5].astype(int) - shown.pixels[0].astype(int)
    assert np.abs(np.median(change)) <= 1
    assert change.std() < 20


def test_shuffled_slices_are_all_there():
    true = small_cine()
    shown = IMPOSTORS["shuffled_slices"](true, np.random.default_rng(0))
    before, after = ([int(one.sum()) for one in shot.pixels[0]] for shot in (true, shown))
    assert before != after
    assert sorted(before) == sorted(after)


def test_long_axis_shows_the_blood_of_the_ventricle_in_one_piece():
    """A four-chamber-like plane through the axis: bright blood runs along most of the heart."""
    true = small_cine()
    shown = IMPOSTORS["long_axis"](true, np.random.default_rng(0))
    middle = shown.pixels[0, shown.pixels.shape[1] // 2]
    bright = middle > 0.6 * np.percentile(middle, 99)
    rows = np.flatnonzero(bright.any(axis=1))
    assert np.ptp(rows) * true.protocol.pixel_mm > 0.7 * true.heart.shape.length_mm
