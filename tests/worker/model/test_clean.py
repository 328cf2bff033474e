import numpy as np

from worker.model.clean import clean_heart, drop_lonely_islands


def ring(shape=(3, 40, 40), centre=(20, 20), inner=6, outer=9):
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    distance = np.hypot(rows - centre[0], columns - centre[1])
    labels = np.zeros(shape, np.uint8)
    labels[:, distance < outer] = 2
    labels[:, distance < inner] = 3
    return labels


def test_clean_leaves_a_sound_heart_alone():
    labels = ring()
    assert np.array_equal(clean_heart(labels), labels)


def test_clean_drops_a_second_smaller_heart():
    labels = ring()
    labels[1, 2:6, 2:6] = 3
    assert np.array_equal(clean_heart(labels), ring())


def test_clean_fills_a_hole_in_the_cavity_with_cavity():
    labels = ring()
    labels[1, 19:21, 19:21] = 0
    assert np.array_equal(clean_heart(labels), ring())


def test_clean_drops_cavity_that_no_wall_touches():
    labels = ring()
    labels[0] = 0
    labels[0, 18:22, 18:22] = 3
    assert not clean_heart(labels)[0].any()


def test_clean_keeps_an_open_ring_at_the_outflow_tract():
    labels = ring()
    labels[0, 10:18, 16:24][labels[0, 10:18, 16:24] == 2] = 0
    assert (clean_heart(labels)[0] == 3).sum() == (labels[0] == 3).sum()


def test_islands_that_no_neighbouring_phase_supports_go():
    beat = np.stack([ring()] * 6)
    beat[:, 2] = 0
    noisy = beat.copy()
    noisy[3, 2, 18:24, 18:24] = 3
    assert np.array_equal(drop_lonely_islands(noisy), beat)


def test_islands_in_few_phases_are_left():
    beat = np.stack([ring(), np.zeros_like(ring())])
    assert np.array_equal(drop_lonely_islands(beat), beat)
