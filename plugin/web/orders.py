"""The page of orders: which came, of which studies they are, bringing and cancelling one.

What an order asks for, ``plugin.orders`` reads; what it raises, the registry does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import OrderRejectedError
from plugin.domain.order import ImagingOrder
from plugin.domain.triage import OrderFacts
from plugin.orders import MAXIMUM_BYTES, take_orders
from plugin.registry.orders import OrderRecord
from plugin.web.administration.card import Shown
from plugin.web.body import take_up_to
from plugin.web.numbers import Before, Id
from plugin.web.site import Site
from plugin.web.visitor import Change, Door, Visitor

_N_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """A study that an order is of, and how urgent all of its orders made it."""

    id: int
    priority: str


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order as the page shows it.

    Attributes
    ----------
    also
        What it tells besides its priority: class of the patient, flags of its text.
    kept_until
        When it is forgotten unless its study comes.
    """

    id: int
    order: ImagingOrder
    also: str
    studies: tuple[ListedStudy, ...]
    kept_until: datetime


def order_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of the page of orders."""
    routes = APIRouter(include_in_schema=False)
    looker = Annotated[Visitor, Depends(door.need(Permission.ORDER))]
    bringer = Annotated[Visitor, Depends(door.command(Permission.ORDER))]
    changer = Annotated[Change, Depends(door.change(Permission.ORDER))]
    known = site.registry.orders

    @routes.get("/orders")
    def orders(request: Request, visitor: looker, before: Before = None) -> Response:
        found = known.list(_N_SHOWN + 1, before)
        shown = found[:_N_SHOWN]
        following = shown[-1].id if len(found) > _N_SHOWN else None
        return page(request, visitor, shown, following=following)

    @routes.post("/orders/find")
    def find(request: Request, change: changer) -> Response:
        return page(request, change.visitor, known.find(change["term"]), term=change["term"])

    @routes.post("/orders/take")
    async def take(request: Request, visitor: bringer) -> Response:
        data = await message_body(request)
        words = ""
        try:
            taken = await run_in_threadpool(take_orders, site.registry, data, visitor.name)
        except OrderRejectedError as error:
            taken, words = [], error.sentence
        return site.page(request, "orders_taken.html", visitor, taken=taken, words=words)

    @routes.post("/orders/{order_id}/cancel")
    def cancel(order_id: Id, change: changer) -> Response:
        if known.cancel(order_id, change.visitor.name) is None:
            raise HTTPException(404)
        return RedirectResponse("/orders", 303)

    def page(
        request: Request,
        visitor: Visitor,
        records: Sequence[OrderRecord],
        *,
        term: str = "",
        following: int | None = None,
    ) -> Response:
        listed = [_listed(site, one) for one in records]
        shown: Shown = {"orders": listed, "term": term, "following": following}
        return site.page(request, "orders.html", visitor, **shown)

    return routes


async def message_body(request: Request) -> bytes:
    """Return a message as it comes; ``TooLargeError`` for more than an order has."""
    take_up_to(request, MAXIMUM_BYTES)
    return await request.body()


def _listed(site: Site, record: OrderRecord) -> ListedOrder:
    order = record.order
    flags = sorted(flag.value.replace("_", " ") for flag in order.text_flags)
    studies = [
        ListedStudy(one.id, OrderFacts.from_dict(one.order_facts or {}).priority or "")
        for one in site.registry.orders.studies_of(record)
    ]
    kept = timedelta(days=site.settings.registry.unmatched_order_days)
    also = ", ".join([*([order.patient_class.value] if order.patient_class else []), *flags])
    return ListedOrder(record.id, order, also, tuple(studies), record.received_at + kept)
