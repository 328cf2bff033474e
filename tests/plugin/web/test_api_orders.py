"""Orders over the REST interface, and what the page of a study tells of them."""

import pytest

from plugin.accounts import Accounts
from plugin.orders import MAXIMUM_BYTES
from tests.plugin.orders.messages import as_json, orm, segment, ups
from tests.plugin.web.conftest import Person, receive, report

ORDERS = "/api/v1/orders"


@pytest.fixture
def ris(app, registry):
    """Return a program with the key of a technologist's account."""
    person = Person(app)
    key = Accounts(registry).add_token(registry.users.get("technologist"), "ris", 1)
    person.http.headers["Authorization"] = f"Bearer {key}"
    return person


def bring(person, message, kind="application/hl7-v2"):
    data = message.encode() if isinstance(message, str) else message
    return person.http.post(ORDERS, content=data, headers={"Content-Type": kind})


def test_order_raises_a_study_and_its_page_says_so(ris, admin, registry, spool):
    study = receive(registry, accession_number="A1")
    report(registry, spool, study)
    answer = bring(ris, orm("S", patient_class="E", name="Other^Name"))
    assert answer.status_code == 200, answer.text
    (taken,) = answer.json()["orders"]
    assert (taken["outcome"], taken["raised_ids"]) == ("new", [study.id])
    assert taken["order"]["priority"] == "STAT"
    assert "Name" not in answer.text
    page = admin.get(f"/studies/{study.id}").text
    assert "Ordered <b>STAT</b>" in page
    assert "by an HL7 v2 order" in page
    assert "STAT (OBR-27.6 S)" in page
    assert "technologist brought an order: STAT by an HL7 v2 order, emergency" in page
    assert "ordered STAT" in admin.rows()


def test_order_that_came_before_its_study_is_on_its_timeline_too(ris, admin, registry):
    bring(ris, as_json(ups("HIGH")), "application/dicom+json")
    study = receive(registry)
    page = admin.get(f"/studies/{study.id}").text
    assert "its order was here: HIGH by a UPS" in page


def test_page_of_a_study_without_an_order_speaks_of_none(admin, registry):
    study = receive(registry)
    page = admin.get(f"/studies/{study.id}").text
    assert "Ordered" not in page
    assert "Orders of this study" not in page


def test_orders_are_listed_and_looked_up(ris, registry):
    study = receive(registry, accession_number="A1")
    bring(ris, orm("S") + orm("A", accession="A2", filler="F2", placer="P2"))
    listed = ris.get(f"{ORDERS}?limit=1").json()
    assert [one["accession_number"] for one in listed["orders"]] == ["A2"]
    rest = ris.get(f"{ORDERS}?before_id={listed['next']}").json()
    assert [one["accession_number"] for one in rest["orders"]] == ["A1"]
    assert rest["next"] is None
    assert ris.get(f"{ORDERS}/{rest['orders'][0]['id']}").json() == rest["orders"][0]
    assert ris.get(f"{ORDERS}/99").status_code == 404
    of_study = ris.get(f"/api/v1/studies/{study.id}/orders").json()["orders"]
    assert of_study == rest["orders"]


@pytest.mark.parametrize(
    ("message", "status", "said"),
    [
        ("hello", 422, "no order that can be read"),
        ("", 422, "no order that can be read"),
        (orm(name="Secret^Name").replace("ORM^O01", "ADT^A08"), 422, "MSH-9 ADT"),
        (orm(accession="", filler="", name="Secret^Name"), 422, "neither a study"),
        (orm() + segment("OBX", f5="A" * MAXIMUM_BYTES), 413, "too large"),
    ],
)
def test_message_that_cannot_be_used_is_refused_with_a_sentence(ris, message, status, said):
    answer = bring(ris, message)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert "Secret" not in answer.text


def test_only_those_who_may_bring_orders_do(app, registry, admin, anybody):
    assert bring(anybody, orm()).status_code == 401
    assert bring(Person(app, "reader"), orm()).status_code == 403
    assert bring(admin, orm()).status_code == 403, "a browser sends the token of its page"
    admin.http.headers["X-CSRF-Token"] = admin.csrf
    assert bring(admin, orm()).status_code == 200
    assert Person(app, "auditor").get(ORDERS).status_code == 403


def test_order_is_found_by_its_names_and_cancelled_before_its_study(ris, app, registry):
    bring(ris, orm("S", "A1") + orm("A", "A2", filler="F2^RIS", placer="P2^HIS"))
    for term, accession in (("A1", "A1"), ("F2^RIS", "A2"), ("P2", "A2")):
        (found,) = ris.http.post(f"{ORDERS}/find", json={"term": term}).json()["orders"]
        assert found["accession_number"] == accession
    for nothing in ("F", "%", "A"):
        assert ris.http.post(f"{ORDERS}/find", json={"term": nothing}).json()["orders"] == []
    reader = Person(app, "reader")
    reader.http.headers["X-CSRF-Token"] = reader.csrf
    assert reader.http.post(f"{ORDERS}/{found['id']}/cancel").status_code == 403
    assert ris.http.post(f"{ORDERS}/{found['id']}/cancel").json()["is_cancelled"] is True
    entry = registry.audit.list(1)[0]
    assert (entry.actor, entry.action) == ("technologist", "order.cancel")
    ris.http.post(f"{ORDERS}/{found['id']}/cancel")
    assert registry.audit.list(1)[0].id == entry.id, "cancelled once"
    assert ris.http.post(f"{ORDERS}/99/cancel").status_code == 404
    study = receive(registry, accession_number="A2")
    assert registry.worklist.entry(study.id).order_urgency == 1
    outdated = bring(ris, orm("A", "A2", filler="F2^RIS", placer="P2^HIS")).json()["orders"]
    assert outdated[0]["outcome"] == "outdated", "the same message does not bring it back"
