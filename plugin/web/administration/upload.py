"""The upload of a bundle's archive: kept as bytes here, looked into by a worker only."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from plugin.domain.access import Permission
from plugin.domain.errors import Reason, TransientError
from plugin.domain.request import BY_DELIVERY, RequestKind
from plugin.registry.requests import RequestRecord
from plugin.web.administration.card import ADDRESS, Shown
from plugin.web.site import Site
from plugin.web.visitor import Door, TooLargeError, Visitor

MAXIMUM_UPLOAD_BYTES = 2 << 30


def upload_routes(site: Site, door: Door) -> APIRouter:
    """Return the address that takes an archive as the body of a request."""
    routes = APIRouter(include_in_schema=False)
    admin = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.post(f"{ADDRESS}/bundles/upload")
    async def upload(request: Request, visitor: admin) -> Response:
        asked = await receive_bundle(site, request, visitor.name)
        shown: Shown = {"asked": asked, "by_delivery": BY_DELIVERY}
        return site.page(request, "administration/request.html", visitor, **shown)

    return routes


async def receive_bundle(site: Site, request: Request, actor: str) -> RequestRecord:
    """Keep the body of a request as an upload, and ask a worker to verify and install it.

    Raises
    ------
    TooLargeError
        More than 2 GiB.
    TransientError
        ``DISK_FULL``: with it less would be free than images need.
    """
    room_bytes = site.spool.free_bytes() - site.settings.spool.minimum_free_bytes
    n_bytes = 0
    with site.spool.new_upload() as (name, file):
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > MAXIMUM_UPLOAD_BYTES:
                raise TooLargeError
            # Unpacked it needs the room once more.
            if 2 * n_bytes > room_bytes:
                raise TransientError(Reason.DISK_FULL)
            file.write(chunk)
    return site.registry.requests.ask(
        RequestKind.INSTALL_BUNDLE, {"upload": name}, actor, "bundle upload"
    )
