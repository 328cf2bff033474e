"""The REST interface of operation: queue, processes, analyses, quarantine, storage, dry runs."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.errors import SENTENCES
from plugin.domain.findings import Priority
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.request import LOOKS, RequestKind
from plugin.registry import JobRecord
from plugin.registry.heartbeats import Heartbeat
from plugin.registry.requests import RequestRecord
from plugin.web.administration.dry_run import ask_to_look, what_follows
from plugin.web.administration.storage import stored
from plugin.web.administration.upload import AsIfOrdered, receive_upload
from plugin.web.api_administration_models import RequestAnswer
from plugin.web.api_bundles import ZIP_BODY
from plugin.web.api_operation_models import (
    DryRunAnswer,
    GetsAnswer,
    JobAnswer,
    JobPage,
    ProcessAnswer,
    ProcessesAnswer,
    ProspectAnswer,
    QuarantinedAnswer,
    QuarantinePage,
    QueueAnswer,
    RuleSaysAnswer,
    RunningAnswer,
    SeenAnswer,
    StorageAnswer,
)
from plugin.web.numbers import Before, Id, Size, following
from plugin.web.site import Site
from plugin.web.study import find_study
from plugin.web.visitor import Door, Visitor


def add_operation(routes: APIRouter, site: Site, door: Door) -> None:
    """Add the addresses to those of the interface."""
    _add_queue(routes, site, door)
    _add_lists(routes, site, door)
    _add_dry_runs(routes, site, door)


def _add_queue(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    registry = site.registry

    @routes.get("/queue", tags=["operation"])
    def queue(_visitor: admin) -> QueueAnswer:
        """Return how much waits to be analysed and to be sent, and how much was given up."""
        counts = registry.deliveries.counts().values()
        return QueueAnswer(
            jobs=dict(registry.jobs.counts()),
            waiting_since=registry.jobs.waiting_since(),
            n_objects_waiting=sum(one.get(DeliveryState.PENDING, 0) for one in counts),
            n_objects_given_up=sum(one.get(DeliveryState.DEAD, 0) for one in counts),
        )

    @routes.get("/processes", tags=["operation"])
    def processes(_visitor: admin) -> ProcessesAnswer:
        """Return the processes that compute and send, how busy they are, and with what."""
        running = registry.jobs.list(states=[JobState.RUNNING])
        found = [_process(one, running) for one in registry.heartbeats.list()]
        return ProcessesAnswer(processes=found)

    @routes.get("/storage", tags=["operation"])
    def storage(_visitor: admin) -> StorageAnswer:
        """Return how full the disk is, what lies there, and what retention takes next."""
        return StorageAnswer.model_validate(stored(site))


def _add_lists(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    registry = site.registry

    @routes.get("/jobs", tags=["operation"])
    def jobs(
        _visitor: admin,
        state: JobState | None = None,
        study_id: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        before_id: uuid.UUID | None = None,
        limit: Size = 100,
    ) -> JobPage:
        """Return analyses, newest first; ``FAILED`` are those that a person should look at."""
        before = None if before_id is None else registry.jobs.get(str(before_id))
        if before_id is not None and before is None:
            raise HTTPException(404)
        states = () if state is None else (state,)
        found = registry.jobs.list(study_id, limit, states, before)
        following = found[-1].id if len(found) == limit else None
        return JobPage(jobs=[_job(one) for one in found], next=following)

    @routes.get("/quarantine", tags=["operation"])
    def quarantine(_visitor: admin, before_id: Before = None, limit: Size = 100) -> QuarantinePage:
        """Return what was received but cannot be indexed, newest first."""
        found = registry.studies.quarantine_list(limit, before_id)
        files = [
            QuarantinedAnswer(
                id=one.id,
                calling_ae_title=one.calling_ae_title,
                received_at=one.received_at,
                reason=one.reason,
                why=SENTENCES[one.reason],
            )
            for one in found
        ]
        return QuarantinePage(files=files, next=following(found, limit))


def _add_dry_runs(routes: APIRouter, site: Site, door: Door) -> None:
    admin = Annotated[Visitor, Depends(door.need(Permission.ADMINISTER))]
    asker = Annotated[Visitor, Depends(door.command(Permission.ADMINISTER))]

    @routes.post("/studies/{study_id}/dry-run", tags=["operation"], status_code=202)
    def begin(study_id: Id, visitor: asker) -> RequestAnswer:
        """Ask what would happen to a study; ``GET /dry-runs/{id}`` tells, nothing is changed."""
        asked = ask_to_look(site, find_study(site, study_id), visitor.name)
        return RequestAnswer.model_validate(asked)

    @routes.post("/dry-runs", tags=["operation"], status_code=202, openapi_extra=ZIP_BODY)
    async def begin_upload(request: Request, visitor: asker, order: AsIfOrdered) -> RequestAnswer:
        """Ask what would happen to images in a zip (up to 2 GiB); they are deleted at once."""
        kind = RequestKind.LOOK_AT_UPLOAD
        asked = await receive_upload(site, request, kind, visitor.name, order)
        return RequestAnswer.model_validate(asked)

    @routes.get("/dry-runs/{request_id}", tags=["operation"])
    def dry_run(request_id: Id, _visitor: admin) -> DryRunAnswer:
        """Return the roles of a study's series, what each rule says, and who would get what."""
        asked = site.registry.requests.get(request_id)
        if asked is None or asked.kind not in LOOKS:
            raise HTTPException(404)
        return DryRunAnswer(
            request=RequestAnswer.model_validate(asked), prospect=_prospect(site, asked)
        )


def _prospect(site: Site, asked: RequestRecord) -> ProspectAnswer | None:
    found = what_follows(site, asked)
    if found is None:
        return None
    level = found.decision.level
    return ProspectAnswer(
        study_id=None if found.study is None else found.study.id,
        seen=SeenAnswer.model_validate(asked.answer),
        policy=found.policy.label,
        is_first=found.is_first,
        is_measured=found.is_measured,
        suggested="" if level is Priority.ROUTINE else level.value,
        sentence=found.decision.sentence,
        rules=[RuleSaysAnswer.model_validate(one) for one in found.rules],
        gets=[GetsAnswer.model_validate(one) for one in found.gets],
    )


def _process(beat: Heartbeat, running: list[JobRecord]) -> ProcessAnswer:
    return ProcessAnswer(
        name=beat.name,
        kind=beat.kind,
        is_alive=beat.is_alive(datetime.now(UTC)),
        started_at=beat.started_at,
        seen_at=beat.seen_at,
        facts=dict(beat.facts),
        works_on=[
            RunningAnswer(
                job_id=one.id, study_id=one.study_id, activity=one.activity, progress=one.progress
            )
            for one in running
            if one.worker == beat.name
        ],
    )


def _job(record: JobRecord) -> JobAnswer:
    known = {name: getattr(record, name) for name in JobAnswer.model_fields if name != "why"}
    return JobAnswer(**known, why="" if record.reason is None else SENTENCES[record.reason])
