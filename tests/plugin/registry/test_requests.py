"""Requests between processes: taken once, answered once, and not for ever."""

from datetime import timedelta

import pytest

from plugin.domain.errors import Reason
from plugin.domain.request import BY_DELIVERY, RequestKind, RequestState

BY_WORKER = frozenset(RequestKind) - BY_DELIVERY


def ask(registry, kind=RequestKind.ECHO_PEER, **asked):
    return registry.requests.ask(kind, asked or {"ae_title": "PACS"}, "admin", "peer PACS")


def test_request_is_taken_once_by_a_process_that_can_do_it(registry):
    asked = ask(registry)
    assert asked.state is RequestState.WAITING
    assert registry.requests.take(BY_WORKER, "worker") is None
    taken = registry.requests.take(BY_DELIVERY, "deliver")
    assert (taken.id, taken.asked, taken.asked_by) == (asked.id, {"ae_title": "PACS"}, "admin")
    assert registry.requests.take(BY_DELIVERY, "deliver") is None
    assert registry.requests.get(asked.id).state is RequestState.TAKEN
    registry.requests.answer(asked.id, {"lines": ["It answers."]})
    registry.requests.refuse(asked.id, Reason.INTERNAL_ERROR, "too late")
    answered = registry.requests.get(asked.id)
    assert (answered.state, answered.answer) == (RequestState.DONE, {"lines": ["It answers."]})


def test_refused_request_says_why(registry):
    asked = ask(registry)
    registry.requests.refuse(asked.id, Reason.DESTINATION_UNREACHABLE, "No answer.")
    answered = registry.requests.get(asked.id)
    assert (answered.state, answered.reason) == (
        RequestState.REFUSED,
        Reason.DESTINATION_UNREACHABLE,
    )


@pytest.mark.parametrize("kind", [RequestKind.ECHO_PEER, RequestKind.WITHDRAW_RESULT])
def test_questions_lapse_and_orders_do_not(registry, clock, kind):
    asked = ask(registry, kind)
    clock.now += timedelta(minutes=10)
    taken = registry.requests.take(frozenset(RequestKind), "late")
    lapsed = kind is RequestKind.ECHO_PEER
    assert (taken is None) is lapsed
    state = registry.requests.get(asked.id).state
    assert state is (RequestState.OVERDUE if lapsed else RequestState.TAKEN)


def test_question_that_is_worked_at_is_not_overdue_while_somebody_holds_it(registry, clock):
    asked = ask(registry)
    clock.now += timedelta(seconds=110)
    taken = registry.requests.take(BY_DELIVERY, "deliver")
    clock.now += timedelta(seconds=20)
    assert registry.requests.get(taken.id).state is RequestState.TAKEN
    clock.now += timedelta(minutes=6)
    assert registry.requests.get(asked.id).state is RequestState.OVERDUE


def test_request_that_is_worked_at_for_long_is_kept_by_who_has_it(registry, clock):
    asked = ask(registry, RequestKind.WITHDRAW_RESULT)
    registry.requests.take(BY_WORKER, "one")
    clock.now += timedelta(seconds=200)
    registry.requests.hold(asked.id, "one")
    registry.requests.hold(asked.id, "another")
    clock.now += timedelta(seconds=200)
    assert registry.requests.take(BY_WORKER, "another") is None
    clock.now += timedelta(seconds=101)
    assert registry.requests.take(BY_WORKER, "another").id == asked.id


def test_request_of_a_process_that_died_is_taken_again(registry, clock):
    asked = ask(registry, RequestKind.WITHDRAW_RESULT)
    assert registry.requests.take(BY_WORKER, "first").id == asked.id
    clock.now += timedelta(minutes=6)
    assert registry.requests.take(BY_WORKER, "second").id == asked.id


def test_old_requests_go_and_the_audit_keeps_them(registry, clock):
    answered, lapsed = ask(registry), ask(registry)
    order = ask(registry, RequestKind.WITHDRAW_RESULT)
    registry.requests.answer(answered.id, {})
    clock.now += timedelta(days=8)
    ask(registry)
    assert registry.requests.get(answered.id) is None
    assert registry.requests.get(lapsed.id) is None
    assert registry.requests.get(order.id).state is RequestState.WAITING
    assert len(registry.audit.list()) == 4


def test_processes_beat_and_are_forgotten(registry, clock):
    registry.heartbeats.beat("host:1", "worker", {"device": "cpu"})
    clock.now += timedelta(seconds=20)
    registry.heartbeats.beat("host:1", "worker", {"device": "cuda"})
    (beat,) = registry.heartbeats.list()
    assert beat.facts == {"device": "cuda"}
    assert beat.seen_at - beat.started_at == timedelta(seconds=20)
    assert beat.is_alive(clock.now)
    assert not beat.is_alive(clock.now + timedelta(minutes=2))
    clock.now += timedelta(days=1)
    registry.heartbeats.beat("host:2", "worker", {})
    assert [one.name for one in registry.heartbeats.list()] == ["host:2"]
    registry.heartbeats.ended("host:2")
    assert registry.heartbeats.list() == []
