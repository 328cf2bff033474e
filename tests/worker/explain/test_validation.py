"""The shipped tower on a generated heart: the map of importance is one."""

import numpy as np
import pytest

from tests.worker.explain.validation import (
    PATIENT,
    deletion_curve,
    example,
    slice_order,
)
from worker.bundle import load_bundle
from worker.explain import occlude
from worker.model.tower import SegmentationTower

VOLUME = "rv_end_diastolic_volume"  # no segments are hidden for it: few looks


@pytest.fixture(scope="module")
def tower():
    return SegmentationTower(load_bundle(None), threads=1)


@pytest.fixture(scope="module")
def occlusion(tower):
    shown = example()
    return occlude(tower, shown.stack, shown.labels, shown.assessment, PATIENT, VOLUME)


def test_hiding_the_most_important_slices_first_moves_the_value_faster(tower, occlusion):
    order, beat = slice_order(occlusion), example().beat
    first = np.mean(deletion_curve(tower, beat, VOLUME, order, 2))
    last = np.mean(deletion_curve(tower, beat, VOLUME, order[::-1], 2))
    assert first > 2.0 * last
    assert first > 0.02 * occlusion.unhidden
