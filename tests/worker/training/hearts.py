"""Small drawn hearts for tests of training: a ring, a cavity and a crescent on noise."""

import numpy as np

from worker.training.cohorts import LabelledVolume


def drawn_volume(seed=0, n_slices=4, size=80, spacing_mm=1.5, *, lv_only=False):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    images = np.zeros((n_slices, size, size), np.float32)
    labels = np.zeros((n_slices, size, size), np.uint8)
    row, column = size / 2 + rng.uniform(-4, 4, 2)
    for z in range(n_slices):
        radius = 12 - z
        distance = np.hypot(rows - row, columns - column)
        labels[z][np.hypot(rows - row, columns - column + 16) < radius] = 1
        labels[z][distance < radius + 5] = 2
        labels[z][distance < radius] = 3
    images += np.array([0.1, 0.7, 0.3, 0.9], np.float32)[labels]
    images += rng.normal(0, 0.02, images.shape).astype(np.float32)
    if lv_only:
        labels = np.where(labels == 3, 3, 0).astype(np.uint8)
    return LabelledVolume(
        f"drawn{seed}", "ED", images.clip(0, 1.5), labels, (spacing_mm, spacing_mm), lv_only
    )
