import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.hearts import drawn_volume  # noqa: E402
from worker.model.propagation import middle_slice, outwards  # noqa: E402
from worker.training.monitor import dice_in_views, views_of  # noqa: E402

pytestmark = pytest.mark.train


class Answering(torch.nn.Module):
    """Gives the labels of the views it is shown, from the middle slice outwards."""

    def __init__(self, labels):
        super().__init__()
        order = outwards(len(labels), middle_slice(labels))
        self.left = [labels[z] for z, _ in order]

    def forward(self, images):
        now = [self.left.pop(0) for _ in images]
        one_hot = torch.nn.functional.one_hot(torch.from_numpy(np.stack(now)), 4)
        return one_hot.movedim(-1, 1).float()


@pytest.mark.parametrize("size", [48, 96])
def test_views_hold_the_heart_in_their_middle(size):
    volume = drawn_volume(3, size=50, spacing_mm=1.1)
    images, labels = views_of(volume, spacing_mm=1.5, size=size)
    assert images.shape == (len(volume.images), 6, size, size)
    rows, columns = np.nonzero((labels > 0).any(axis=0))
    for hit in (rows, columns):
        assert (hit.min() + hit.max()) / 2 == pytest.approx((size - 1) / 2, abs=1)


def test_views_show_the_neighbouring_slices():
    images, _ = views_of(drawn_volume(3), spacing_mm=1.5, size=64)
    assert (images[1, 0] == images[0, 1]).all()
    assert (images[0, 0] == images[0, 1]).all()
    assert (images[-1, 2] == images[-1, 1]).all()


def test_views_show_the_other_end_of_the_beat_after_the_phase():
    volume = drawn_volume(3)
    alone, _ = views_of(volume, spacing_mm=1.5, size=64)
    assert (alone[:, :3] == alone[:, 3:]).all()
    other = dataclasses.replace(volume, opposite=volume.images * np.float32(0.5))
    both, _ = views_of(other, spacing_mm=1.5, size=64)
    assert (both[:, :3] == alone[:, :3]).all()
    assert both[:, 3:] == pytest.approx(0.5 * alone[:, 3:])


def test_dice_is_one_for_the_drawn_labels_and_less_for_others():
    volume = drawn_volume(3)
    _, labels = views_of(volume, spacing_mm=1.5, size=64)
    right = dice_in_views(Answering(labels), [volume], spacing_mm=1.5, size=64)
    assert right == {"dice_rv": 1.0, "dice_myocardium": 1.0, "dice_lv": 1.0, "lv_below_0.8": 0}
    wrong = dice_in_views(Answering(np.zeros_like(labels)), [volume], spacing_mm=1.5, size=64)
    assert wrong["dice_lv"] == 0.0
    assert wrong["lv_below_0.8"] == 1
