"""Disc summation on shapes whose volume is known exactly."""

from dataclasses import dataclass
from math import pi

import numpy as np
import pytest

from worker.findings.volumes import (
    LV_CAVITY,
    LV_MYOCARDIUM,
    RV_CAVITY,
    body_surface_area_m2,
    disc_volumes_ml,
    ejection_fraction_percent,
    heart_rate_per_min,
    mass_g,
    slice_heights_mm,
)


@dataclass(frozen=True)
class Geometry:
    pixel_area_mm2: float
    slice_positions_mm: np.ndarray


def test_slice_heights_are_the_spacing_when_even():
    assert slice_heights_mm(np.arange(5) * 8.0) == pytest.approx([8.0] * 5)


def test_slice_heights_share_uneven_gaps_and_cover_the_whole_length():
    heights = slice_heights_mm(np.array([0.0, 8.0, 20.0, 30.0]))

    assert heights == pytest.approx([8.0, 10.0, 11.0, 10.0])
    assert heights.sum() == pytest.approx(30.0 + 4.0 + 5.0)


def test_slice_heights_do_not_depend_on_the_direction():
    positions = np.array([0.0, 8.0, 20.0, 30.0])
    assert slice_heights_mm(-positions) == pytest.approx(slice_heights_mm(positions))


@pytest.mark.parametrize("positions", [[], [0.0], [0.0, 8.0, 8.0]])
def test_slice_heights_refuse_a_stack_without_spacing(positions):
    with pytest.raises(ValueError, match="two slices"):
        slice_heights_mm(np.array(positions))


def test_disc_volumes_use_slice_centres_and_in_plane_spacing():
    labels = np.zeros((2, 3, 20, 20), np.uint8)
    labels[0, :, 2:12, 2:12] = LV_CAVITY
    labels[1, :, 2:7, 2:12] = LV_CAVITY
    labels[:, 1, 15:17, :] = RV_CAVITY
    labels[:, :2, 18, :10] = LV_MYOCARDIUM
    stack = Geometry(1.5 * 1.25, np.array([0.0, 10.0, 20.0]))

    volumes = disc_volumes_ml(labels, stack)

    assert volumes.lv_ml == pytest.approx([100 * 1.875 * 30 / 1000, 50 * 1.875 * 30 / 1000])
    assert volumes.rv_ml == pytest.approx([40 * 1.875 * 10 / 1000] * 2)
    assert volumes.myocardium_ml == pytest.approx([10 * 1.875 * 20 / 1000] * 2)


def test_disc_volumes_of_an_ellipsoid_are_within_one_percent():
    spacing, length, radius = 4.0, 45.0, 26.0
    positions = np.arange(-13, 14) * spacing
    row, column = np.mgrid[:64, :64] - 31.5
    labels = np.zeros((1, positions.size, 64, 64), np.uint8)
    for index, position in enumerate(positions):
        radius2 = max(radius**2 * (1 - (position / length) ** 2), 0.0)
        labels[0, index][row**2 + column**2 <= radius2] = LV_CAVITY

    volume = disc_volumes_ml(labels, Geometry(1.0, positions)).lv_ml[0]

    assert volume == pytest.approx(4 / 3 * pi * radius**2 * length / 1000, rel=0.01)


def test_ejection_fraction_of_half_the_volume_is_fifty():
    assert ejection_fraction_percent(120.0, 60.0) == pytest.approx(50.0)


def test_ejection_fraction_needs_a_volume():
    with pytest.raises(ValueError, match="end-diastolic"):
        ejection_fraction_percent(0.0, 0.0)


def test_mass_is_myocardium_times_its_density():
    assert mass_g(100.0) == pytest.approx(105.0)


@pytest.mark.parametrize(("rr", "rate"), [(1000.0, 60.0), (600.0, 100.0), (None, None), (0, None)])
def test_heart_rate_comes_from_the_rr_interval(rr, rate):
    assert heart_rate_per_min(rr) == rate


def test_body_surface_area_is_mosteller():
    assert body_surface_area_m2(180.0, 80.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("height", "weight"), [(None, 80.0), (180.0, None), (0.0, 80.0), (1.8, 80.0), (180.0, 80000.0)]
)
def test_body_surface_area_is_unknown_without_a_possible_height_and_weight(height, weight):
    assert body_surface_area_m2(height, weight) is None
