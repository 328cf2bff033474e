"""Withdrawing on the page of a study: who may, what is asked for, and how its answer shows."""

import re

import pytest

from plugin.domain.access import Role
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.request import RequestKind
from tests.plugin.web.conftest import Person, receive, report

HTMX = {"HX-Request": "true"}
WHY = {"reason": "Contours of <b>another</b> heart."}


@pytest.fixture
def study(registry, spool):
    study = receive(registry)
    report(registry, spool, study)
    return study


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_readers_and_admins_withdraw(app, registry, study, role):
    person = Person(app, role)
    may = role in {"reader", "admin"}
    if role != "auditor":
        assert ("Withdraw the result" in person.get(f"/studies/{study.id}").text) is may
    answer = person.post(f"/studies/{study.id}/withdraw", WHY)
    assert answer.status_code == (303 if may else 403)
    request = registry.requests.take([RequestKind.WITHDRAW_RESULT], "worker")
    assert (request is not None) is may
    if may:
        assert request.asked == {"study_id": study.id, "why": WHY["reason"]}
        assert request.asked_by == role


def test_answer_is_shown_where_it_was_asked(reader, registry, study):
    shown = reader.post(f"/studies/{study.id}/withdraw", WHY, headers=HTMX).text
    address = re.search(r'hx-get="(/studies/\d+/withdrawal/\d+)"', shown)[1]
    request = registry.requests.take([RequestKind.WITHDRAW_RESULT], "worker")
    registry.requests.answer(request.id, {"generation": 1, "n_told": 2})
    assert "2 destinations get a rejection note" in reader.get(address).text
    assert reader.get(f"/studies/{study.id + 1}/withdrawal/{request.id}").status_code == 404
    assert reader.get(f"/administration/requests/{request.id}").status_code == 403
    echo = registry.requests.ask(RequestKind.ECHO_PEER, {"study_id": study.id}, "admin", "x")
    assert reader.get(f"/studies/{study.id}/withdrawal/{echo.id}").status_code == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_is_needed(reader, registry, study, reason):
    answer = reader.post(f"/studies/{study.id}/withdraw", {"reason": reason})
    assert answer.status_code == 422
    assert registry.requests.take([RequestKind.WITHDRAW_RESULT], "worker") is None


def test_study_without_a_result_is_not_withdrawn(reader, registry):
    study = receive(registry, uid="1.2.840.2")
    assert "Withdraw the result" not in reader.get(f"/studies/{study.id}").text
    answer = reader.post(f"/studies/{study.id}/withdraw", WHY)
    assert answer.status_code == 409
    assert SENTENCES[Reason.NOTHING_TO_WITHDRAW] in answer.text
    assert reader.post("/studies/99/withdraw", WHY).status_code == 404
