import numpy as np
import pytest

from worker.phantom.slices import slice_batch
from worker.phantom.tissue import Contrast, Tissue, sample_palette


@pytest.fixture(scope="module")
def batch():
    return slice_batch(np.random.default_rng(3), 48, size=96, spacing_mm=2.5)


def test_batch_has_the_promised_shapes_and_types(batch):
    images, labels = batch
    assert images.shape == (48, 3, 96, 96)
    assert images.dtype == np.float32
    assert labels.shape == (48, 96, 96)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    assert np.isfinite(images).all()
    assert images.min() >= 0.0


def test_brightest_percent_is_at_one(batch):
    top = np.percentile(batch[0], 99, axis=(1, 2, 3))
    assert np.all((top > 0.85) & (top < 1.15))


def test_batch_holds_hearts_and_pictures_without_one(batch):
    labels = batch[1]
    with_left = (labels == 3).any(axis=(1, 2)).mean()
    assert 0.3 < with_left < 0.95
    assert (labels.max(axis=(1, 2)) == 0).any()


def test_heart_is_found_anywhere_in_the_field(batch):
    labels = batch[1]
    centres = [np.argwhere(one == 2).mean(axis=0) for one in labels if (one == 2).sum() > 30]
    assert np.ptp(np.array(centres), axis=0).min() > 30


def test_neighbouring_slices_resemble_each_other(batch):
    images, labels = batch
    heart = [i for i in range(len(labels)) if (labels[i] == 3).sum() > 30]
    correlation = [np.corrcoef(images[i, 0].ravel(), images[i, 1].ravel())[0, 1] for i in heart]
    assert np.median(correlation) > 0.5
    assert np.median(correlation) < 0.999


def test_same_seed_gives_the_same_batch():
    one, two = (slice_batch(np.random.default_rng(8), 3, size=64) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.parametrize("contrast", list(Contrast))
def test_blood_and_myocardium_always_differ(contrast):
    rng = np.random.default_rng(0)
    for _ in range(50):
        level = sample_palette(rng, contrast).level
        assert abs(level[Tissue.LV_BLOOD] - level[Tissue.MYOCARDIUM]) >= 0.149
