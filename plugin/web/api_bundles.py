"""The REST interface of model bundles: upload, verify, activate, roll back, remove.

What touches their files a worker does: it is asked, and ``GET /requests/{id}`` tells the outcome.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.licences import permitted_use
from plugin.domain.request import RequestKind
from plugin.registry.bundles import BundleRecord
from plugin.web.administration.bundles import ask_about_bundle
from plugin.web.administration.upload import receive_upload
from plugin.web.api_administration_models import ExpectedBody, RequestAnswer
from plugin.web.api_bundle_models import BundleActivationAnswer, BundleAnswer, BundlesAnswer
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

ZIP_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""Description of a body that is taken as it comes."""


def add_bundles(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_files(routes, site, door)
    _add_activations(routes, site, door)


def _add_files(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/bundles", tags=["bundles"])
    def bundles(_visitor: admin, before_id: Before = None, limit: Size = 100) -> BundlesAnswer:
        """Return the model bundles of this installation, newest first, and which one decides."""
        return _bundles(site, limit, before_id)

    @routes.post("/bundles", tags=["bundles"], status_code=202, openapi_extra=ZIP_BODY)
    async def upload(request: Request, visitor: changer) -> RequestAnswer:
        """Upload the zip of a bundle's folder (up to 2 GiB); a worker verifies and installs it."""
        kind = RequestKind.INSTALL_BUNDLE
        return RequestAnswer.model_validate(await receive_upload(site, request, kind, visitor.name))

    @routes.delete("/bundles/{bundle_id}", tags=["bundles"], status_code=202)
    def remove(bundle_id: Id, visitor: changer) -> RequestAnswer:
        """Have a worker delete a bundle that is neither in force nor the one to roll back to."""
        return _ask(RequestKind.REMOVE_BUNDLE, bundle_id, visitor)

    @routes.post("/bundles/{bundle_id}/verify", tags=["bundles"], status_code=202)
    def verify(bundle_id: Id, visitor: changer) -> RequestAnswer:
        """Have a worker check every file; ``GET /requests/{id}`` tells the outcome."""
        return _ask(RequestKind.VERIFY_BUNDLE, bundle_id, visitor)

    def _ask(kind: RequestKind, bundle_id: int, visitor: Visitor) -> RequestAnswer:
        asked = ask_about_bundle(site, kind, _bundle(site, bundle_id), visitor.name)
        return RequestAnswer.model_validate(asked)


def _add_activations(routes: APIRouter, site: Site, door: Door) -> None:
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    known = site.registry.bundles

    @routes.post("/bundles/{bundle_id}/activate", tags=["bundles"])
    def activate(
        bundle_id: Id, visitor: changer, body: Annotated[ExpectedBody, Body()]
    ) -> BundlesAnswer:
        """Let a verified bundle decide from the next analysis on."""
        found = _bundle(site, bundle_id)
        known.activate(found.id, visitor.name, expected_id=body.expected_id)
        return _bundles(site)

    @routes.post("/bundles/of-settings", tags=["bundles"])
    def of_settings(visitor: changer, body: Annotated[ExpectedBody, Body()]) -> BundlesAnswer:
        """Let the settings name the bundle again."""
        known.activate(None, visitor.name, expected_id=body.expected_id)
        return _bundles(site)

    @routes.post("/bundles/rollback", tags=["bundles"])
    def rollback(visitor: changer, body: Annotated[ExpectedBody, Body()]) -> BundlesAnswer:
        """Let the bundle decide again that did before."""
        known.rollback(visitor.name, expected_id=body.expected_id)
        return _bundles(site)


def _bundles(site: Site, limit: int = 100, before_id: int | None = None) -> BundlesAnswer:
    bundles = site.registry.bundles
    found = bundles.page(limit, before_id)
    in_force, history, needed = bundles.in_force(), bundles.history(), bundles.needed()
    return BundlesAnswer(
        bundles=[
            BundleAnswer.model_validate(
                {**asdict(one), "facts": _facts(one), "is_needed": one.id in needed}
            )
            for one in found
        ],
        next=following(found, limit),
        in_force=None if in_force is None else in_force.id,
        activation_id=history[0].id if history else 0,
        history=[BundleActivationAnswer.model_validate(one) for one in history],
    )


def _facts(record: BundleRecord) -> dict[str, Any]:
    return {**record.facts, "permits": permitted_use(str(record.facts.get("licence", "")))}


def _bundle(site: Site, bundle_id: int) -> BundleRecord:
    found = site.registry.bundles.get(bundle_id)
    if found is None:
        raise HTTPException(404)
    return found
