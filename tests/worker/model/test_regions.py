import time

import numpy as np
import pytest

from worker.model.regions import (
    N_SECTORS,
    REGIONS,
    SHAPE_FEATURES,
    pool_regions,
)

SPACING_MM = 1.4
SIZE = 112
LV, MYOCARDIUM, RV, CONTEXT = range(4)


def drawn(cavity_mm=22.0, wall_mm=9.0, thick_mm=0.0, centre=(56, 62), certain=0.96, size=SIZE):
    """Probabilities of one slice: a ring with a thicker sector, a half moon on its left."""
    rows, columns = np.mgrid[:size, :size]
    away = (rows - centre[0]) * SPACING_MM, (columns - centre[1]) * SPACING_MM
    distance = np.hypot(*away)
    septum = np.abs(np.arctan2(away[0], -away[1])) < 0.5
    outside = cavity_mm + wall_mm + thick_mm * septum
    labels = np.zeros((size, size), np.uint8)
    labels[np.hypot(away[0], away[1] + 30) < 26] = 1
    labels[distance < outside] = 2
    labels[distance < cavity_mm] = 3
    return np.moveaxis(
        np.where(np.arange(4) == labels[..., None], certain, (1 - certain) / 3), -1, 0
    ).astype(np.float32)


def flat_maps(values=(0.5, -2.0), size=SIZE):
    half = (size + 1) // 2
    return np.broadcast_to(np.float32(values)[:, None, None], (len(values), half, half)).copy()


def pooled(*slices, spacing_mm=SPACING_MM, maps=None):
    probabilities = np.stack(slices)
    features = np.stack([flat_maps() if maps is None else maps] * len(slices))
    return pool_regions(probabilities, features, spacing_mm)


def shape_of(result, region, name):
    return result[0, region, 2 + SHAPE_FEATURES.index(name)]


def test_maps_are_averaged_inside_each_region():
    probabilities = drawn(certain=1.0)
    halved = probabilities.reshape(4, 56, 2, 56, 2).mean(axis=(2, 4))
    maps = np.stack((halved[3], halved[1]))
    result = pooled(probabilities, maps=maps)
    assert result.shape == (1, len(REGIONS), 2 + len(SHAPE_FEATURES))
    assert result.dtype == np.float32
    own, other = result[0, [LV, RV], [0, 1]], result[0, [LV, RV], [1, 0]]
    assert own.min() > 0.9
    assert max(other.max(), result[0, CONTEXT, :2].max()) < 0.1


def test_areas_and_walls_are_those_that_were_drawn():
    result = pooled(drawn(certain=1.0))
    assert shape_of(result, LV, "area_mm2") == pytest.approx(np.pi * 22**2, rel=0.02)
    ring = np.pi * (31**2 - 22**2)
    assert shape_of(result, MYOCARDIUM, "area_mm2") == pytest.approx(ring, rel=0.02)
    assert shape_of(result, MYOCARDIUM, "distance_mm") == pytest.approx(26.7, abs=0.5)
    for name in ("deepest_mm", "shallowest_mm"):
        assert shape_of(result, MYOCARDIUM, name) == pytest.approx(9, abs=1.2)


def test_thick_septum_shows_in_the_deepest_sector_only():
    even, thick = pooled(drawn()), pooled(drawn(thick_mm=12))
    for name, change in (("deepest_mm", 8.0), ("shallowest_mm", 0.0)):
        grown = shape_of(thick, MYOCARDIUM, name) - shape_of(even, MYOCARDIUM, name)
        assert grown == pytest.approx(change, abs=4.0 if change else 1.0)


def test_place_and_direction_of_the_heart_do_not_matter():
    here, there = pooled(drawn()), pooled(drawn(centre=(48, 70)))
    turned = pooled(np.rot90(drawn(), axes=(1, 2)).copy())
    np.testing.assert_allclose(here, there, rtol=0.05, atol=0.05)
    np.testing.assert_allclose(here, turned, rtol=0.08, atol=0.08)


def test_what_is_not_in_a_slice_is_not_a_number():
    nothing = np.zeros((4, SIZE, SIZE), np.float32)
    nothing[0] = 1
    no_right = drawn()
    no_right[0] += no_right[1]
    no_right[1] = 0
    result = pooled(nothing, no_right, drawn())
    assert np.isnan(result[0]).all()
    assert np.isnan(result[1, RV]).all()
    assert np.isfinite(result[1, [LV, MYOCARDIUM, CONTEXT]]).all()
    assert np.isfinite(result[2]).all()


def test_a_slice_does_not_depend_on_its_neighbours():
    alone, among = pooled(drawn()), pooled(drawn(cavity_mm=14), drawn())
    np.testing.assert_allclose(alone[0], among[1], rtol=1e-5, atol=1e-5)


def test_odd_windows_are_pooled_whole():
    result = pool_regions(drawn(size=111)[None], flat_maps(size=111)[None], SPACING_MM)
    np.testing.assert_allclose(result[0, :3], pooled(drawn())[0, :3], rtol=0.02, atol=0.02)


def test_an_unsure_tower_is_told_apart():
    sure, unsure = pooled(drawn()), pooled(drawn(certain=0.6))
    for region in (LV, MYOCARDIUM, RV):
        assert shape_of(unsure, region, "certainty") < shape_of(sure, region, "certainty") - 0.1


def test_a_phase_takes_milliseconds():
    probabilities = np.stack([drawn()] * 10)
    features = np.stack([flat_maps(np.zeros(32))] * 10)
    pool_regions(probabilities, features, SPACING_MM)
    start = time.process_time()
    pool_regions(probabilities, features, SPACING_MM)
    assert time.process_time() - start < 0.15
    assert N_SECTORS == 12
