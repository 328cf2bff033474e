import numpy as np
from scipy import ndimage

from worker.model.turned import turned


def smooth_images():
    drawn = np.random.default_rng(1).uniform(0, 1, (2, 3, 64, 64))
    return ndimage.gaussian_filter(drawn, (0, 0, 4, 4)).astype(np.float32)


def test_turning_moves_rows_towards_columns_about_the_centre():
    image = np.zeros((1, 1, 9, 9), np.float32)
    image[0, 0, 4, 8] = 1.0
    found = turned(image, 90.0)[0, 0]
    assert found.sum() > 0.99
    assert found[0, 4] + found[8, 4] > 0.99


def test_turning_back_gives_the_image_again_away_from_the_edge():
    images = smooth_images()
    back = turned(turned(images, 20.0), -20.0)
    assert back.shape == images.shape
    assert back.dtype == np.float32
    middle = np.s_[..., 20:44, 20:44]
    assert np.abs(back[middle] - images[middle]).max() < 0.02 * np.ptp(images)


def test_turning_by_nothing_is_the_same_image():
    images = smooth_images()
    assert turned(images, 0.0) is images
