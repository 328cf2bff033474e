"""The order of the worklist: whatever the AI says, no study falls behind its own place."""

from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.findings import Priority
from plugin.domain.triage import IncomingPriority, Reading, Standing, rank_key

standings = st.builds(
    Standing,
    level=st.sampled_from(list(Priority)),
    incoming=st.none() | st.sampled_from(list(IncomingPriority)),
    waiting_seconds=st.floats(0, 1e7),
    reading=st.sampled_from(list(Reading)),
)


def silent(standing):
    return Standing(Priority.ROUTINE, standing.incoming, standing.waiting_seconds, standing.reading)


@given(standings)
def test_suggestion_never_demotes(standing):
    plain = rank_key(silent(standing), ai_orders=True)
    assert rank_key(standing, ai_orders=True) <= plain
    assert plain == rank_key(standing, ai_orders=False)


@given(st.lists(standings, min_size=1, max_size=12), st.data())
def test_promoting_one_study_never_moves_it_back_in_any_list(listed, data):
    index = data.draw(st.integers(0, len(listed) - 1))
    others = [rank_key(one, ai_orders=True) for n, one in enumerate(listed) if n != index]

    def n_before(standing):
        return sum(key < rank_key(standing, ai_orders=True) for key in others)

    assert n_before(listed[index]) <= n_before(silent(listed[index]))


@given(st.lists(standings, max_size=12))
def test_shadow_order_is_that_of_orders_and_time_alone(listed):
    def order(some):
        return sorted(range(len(some)), key=lambda n: rank_key(some[n], ai_orders=False))

    assert order(listed) == order([silent(one) for one in listed])


@given(standings, standings)
def test_of_two_equally_urgent_the_longer_waiting_comes_first(first, second):
    same = Standing(first.level, first.incoming, second.waiting_seconds, first.reading)
    longer = max(first, same, key=lambda one: one.waiting_seconds)
    shorter = min(first, same, key=lambda one: one.waiting_seconds)
    assert rank_key(longer, ai_orders=True) <= rank_key(shorter, ai_orders=True)


@given(standings)
def test_nobody_is_placed_below_the_order_of_an_unread_low_one(standing):
    unread = Standing(standing.level, standing.incoming, standing.waiting_seconds)
    low = Standing(Priority.ROUTINE, IncomingPriority.LOW, standing.waiting_seconds)
    assert rank_key(unread, ai_orders=True) <= rank_key(low, ai_orders=True)


def test_order_of_levels():
    keys = [
        rank_key(one, ai_orders=True)
        for one in (
            Standing(Priority.STAT, None, 0),
            Standing(Priority.ROUTINE, IncomingPriority.STAT, 0),
            Standing(Priority.URGENT, None, 0),
            Standing(Priority.ROUTINE, IncomingPriority.HIGH, 0),
            Standing(Priority.ROUTINE, None, 0),
            Standing(Priority.ROUTINE, IncomingPriority.LOW, 0),
            Standing(Priority.STAT, IncomingPriority.STAT, 99, Reading.READ),
        )
    ]
    assert keys == sorted(keys)
