"""The REST interface of orders: a RIS or an interface engine brings them, others look them up.

What a body is, its first bytes tell, not its content type: engines get that wrong.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.triage import ClinicalFlag, IncomingPriority, OrderSource, PatientClass
from plugin.orders import take_orders
from plugin.registry.orders import OrderRecord, TakenOrder, TakeOutcome
from plugin.web.api_study_models import FindBody
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.orders import message_body
from plugin.web.site import Site
from plugin.web.study import find_study
from plugin.web.visitor import Door, Visitor

_EXAMPLE = "MSH|^~\\&|RIS|..."
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/hl7-v2": {"schema": {"type": "string"}, "example": _EXAMPLE},
            "text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE},
            "application/dicom+json": {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    },
    "responses": {413: {"description": "The message is too large."}},
}


class OrderAnswer(BaseModel):
    """An order as it stands after its latest message; it names no patient."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    received_at: datetime
    source: OrderSource
    told_at: datetime
    placer_number: str
    filler_number: str
    work_item_uid: str
    study_instance_uid: str
    accession_number: str
    accession_issuer: str
    requested_procedure_id: str
    priority: IncomingPriority | None
    written: str
    patient_class: PatientClass | None
    text_flags: list[ClinicalFlag]
    is_cancelled: bool


class TakenAnswer(BaseModel):
    """What became of one order of a message."""

    outcome: TakeOutcome
    order: OrderAnswer | None
    study_ids: list[int]
    raised_ids: list[int]


class TakenAnswers(BaseModel):
    """What became of every order of a message."""

    orders: list[TakenAnswer]


class OrdersAnswer(BaseModel):
    """A page of orders; ``next`` is ``before_id`` of the following one."""

    orders: list[OrderAnswer]
    next: int | None


def add_orders(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    bringer = Annotated[Visitor, Depends(door.command(Permission.ORDER))]
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    searcher = Annotated[Visitor, Depends(door.command(Permission.VIEW))]
    registry = site.registry

    @routes.post("/orders", tags=["orders"], openapi_extra=_BODY)
    async def take(request: Request, visitor: bringer) -> TakenAnswers:
        """Take an HL7 v2 order message or a UPS; studies that are here are raised at once."""
        data = await message_body(request)
        taken = await run_in_threadpool(take_orders, registry, data, visitor.name)
        return TakenAnswers(orders=[_taken(one) for one in taken])

    @routes.get("/orders", tags=["orders"])
    def orders(
        _visitor: viewer,
        before_id: Before = None,
        limit: Size = 100,
    ) -> OrdersAnswer:
        """Return orders, the latest known first."""
        found = registry.orders.list(limit, before_id)
        return OrdersAnswer(orders=[_order(one) for one in found], next=following(found, limit))

    @routes.post("/orders/find", tags=["orders"])
    def find(_visitor: searcher, body: Annotated[FindBody, Body()]) -> OrdersAnswer:
        """Return orders by accession or order number, UID or procedure ID; 100 at most."""
        found = registry.orders.find(body.term.strip())
        return OrdersAnswer(orders=[_order(one) for one in found], next=None)

    @routes.get("/orders/{order_id}", tags=["orders"])
    def order(order_id: Id, _visitor: viewer) -> OrderAnswer:
        """Return one order."""
        record = registry.orders.get(order_id)
        if record is None:
            raise HTTPException(404)
        return _order(record)

    @routes.post("/orders/{order_id}/cancel", tags=["orders"])
    def cancel(order_id: Id, visitor: bringer) -> OrderAnswer:
        """Cancel an order whose study has not come; what an order raised stays raised."""
        record = registry.orders.cancel(order_id, visitor.name)
        if record is None:
            raise HTTPException(404)
        return _order(record)

    @routes.get("/studies/{study_id}/orders", tags=["orders"])
    def of_study(study_id: Id, _visitor: viewer) -> OrdersAnswer:
        """Return the orders of a study, the latest told first."""
        found = registry.orders.of_study(find_study(site, study_id))
        return OrdersAnswer(orders=[_order(one) for one in found], next=None)


def _taken(one: TakenOrder) -> TakenAnswer:
    order = None if one.record is None else _order(one.record)
    return TakenAnswer(
        outcome=one.outcome,
        order=order,
        study_ids=list(one.study_ids),
        raised_ids=list(one.raised_ids),
    )


def _order(record: OrderRecord) -> OrderAnswer:
    order = record.order
    told = {name: getattr(order, name) for name in OrderAnswer.model_fields if hasattr(order, name)}
    told["text_flags"] = sorted(order.text_flags)
    return OrderAnswer(id=record.id, received_at=record.received_at, **told)
