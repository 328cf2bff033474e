import numpy as np
import pytest

from worker.model.beat import (
    CURVE_PHASES,
    opposite_phases,
    phases_near_ends,
    phases_to_look_at,
)


@pytest.mark.parametrize("n_phases", [1, 2, 11, 12, 13, 25, 80])
def test_phases_to_look_at_are_few_different_and_from_the_cine(n_phases):
    phases = phases_to_look_at(n_phases)
    assert phases[0] == 0
    assert len(phases) == min(n_phases, CURVE_PHASES)
    assert phases == sorted(set(phases))
    assert phases[-1] < n_phases


def test_opposite_is_the_other_end_of_the_beat():
    cavity = np.array([100.0, 80, 50, 40, 60, 95])
    assert opposite_phases(6, list(range(6)), cavity) == [3, 3, 0, 0, 0, 3]


def test_opposite_of_phases_between_those_looked_at_follows_the_curve():
    found = opposite_phases(8, [0, 2, 4, 6], np.array([100.0, 60, 20, 90]))
    assert found == [4, 4, 0, 0, 0, 0, 4, 4]
    assert opposite_phases(4, [0, 2], np.array([10.0, 90])) == [2, 2, 0, 2][:2] + [0, 2][:2]


def test_phases_near_the_ends_go_on_from_the_last_phase_to_the_first():
    cavity = np.array([100.0, 80, 50, 40, 60, 95])
    assert phases_near_ends(6, list(range(6)), cavity) == [0, 1, 2, 3, 4, 5]
    assert phases_near_ends(12, list(range(0, 12, 2)), cavity) == [0, 1, 5, 6, 7, 11]
    assert phases_near_ends(2, [0, 1], cavity[:2]) == [0, 1]
