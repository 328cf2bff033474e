import numpy as np

from worker.model.intensity import scale_intensities
from worker.model.resample import resample, resampled_size, resampling_matrix


def test_scaling_drops_gain_and_offset():
    pixels = np.random.default_rng(0).gamma(2, 30, (2, 3, 40, 40)).astype(np.float32)
    assert np.allclose(scale_intensities(pixels), scale_intensities(7 * pixels + 100), atol=1e-4)


def test_scaling_is_not_fooled_by_one_bright_pixel():
    pixels = np.random.default_rng(0).uniform(0, 100, (50, 50))
    spoiled = pixels.copy()
    spoiled[0, 0] = 1e6
    inside = (slice(1, None), slice(1, None))
    assert np.allclose(
        scale_intensities(pixels)[inside], scale_intensities(spoiled)[inside], atol=0.02
    )


def test_scaling_constant_and_broken_values_gives_finite_numbers():
    assert not scale_intensities(np.full((4, 4), 9.0)).any()
    assert np.isfinite(scale_intensities(np.array([[np.nan, 1.0], [np.inf, 3.0]]))).all()


def test_resampling_keeps_a_constant_and_a_ramp():
    n_out = resampled_size(60, 1.0, 1.5)
    matrix = resampling_matrix(60, n_out, 1.5)
    assert n_out == 40
    assert np.allclose(matrix.sum(axis=1), 1)
    ramp = matrix @ np.arange(60, dtype=np.float32)
    assert np.allclose(np.diff(ramp)[2:-2], 1.5, atol=0.1)


def test_resampling_there_and_back_stays_in_place():
    rows = np.arange(50)
    image = np.exp(-((rows[:, None] - 20) ** 2 + (rows[None] - 31) ** 2) / 60).astype(np.float32)
    there, back = resampling_matrix(50, 37, 50 / 37), resampling_matrix(37, 50, 37 / 50)
    again = resample(resample(image, there, there), back, back)
    weight = again / again.sum()
    assert abs((weight.sum(axis=1) * rows).sum() - 20) < 0.1
    assert abs((weight.sum(axis=0) * rows).sum() - 31) < 0.1
