"""Wall thickness against rings whose thickness is known."""

import numpy as np
import pytest

from tests.worker.findings.shapes import ring_labels
from worker.findings.contours import contours, outlines, slice_contours
from worker.findings.wall import PlaneAxes, slice_wall, smoothed_deg


def axes(pixel_mm):
    return PlaneAxes(np.eye(2) * pixel_mm)


@pytest.mark.parametrize("pixel_mm", [1.0, 1.4, 1.9])
@pytest.mark.parametrize(("endo", "epi"), [(24.0, 32.0), (15.0, 27.5), (30.0, 36.5), (8.0, 14.0)])
def test_ring_thickness_is_sub_pixel(pixel_mm, endo, epi):
    labels = ring_labels(100, endo, epi, pixel_mm)
    wall = slice_wall(labels, axes(pixel_mm))
    # The radii that the pixels stand for: a disk of few pixels is not exactly as large as drawn.
    drawn = pixel_mm * (
        np.sqrt(np.count_nonzero(labels >= 2) / np.pi)
        - np.sqrt(np.count_nonzero(labels == 3) / np.pi)
    )
    assert wall.closed
    assert wall.thickness_mm.mean() == pytest.approx(drawn, abs=0.12 * pixel_mm)
    assert wall.thickness_mm.mean() == pytest.approx(epi - endo, abs=0.3 * pixel_mm)
    assert smoothed_deg(wall.thickness_mm, 20).max() < epi - endo + 0.5 * pixel_mm


def test_ring_area_between_radii_matches_pixels():
    wall = slice_wall(ring_labels(120, 22.0, 31.0, 1.0), axes(1.0))
    area = np.pi * np.mean(wall.epi_mm**2 - wall.endo_mm**2)
    assert area == pytest.approx(np.pi * (31.0**2 - 22.0**2), rel=0.02)


def test_thickness_of_an_ellipse_is_measured_across_the_wall():
    # Between the ellipses 30 x 20 and 39 x 26 the wall is 9 mm at the long ends, 6 mm at the sides.
    labels = ring_labels(120, 20.0, 26.0, 1.0, aspect=1.5)
    wall = slice_wall(labels, axes(1.0))
    assert wall.thickness_mm[0] == pytest.approx(9.0, abs=0.6)
    assert wall.thickness_mm[90] == pytest.approx(6.0, abs=0.4)
    radial = wall.epi_mm - wall.endo_mm
    assert (wall.thickness_mm <= radial + 1e-9).all()
    assert wall.thickness_mm[35] < radial[35] - 0.3


def test_eccentric_cavity_is_thick_on_the_far_side():
    labels = ring_labels(120, 0.0, 34.0, 1.0)
    labels[ring_labels(120, 22.0, 22.0, 1.0, shift_mm=(4.0, 0.0)) == 3] = 3
    wall = slice_wall(labels, axes(1.0))
    assert wall.thickness_mm[0] == pytest.approx(8.0, abs=0.5)
    assert wall.thickness_mm[180] == pytest.approx(16.0, abs=0.5)


def test_non_square_pixels_are_measured_in_millimetres():
    column, row = np.meshgrid(np.arange(120) * 1.0 - 60.0, np.arange(80) * 1.6 - 64.0)
    radius = np.hypot(column, row)
    labels = np.where(radius <= 24, 3, np.where(radius <= 34, 2, 0)).astype(np.uint8)
    wall = slice_wall(labels, PlaneAxes(np.diag([1.0, 1.6])))
    assert wall.thickness_mm[[0, 90, 180, 270]] == pytest.approx([10.0] * 4, abs=0.5)


def test_gap_in_the_ring_is_open():
    labels = ring_labels(100, 22.0, 30.0, 1.0)
    row, column = np.mgrid[:100, :100]
    labels[(labels == 2) & (column < 50) & (np.abs(row - 50) < 12)] = 0
    assert not slice_wall(labels, axes(1.0)).closed


@pytest.mark.parametrize("cavity_pixels", [0, 4])
def test_no_wall_without_a_cavity(cavity_pixels):
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20, 10:20] = 2
    labels[12, 12 : 12 + cavity_pixels] = 3
    assert slice_wall(labels, axes(1.0)) is None


def test_outline_of_a_disk_encloses_its_area_in_pixel_coordinates():
    labels = ring_labels(80, 20.0, 20.0, 1.0, shift_mm=(7.0, -3.0))
    (line,) = outlines(labels == 3)
    x, y = line[:, 0], line[:, 1]
    area = 0.5 * abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    assert area == pytest.approx(np.count_nonzero(labels == 3), rel=0.02)
    assert line.mean(axis=0) == pytest.approx([46.5, 36.5], abs=0.5)
    assert line[0] == pytest.approx(line[-1])


def test_outline_reaches_structures_at_the_image_border():
    mask = np.zeros((30, 30), bool)
    mask[:10, :10] = True
    (line,) = outlines(mask)
    assert line.min() < 0.0


def test_contours_of_an_empty_slice_are_empty():
    empty = slice_contours(np.zeros((20, 20), np.uint8))
    assert (empty.endocardium, empty.epicardium, empty.right_ventricle) == ((), (), ())


def test_contours_give_one_entry_per_slice():
    labels = np.stack([np.zeros((100, 100), np.uint8), ring_labels(100, 20.0, 28.0, 1.0)])
    first, second = contours(labels)
    assert first.epicardium == ()
    assert len(second.endocardium) == len(second.epicardium) == 1
