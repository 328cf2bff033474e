"""The REST interface of administration: senders, destinations, switches, deliveries, settings.

Changes are made by the registry, as those of the administration page are: checked and audited.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import SENTENCES
from plugin.domain.job import DeliveryState
from plugin.domain.objects import DEFAULT_OBJECTS
from plugin.domain.request import RequestKind
from plugin.registry import DeliveryRecord, DestinationRecord, PeerRecord
from plugin.registry.marks import mark_of
from plugin.settings import setting_rows
from plugin.web.administration.destinations import forget_learnt
from plugin.web.administration.peers import traffic_of_last_day
from plugin.web.api_administration_models import (
    CountAnswer,
    DeliveryAnswer,
    DeliveryPage,
    DestinationAnswer,
    DestinationBody,
    DestinationChanges,
    DestinationsAnswer,
    PeerAnswer,
    PeerBody,
    PeerChanges,
    PeersAnswer,
    RefusedAnswer,
    RequestAnswer,
    RetryBody,
    SettingAnswer,
    SettingsAnswer,
    SwitchAnswer,
    SwitchBody,
    SwitchedOffAnswer,
    TrafficAnswer,
)
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

SeenMark = Annotated[str | None, Query(max_length=16, description="As in changes.")]


def add_administration(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_peers(routes, site, door)
    _add_destinations(routes, site, door)
    _add_checks(routes, site, door)
    _add_switch(routes, site, door)
    _add_deliveries(routes, site, door)
    _add_settings(routes, site, door)


def _add_peers(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    registry = site.registry

    @routes.get("/peers", tags=["peers"])
    def peers(_visitor: admin, before_id: Before = None, limit: Size = 100) -> PeersAnswer:
        """Return who may send here, newest first, and who was refused lately."""
        refused = registry.associations.list_rejected()
        found = registry.peers.page(limit, before_id)
        return PeersAnswer(
            peers=_peer_answers(site, found),
            refused=[RefusedAnswer.model_validate(one) for one in refused],
            next=following(found, limit),
        )

    @routes.post("/peers", tags=["peers"], status_code=201)
    def add_peer(visitor: changer, body: Annotated[PeerBody, Body()]) -> PeerAnswer:
        """Make a sender known; the next association sees it."""
        return _peer_answer(site, registry.peers.add(**body.model_dump(), actor=visitor.name))

    @routes.get("/peers/{peer_id}", tags=["peers"])
    def peer(peer_id: Id, _visitor: admin) -> PeerAnswer:
        """Return one sender."""
        return _peer_answer(site, _peer(site, peer_id))

    @routes.patch("/peers/{peer_id}", tags=["peers"])
    def edit_peer(
        peer_id: Id, visitor: changer, body: Annotated[PeerChanges, Body()]
    ) -> PeerAnswer:
        """Change what is sent of a sender; 409 when somebody changed it since ``mark``."""
        changes = body.model_dump(exclude_unset=True, exclude={"mark"})
        title = _peer(site, peer_id).ae_title
        changed = registry.peers.edit(title, actor=visitor.name, expected=body.mark, **changes)
        return _peer_answer(site, changed)

    @routes.delete("/peers/{peer_id}", tags=["peers"], status_code=204)
    def remove_peer(peer_id: Id, visitor: changer, mark: SeenMark = None) -> None:
        """Forget a sender; what it sent stays."""
        title = _peer(site, peer_id).ae_title
        registry.peers.remove(title, actor=visitor.name, expected=mark)


def _add_destinations(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    registry = site.registry

    @routes.get("/destinations", tags=["destinations"])
    def destinations(
        _visitor: admin, before_id: Before = None, limit: Size = 100
    ) -> DestinationsAnswer:
        """Return where results go, newest first, and how that goes."""
        found = registry.destinations.page(limit, before_id)
        answers = [_destination_answer(site, one) for one in found]
        return DestinationsAnswer(destinations=answers, next=following(found, limit))

    @routes.post("/destinations", tags=["destinations"], status_code=201)
    def add_destination(
        visitor: changer, body: Annotated[DestinationBody, Body()]
    ) -> DestinationAnswer:
        """Send results to a system from now on."""
        values = body.model_dump()
        values["objects"] = tuple(values["objects"] or DEFAULT_OBJECTS)
        added = registry.destinations.add(**values, actor=visitor.name)
        return _destination_answer(site, added)

    @routes.get("/destinations/{destination_id}", tags=["destinations"])
    def destination(destination_id: Id, _visitor: admin) -> DestinationAnswer:
        """Return one destination."""
        return _destination_answer(site, _destination(site, destination_id))

    @routes.patch("/destinations/{destination_id}", tags=["destinations"])
    def edit_destination(
        destination_id: Id, visitor: changer, body: Annotated[DestinationChanges, Body()]
    ) -> DestinationAnswer:
        """Change what is sent of a destination; 409 when somebody changed it since ``mark``."""
        changes = body.model_dump(exclude_unset=True, exclude={"mark"})
        if "objects" in changes:
            changes["objects"] = tuple(changes["objects"])
        name = _destination(site, destination_id).name
        changed = registry.destinations.edit(
            name, actor=visitor.name, expected=body.mark, **changes
        )
        return _destination_answer(site, changed)

    @routes.delete("/destinations/{destination_id}", tags=["destinations"], status_code=204)
    def remove_destination(destination_id: Id, visitor: changer, mark: SeenMark = None) -> None:
        """Send nothing there any more; what still waits for it is given up."""
        name = _destination(site, destination_id).name
        registry.destinations.remove(name, actor=visitor.name, expected=mark)

    @routes.post("/destinations/{destination_id}/retry", tags=["destinations"])
    def retry_destination(destination_id: Id, visitor: changer) -> CountAnswer:
        """Have everything that was given up at a destination sent again."""
        name = _destination(site, destination_id).name
        return CountAnswer(n_objects=registry.destinations.retry(name, actor=visitor.name))

    @routes.post("/destinations/{destination_id}/forget", tags=["destinations"])
    def forget_destination(destination_id: Id, visitor: changer) -> DestinationAnswer:
        """Forget what was learnt of a destination, so that it gets every kind again."""
        forget_learnt(site, _destination(site, destination_id), visitor.name)
        return _destination_answer(site, _destination(site, destination_id))


def _add_checks(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    requests = site.registry.requests

    @routes.post("/peers/{peer_id}/echo", tags=["peers"], status_code=202)
    def echo(peer_id: Id, visitor: changer) -> RequestAnswer:
        """Have a C-ECHO sent to a peer; ``GET /requests/{id}`` tells what it answered."""
        title = _peer(site, peer_id).ae_title
        asked = {"ae_title": title}
        found = requests.ask(RequestKind.ECHO_PEER, asked, visitor.name, f"peer {title}")
        return RequestAnswer.model_validate(found)

    @routes.post("/destinations/{destination_id}/test", tags=["destinations"], status_code=202)
    def test_destination(destination_id: Id, visitor: changer) -> RequestAnswer:
        """Have it asked what a destination takes and how it confirms."""
        name = _destination(site, destination_id).name
        subject = f"destination {name}"
        found = requests.ask(RequestKind.TEST_DESTINATION, {"name": name}, visitor.name, subject)
        return RequestAnswer.model_validate(found)

    @routes.get("/requests/{request_id}", tags=["oversight"])
    def asked(request_id: Id, _visitor: admin) -> RequestAnswer:
        """Return how far something is that another process was asked to do."""
        found = requests.get(request_id)
        if found is None:
            raise HTTPException(404)
        return RequestAnswer.model_validate(found)


def _add_switch(routes: APIRouter, site: Site, door: Door) -> None:
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]
    switches = site.registry.switches

    @routes.get("/switch", tags=["switch"])
    def switch(_visitor: viewer) -> SwitchAnswer:
        """Return the mode, and what is switched off."""
        return _switch_answer(site)

    @routes.post("/switch/off", tags=["switch"])
    def switch_off(visitor: changer, body: Annotated[SwitchBody, Body()]) -> SwitchAnswer:
        """Hold everything back, or what goes to one destination; nothing is lost."""
        switches.switch_off(visitor.name, _name_of(site, body.destination_id))
        return _switch_answer(site)

    @routes.post("/switch/on", tags=["switch"])
    def switch_on(visitor: changer, body: Annotated[SwitchBody, Body()]) -> SwitchAnswer:
        """Let go again."""
        switches.switch_on(visitor.name, _name_of(site, body.destination_id))
        return _switch_answer(site)


def _add_deliveries(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    changer = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.get("/deliveries", tags=["deliveries"])
    def deliveries(
        _visitor: admin,
        state: DeliveryState | None = None,
        destination: Annotated[str | None, Query(max_length=64)] = None,
        before_id: Before = None,
        limit: Size = 100,
    ) -> DeliveryPage:
        """Return objects on their way, newest first; ``DEAD`` are those that were given up."""
        found = site.registry.deliveries.list(
            states=tuple(DeliveryState) if state is None else (state,),
            destination_name=destination,
            limit=limit,
            before_id=before_id,
        )
        answers = [_delivery_answer(one) for one in found]
        return DeliveryPage(deliveries=answers, next=following(found, limit))

    @routes.post("/deliveries/retry", tags=["deliveries"])
    def retry_deliveries(visitor: changer, body: Annotated[RetryBody, Body()]) -> CountAnswer:
        """Have single objects sent again that were given up."""
        n_objects = site.registry.deliveries.retry_some(body.ids, actor=visitor.name)
        return CountAnswer(n_objects=n_objects)


def _add_settings(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]

    @routes.get("/settings", tags=["oversight"])
    def settings(_visitor: admin) -> SettingsAnswer:
        """Return all settings as this process read them; secrets are hidden."""
        rows = [SettingAnswer.model_validate(row) for row in setting_rows(site.settings)]
        return SettingsAnswer(settings=rows)


def _peer(site: Site, peer_id: int) -> PeerRecord:
    found = next((one for one in site.registry.peers.list() if one.id == peer_id), None)
    if found is None:
        raise HTTPException(404)
    return found


def _destination(site: Site, destination_id: int) -> DestinationRecord:
    known = site.registry.destinations.list()
    found = next((one for one in known if one.id == destination_id), None)
    if found is None:
        raise HTTPException(404)
    return found


def _name_of(site: Site, destination_id: int | None) -> str | None:
    return None if destination_id is None else _destination(site, destination_id).name


def _peer_answer(site: Site, record: PeerRecord) -> PeerAnswer:
    return _peer_answers(site, [record])[0]


def _peer_answers(site: Site, records: Sequence[PeerRecord]) -> list[PeerAnswer]:
    traffic = traffic_of_last_day(site)
    return [
        PeerAnswer(
            **asdict(one),
            mark=mark_of(one),
            last_day=TrafficAnswer.model_validate(traffic.get(one.ae_title, TrafficAnswer())),
        )
        for one in records
    ]


def _destination_answer(site: Site, record: DestinationRecord) -> DestinationAnswer:
    registry = site.registry
    health = registry.health.get(record.id)
    values: dict[str, Any] = {**asdict(record), "objects": list(record.objects)}
    return DestinationAnswer(
        **values,
        mark=mark_of(record),
        is_held=registry.switches.state().holds(record.id),
        failing_since=health.open_since,
        last_reason=health.last_reason,
        confirms_by=health.confirms_by,
        n_open_commitments=registry.commitments.open_transactions(record.id),
        instead={one.kind: one.instead for one in registry.health.substitutions(record.id)},
        deliveries=dict(registry.deliveries.counts().get(record.name, {})),
    )


def _switch_answer(site: Site) -> SwitchAnswer:
    off = site.registry.switches.state().off
    return SwitchAnswer(
        mode=site.settings.operation.mode,
        off=[SwitchedOffAnswer.model_validate(one) for one in off],
    )


def _delivery_answer(record: DeliveryRecord) -> DeliveryAnswer:
    known = {name: getattr(record, name) for name in DeliveryAnswer.model_fields if name != "why"}
    why = "" if record.last_reason is None else SENTENCES[record.last_reason]
    return DeliveryAnswer(**known, why=why)
