"""Uploads of archives, of bundles and of studies: kept as bytes here, looked into by a worker.

Bytes come in the loop that serves every page, so whatever waits for a disk is done in a thread.
"""

import os
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from plugin.domain.access import Permission
from plugin.domain.errors import Reason, TransientError
from plugin.domain.request import BY_DELIVERY, UPLOADS, RequestKind
from plugin.domain.triage import IncomingPriority, OrderFacts, PatientClass
from plugin.registry import Registry
from plugin.registry.requests import RequestRecord
from plugin.spool import Spool
from plugin.web.administration.card import ADDRESS, Shown
from plugin.web.body import take_up_to
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

MAXIMUM_UPLOAD_BYTES = 2 << 30
_SUBJECTS = {
    RequestKind.INSTALL_BUNDLE: "bundle upload",
    RequestKind.LOOK_AT_UPLOAD: "study upload",
}


def upload_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses that take an archive as the body of a request."""
    routes = APIRouter(include_in_schema=False)
    admin = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.post(f"{ADDRESS}/bundles/upload")
    async def bundle(request: Request, visitor: admin) -> Response:
        return await take(request, visitor, RequestKind.INSTALL_BUNDLE)

    @routes.post(f"{ADDRESS}/dry-run/upload")
    async def study(request: Request, visitor: admin, order: AsIfOrdered) -> Response:
        return await take(request, visitor, RequestKind.LOOK_AT_UPLOAD, order)

    async def take(
        request: Request, visitor: Visitor, kind: RequestKind, order: OrderFacts | None = None
    ) -> Response:
        asked = await receive_upload(site, request, kind, visitor.name, order)
        shown: Shown = {"asked": asked, "by_delivery": BY_DELIVERY}
        return site.page(request, "administration/request.html", visitor, **shown)

    return routes


def as_if_ordered(
    order_priority: Annotated[
        IncomingPriority | None, Query(description="As if it had been ordered so.")
    ] = None,
    patient_class: Annotated[
        PatientClass | None, Query(description="As if the order had told it.")
    ] = None,
) -> OrderFacts | None:
    """Return the order that somebody imagines for images without one; None: no order."""
    if order_priority is None and patient_class is None:
        return None
    return OrderFacts(order_priority, patient_class=patient_class)


AsIfOrdered = Annotated[OrderFacts | None, Depends(as_if_ordered)]


async def receive_upload(
    site: Site, request: Request, kind: RequestKind, actor: str, order: OrderFacts | None = None
) -> RequestRecord:
    """Keep the body of a request as an upload, and ask a worker for what ``kind`` says.

    Parameters
    ----------
    order
        What a dry run is to think of as ordered.

    Raises
    ------
    TooLargeError
        More than 2 GiB.
    TransientError
        ``DISK_FULL``: with it less would be free than images need.
    """
    room_bytes = site.spool.free_bytes() - site.settings.spool.minimum_free_bytes
    n_bytes = 0
    take_up_to(request, MAXIMUM_UPLOAD_BYTES)
    with site.spool.new_upload() as (name, file):
        async for chunk in request.stream():
            n_bytes += len(chunk)
            # Unpacked it needs the room once more.
            if 2 * n_bytes > room_bytes:
                raise TransientError(Reason.DISK_FULL)
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(_sync, file)
    asked: dict[str, Any] = {"upload": name}
    if order is not None:
        asked["order"] = order.to_dict()
    return await run_in_threadpool(site.registry.requests.ask, kind, asked, actor, _SUBJECTS[kind])


def _sync(file: BinaryIO) -> None:
    """Put the content on the disk, so that closing has nothing left to wait for."""
    file.flush()
    os.fsync(file.fileno())


def remove_lost_uploads(registry: Registry, spool: Spool) -> None:
    """Delete uploads that were cut short by the end of this process; only at its start."""
    asked = registry.requests.unanswered(UPLOADS)
    spool.remove_uploads({str(one.asked["upload"]) for one in asked})
