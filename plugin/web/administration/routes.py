"""The addresses of the administration: a page per card, its buttons, and answers to requests."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.request import BY_DELIVERY
from plugin.registry.requests import RequestRecord
from plugin.web.administration import (
    bundles,
    destinations,
    dry_run,
    overview,
    peers,
    policy,
    queue,
    storage,
)
from plugin.web.administration import settings as settings_card
from plugin.web.administration.card import ADDRESS, Card, Shown
from plugin.web.administration.upload import upload_routes
from plugin.web.body import MAXIMUM_BODY_BYTES
from plugin.web.numbers import Before, Id
from plugin.web.site import Site
from plugin.web.visitor import Change, Door, Visitor

CARDS: tuple[Card, ...] = (
    overview.CARD,
    peers.CARD,
    destinations.CARD,
    queue.CARD,
    policy.CARD,
    dry_run.CARD,
    bundles.CARD,
    storage.CARD,
    settings_card.CARD,
)
"""All cards in the order of their tabs; the first one has the address of the administration."""

_CONFLICTS = frozenset({Reason.CHANGED_MEANWHILE, Reason.POLICY_CHANGED})


def administration_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of the administration."""
    routes = APIRouter(include_in_schema=False)
    routes.include_router(upload_routes(site, door))
    cards = {card.key: card for card in CARDS}
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    by_itself = door.need(Permission.ADMINISTER, by_itself=True)
    changes = door.change(Permission.ADMINISTER, maximum_bytes=MAXIMUM_BODY_BYTES)
    admin_change = Annotated[Change, Depends(changes)]

    @routes.get(ADDRESS)
    def first(request: Request, visitor: admin) -> Response:
        return _page(site, request, visitor, CARDS[0], {})

    @routes.get(f"{ADDRESS}/requests/{{request_id}}")
    def answer(
        request: Request, request_id: Id, visitor: Annotated[Visitor, Depends(by_itself)]
    ) -> Response:
        return _asked(site, request, visitor, _request(site, request_id))

    @routes.get(f"{ADDRESS}/{{key}}")
    def card(request: Request, key: str, visitor: admin, asked: Before = None) -> Response:
        extra = {} if asked is None else _following(site, _request(site, asked))
        return _page(site, request, visitor, _card(cards, key), extra)

    @routes.post(f"{ADDRESS}/{{key}}/{{action}}")
    def act(request: Request, key: str, action: str, change: admin_change) -> Response:
        card = _card(cards, key)
        if action not in card.actions:
            raise HTTPException(404)
        try:
            done = card.actions[action](site, change)
        except ConfigurationError as error:
            code = 409 if error.reason in _CONFLICTS else 422
            extra = {"words": error.sentence, **card.keep(change)}
            return _page(site, request, change.visitor, card, extra, code)
        if isinstance(done, RequestRecord):
            if request.headers.get("hx-request") == "true":
                return _asked(site, request, change.visitor, done)
            return RedirectResponse(f"{ADDRESS}/{key}?asked={done.id}", 303)
        if done is None:
            return RedirectResponse(f"{ADDRESS}/{key}", 303)
        return _page(site, request, change.visitor, card, done)

    return routes


def _card(cards: dict[str, Card], key: str) -> Card:
    if key not in cards:
        raise HTTPException(404)
    return cards[key]


def _request(site: Site, request_id: int) -> RequestRecord:
    found = site.registry.requests.get(request_id)
    if found is None:
        raise HTTPException(404)
    return found


def _page(
    site: Site, request: Request, visitor: Visitor, card: Card, extra: Shown, code: int = 200
) -> Response:
    shown = {
        "words": "",
        "done": "",
        "cards": CARDS,
        "card": card,
        "asked": None,
        **card.show(site),
        **extra,
    }
    return site.page(request, f"administration/{card.key}.html", visitor, code, **shown)


def _asked(site: Site, request: Request, visitor: Visitor, asked: RequestRecord) -> Response:
    shown = _following(site, asked)
    return site.page(request, "administration/request.html", visitor, **shown)


def _following(site: Site, asked: RequestRecord) -> Shown:
    """Return what the answer to a request shows."""
    return {
        "asked": asked,
        "by_delivery": BY_DELIVERY,
        "prospect": dry_run.what_follows(site, asked),
    }
