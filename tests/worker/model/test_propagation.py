import numpy as np
import pytest

from worker.model.propagation import guide, middle_slice, outwards


@pytest.mark.parametrize(("n_slices", "middle"), [(1, 0), (5, 0), (5, 4), (9, 4)])
def test_outwards_visits_each_slice_once_and_its_guide_before_it(n_slices, middle):
    seen = []
    for z, neighbour in outwards(n_slices, middle):
        assert neighbour is None if not seen else neighbour in seen
        seen.append(z)
    assert seen[0] == middle
    assert sorted(seen) == list(range(n_slices))


def test_middle_slice_is_where_the_left_ventricle_is_largest_not_the_right_one():
    labels = np.zeros((2, 8, 10, 10), np.uint8)
    labels[:, 0, :, :] = 1
    labels[:, 3:6, :4, :4] = 3
    labels[0, 5, :6, :6] = 2
    assert middle_slice(labels) == 4


def test_middle_slice_without_a_ventricle_is_the_middle_of_the_stack():
    assert middle_slice(np.zeros((3, 9, 4, 4), np.uint8)) == 4


def test_guide_has_one_channel_for_each_structure():
    labels = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    channels = guide(labels)
    assert channels.shape == (1, 3, 2, 2)
    assert channels.dtype == np.float32
    assert channels.sum() == 3
    assert all(channels[0, k - 1].reshape(-1)[k] == 1 for k in (1, 2, 3))
