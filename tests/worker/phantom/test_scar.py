"""Scar: in the wall, where it was drawn, and to be seen in late enhancement alone."""

import numpy as np
import pytest

from worker.phantom import companions
from worker.phantom.cine import Protocol, acquire
from worker.phantom.companions import late_enhancement_picture
from worker.phantom.heart import HeartKind, sample_heart
from worker.phantom.scar import Scar, infarct_scar, sample_scar
from worker.phantom.shape import ventricle

TINY = Protocol(n_phases=2, n_slices=2, pixel_mm=3.0, n_rows=32, n_columns=32)
CONTRACTION = 0.2


def cine_of(kind, seed=4):
    rng = np.random.default_rng(seed)
    return acquire(sample_heart(kind, rng), TINY, rng)


def shown(cine, scar, seed=1):
    return late_enhancement_picture(cine, np.random.default_rng(seed), scar).pixels[0]


def brighter(cine, scar):
    """Where the scar made late enhancement brighter: points in heart coordinates, ``[n, 3]``."""
    picture = late_enhancement_picture(cine, np.random.default_rng(1), scar)
    at = np.argwhere(picture.pixels[0].astype(int) - shown(cine, None) > 200)
    points = [
        picture.poses[s].position_mm
        + picture.pixel_spacing_mm[0] * (c * picture.poses[s].row_cosines)
        + picture.pixel_spacing_mm[0] * (r * picture.poses[s].column_cosines)
        for s, r, c in at
    ]
    return cine.heart.to_heart(np.array(points))


def test_scar_of_an_infarct_lies_in_the_inner_part_of_the_thin_wall():
    cine = cine_of(HeartKind.INFARCT)
    scar = infarct_scar(cine.heart, depth=0.6)
    thinned = min(cine.heart.shape.wall_bumps, key=lambda bump: bump.amplitude)
    at = cine.heart.cylinder(brighter(cine, scar))
    assert len(at.phi_rad) > 30
    away = np.angle(np.exp(1j * (at.phi_rad - thinned.phi_rad)))
    assert abs(np.mean(away)) < 0.3
    shape = cine.heart.shape
    base = shape.descent_mm * CONTRACTION
    zeta = (at.height_mm - base) / (shape.length_mm - base)
    radii = ventricle(shape, zeta, at.phi_rad, CONTRACTION)
    depth = (at.radius_mm - radii.endo_mm) / (radii.epi_mm - radii.endo_mm)
    assert 0.1 < np.median(depth) < 0.6


@pytest.mark.parametrize("kind", [kind for kind in HeartKind if kind is not HeartKind.INFARCT])
def test_hearts_whose_wall_moves_have_no_infarct(kind):
    assert infarct_scar(sample_heart(kind, np.random.default_rng(2))) is None


def test_scars_that_are_drawn_are_no_mark_of_the_kind():
    rng = np.random.default_rng(5)
    hearts = {kind: sample_heart(kind, rng) for kind in (HeartKind.INFARCT, HeartKind.HEALTHY)}
    share = {
        kind: np.mean([sample_scar(heart, rng) is not None for _ in range(300)])
        for kind, heart in hearts.items()
    }
    assert share[HeartKind.INFARCT] == pytest.approx(0.7, abs=0.1)
    assert share[HeartKind.HEALTHY] == pytest.approx(0.4, abs=0.1)
    drawn = [sample_scar(hearts[HeartKind.HEALTHY], rng) for _ in range(100)]
    assert {scar.inner > 0 for scar in drawn if isinstance(scar, Scar)} == {True, False}


def test_companions_of_an_infarct_show_its_scar_in_late_enhancement_only(monkeypatch):
    cine = cine_of(HeartKind.INFARCT)
    for other in ("_localiser", "long_axis_picture", "_flow", "_t1_map"):
        monkeypatch.setattr(companions, other, lambda *_: None)
    *_, found = companions.companion_pictures(cine, np.random.default_rng(7))
    expected = shown(cine, infarct_scar(cine.heart), seed=7)
    np.testing.assert_array_equal(found.pixels[0], expected)
    assert cine.scene.scar is None


def test_a_heart_that_lies_elsewhere_is_imaged_elsewhere_under_the_same_headers():
    cine = cine_of(HeartKind.HEALTHY)
    near, far = (
        late_enhancement_picture(cine, np.random.default_rng(1), None, apart_mm=apart)
        for apart in (0.0, 4.0)
    )
    for one, other in zip(near.poses, far.poses, strict=True):
        np.testing.assert_array_equal(one.position_mm, other.position_mm)
    assert np.abs(near.pixels.astype(int) - far.pixels).max() > 200
