"""The only transitions that exist."""

import pytest

from plugin.domain.job import DELIVERY_TRANSITIONS, JOB_TRANSITIONS, DeliveryState, JobState


def test_every_state_has_a_row():
    assert set(JOB_TRANSITIONS) == set(JobState)
    assert set(DELIVERY_TRANSITIONS) == set(DeliveryState)


@pytest.mark.parametrize("state", [JobState.UNCHANGED, JobState.SUPERSEDED, JobState.WITHDRAWN])
def test_final_states_are_final(state):
    assert JOB_TRANSITIONS[state] == frozenset()


def test_no_state_follows_itself():
    for table in (JOB_TRANSITIONS, DELIVERY_TRANSITIONS):
        assert all(state not in following for state, following in table.items())


def test_only_a_running_job_is_reported():
    before = {
        state for state, following in JOB_TRANSITIONS.items() if JobState.REPORTED in following
    }
    assert before == {JobState.RUNNING}


def test_lost_lease_brings_a_job_back():
    assert JobState.QUEUED in JOB_TRANSITIONS[JobState.RUNNING]


def test_dead_delivery_can_be_retried_and_only_sent_ones_confirmed():
    assert DELIVERY_TRANSITIONS[DeliveryState.DEAD] == {DeliveryState.PENDING}
    before = {
        s for s, following in DELIVERY_TRANSITIONS.items() if DeliveryState.CONFIRMED in following
    }
    assert before == {DeliveryState.SENT}


def test_confirmed_and_replaced_deliveries_are_final():
    for state in (DeliveryState.CONFIRMED, DeliveryState.REPLACED):
        assert DELIVERY_TRANSITIONS[state] == frozenset()


def test_every_job_state_can_be_reached_from_queued():
    reached, front = {JobState.QUEUED}, [JobState.QUEUED]
    while front:
        for state in JOB_TRANSITIONS[front.pop()] - reached:
            reached.add(state)
            front.append(state)
    assert reached == set(JobState)
