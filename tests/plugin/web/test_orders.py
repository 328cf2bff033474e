"""The page of orders: what came, for which studies; bringing and cancelling one."""

import re

import pytest

from plugin.domain.access import Role
from tests.plugin.domain.triage.policies import policy_text, rule
from tests.plugin.orders.messages import orm
from tests.plugin.web.conftest import Person, receive, report

ORDERS = "/orders"


@pytest.fixture
def technologist(app):
    return Person(app, "technologist")


def bring(person, message):
    headers = {"X-CSRF-Token": person.csrf, "Content-Type": "application/octet-stream"}
    return person.http.post(f"{ORDERS}/take", content=message.encode(), headers=headers)


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_only_those_who_bring_orders_see_the_page(app, role):
    person = Person(app, role)
    allowed = role in {"technologist", "admin"}
    assert person.get(ORDERS).status_code == (200 if allowed else 403)
    assert bring(person, orm()).status_code == (200 if allowed else 403)
    assert ('href="/orders"' in person.get("/account").text) is allowed


def test_orders_are_shown_with_what_they_ask_and_their_studies(technologist, registry):
    study = receive(registry, accession_number="A1")
    assert "No order came yet" in technologist.get(ORDERS).text
    taken = bring(technologist, orm("S", patient_class="E", name="Secret^Name")).text
    assert "STAT (OBR-27.6 S)" in taken
    assert "studies here: 1, raised just now: 1" in taken
    later = bring(technologist, orm("A", "<b>A2", filler="F2^RIS", placer="P2^HIS")).text
    assert "its study is not here yet" in later
    text = technologist.get(ORDERS).text
    assert f'<a href="/studies/{study.id}">study {study.id}</a>' in text
    assert "ordered STAT" in text
    assert "emergency" in text
    assert "&lt;b&gt;A2" in text
    assert "not here" in text
    assert "Secret" not in text + taken
    found = technologist.post(f"{ORDERS}/find", {"term": "A1"}).text
    assert "F1^RIS" in found
    assert "F2^RIS" not in found
    assert "No order is named so" in technologist.post(f"{ORDERS}/find", {"term": "X"}).text


def test_message_that_is_no_order_is_refused_with_a_sentence(technologist, registry):
    text = bring(technologist, "hello").text
    assert 'role="alert"' in text
    assert "no order that can be read" in text
    assert registry.orders.list() == []
    assert bring(technologist, "x" * (5 << 20)).status_code == 413
    data = orm().encode()
    assert technologist.http.post(f"{ORDERS}/take", content=data).status_code == 403, "no token"


def test_order_is_cancelled_while_its_study_has_not_come(technologist, registry):
    receive(registry, accession_number="A1")
    bring(technologist, orm("S") + orm("S", "A2", filler="F2^RIS", placer="P2^HIS"))
    (button,) = re.findall(r'action="(/orders/\d+/cancel)"', technologist.get(ORDERS).text)
    assert technologist.http.post(button).status_code == 403, "no token"
    assert technologist.post(button).status_code == 303
    text = technologist.get(ORDERS).text
    assert "/cancel" not in text
    assert "cancelled" in text
    study = receive(registry, uid="1.2.840.7", accession_number="A2")
    assert "Ordered" not in technologist.get(f"/studies/{study.id}").text
    assert technologist.post(f"{ORDERS}/99/cancel").status_code == 404


def test_orders_come_in_pages(technologist):
    told = (orm("A", f"A{number}", filler=f"F{number}^RIS", placer="") for number in range(51))
    bring(technologist, "".join(told))
    older = re.search(r'href="(/orders\?before=\d+)"', technologist.get(ORDERS).text)[1]
    text = technologist.get(older).text
    assert "F0^RIS" in text
    assert "F1^RIS" not in text


def test_page_of_a_study_says_that_its_report_is_older_than_what_raised_it(
    technologist, registry, spool
):
    registry.policies.activate(
        policy_text(rule(level="STAT", when='{ order_priority = "STAT" }')), "me"
    )
    study = receive(registry, accession_number="A1")
    report(registry, spool, study)
    page = f"/studies/{study.id}"
    assert "The report is older" not in technologist.get(page).text
    bring(technologist, orm("S"))
    text = technologist.get(page).text
    assert '<span class="pill STAT">STAT</span>' in text
    assert "The report is older than that and says URGENT" in text
