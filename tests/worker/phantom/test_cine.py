import numpy as np
import pytest

from worker.phantom.cine import Protocol, acquire
from worker.phantom.heart import HeartKind, Label, sample_heart

SMALL = Protocol(n_phases=8, n_rows=112, n_columns=96, pixel_mm=2.0, breath_hold_mm=0.0)


@pytest.fixture(scope="module")
def cine():
    rng = np.random.default_rng(21)
    return acquire(sample_heart(HeartKind.HEALTHY, rng), SMALL, rng)


def disc_volumes_ml(cine, label):
    voxel_ml = SMALL.pixel_mm**2 * SMALL.slice_distance_mm / 1000.0
    return (cine.labels == label).sum(axis=(1, 2, 3)) * voxel_ml


def test_discs_of_the_labels_give_the_true_volumes(cine):
    truth = cine.heart.truth()
    volume = disc_volumes_ml(cine, Label.LV_CAVITY)
    assert volume[cine.ed_phase] == pytest.approx(truth.lv_edv_ml, rel=0.06)
    assert volume[cine.es_phase] == pytest.approx(truth.lv_esv_ml, rel=0.15)
    assert disc_volumes_ml(cine, Label.LV_MYOCARDIUM)[0] == pytest.approx(
        truth.lv_mass_g / 1.05, rel=0.06
    )
    assert disc_volumes_ml(cine, Label.RV_CAVITY)[0] == pytest.approx(truth.rv_edv_ml, rel=0.08)


def test_labels_are_those_of_the_heart_at_the_voxel_centres(cine):
    rows, columns = np.meshgrid(np.arange(112), np.arange(96), indexing="ij")
    for s in (1, 4, 8):
        index = np.stack([columns, rows, np.full_like(rows, s), np.ones_like(rows)], -1)
        points = (index @ cine.affine.T)[..., :3]
        expected = cine.heart.labels(points, 2 / 8)
        assert (expected != cine.labels[2, s]).mean() < 0.004


def test_end_diastole_is_the_largest_and_end_systole_the_smallest_phase(cine):
    volume = disc_volumes_ml(cine, Label.LV_CAVITY)
    assert int(np.argmax(volume)) == cine.ed_phase
    assert int(np.argmin(volume)) == cine.es_phase


def test_slice_zero_is_the_base_and_the_stack_covers_the_heart(cine):
    labelled = (cine.labels > 0).any(axis=(0, 2, 3))
    towards_apex = cine.affine[:3, 2] @ cine.heart.placement.axes[2]
    assert towards_apex == pytest.approx(SMALL.slice_distance_mm)
    assert (cine.labels[0, 0] == Label.LV_CAVITY).any()
    assert not (cine.labels[cine.es_phase, 0] >= Label.LV_MYOCARDIUM).any()
    assert not labelled[-1]


def test_picture_is_seen_from_the_apex_with_the_right_ventricle_on_the_left(cine):
    normal = np.cross(cine.row_cosines, cine.column_cosines)
    assert normal @ cine.heart.placement.axes[2] == pytest.approx(-1.0)
    labels = cine.labels[0, 4]
    columns = np.arange(labels.shape[1])
    right = (labels == Label.RV_CAVITY).sum(axis=0) @ columns / (labels == Label.RV_CAVITY).sum()
    left = (labels == Label.LV_CAVITY).sum(axis=0) @ columns / (labels == Label.LV_CAVITY).sum()
    assert right < left


def test_blood_is_brighter_than_myocardium(cine):
    pixels, labels = cine.pixels[0, 3:7], cine.labels[0, 3:7]
    blood = np.median(pixels[labels == Label.LV_CAVITY])
    assert blood > 1.5 * np.median(pixels[labels == Label.LV_MYOCARDIUM])
    assert cine.pixels.max() < 4096


def test_phases_are_spread_over_the_heart_beat(cine):
    assert cine.trigger_times_ms[0] == 0.0
    step = np.diff(cine.trigger_times_ms)
    np.testing.assert_allclose(step, cine.rr_interval_ms / 8)


def test_same_seed_gives_the_same_pixels():
    tiny = Protocol(n_slices=3, n_phases=2, n_rows=64, n_columns=48, pixel_mm=3.5)
    made = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        made.append(acquire(sample_heart(HeartKind.DILATED, rng), tiny, rng))
    np.testing.assert_array_equal(made[0].pixels, made[1].pixels)
    np.testing.assert_array_equal(made[0].affine, made[1].affine)
