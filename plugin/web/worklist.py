"""The reading worklist: what each row says, and the addresses of the list.

Which studies and in which order the registry decides; names and words of a search travel in the
body of a request, never in an address.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from plugin.domain.access import Permission
from plugin.domain.errors import SENTENCES, Reason
from plugin.domain.findings import Priority
from plugin.domain.triage import URGENCY_OF_LEVEL
from plugin.registry.triage import DecisionRecord
from plugin.registry.worklist import (
    Order,
    Position,
    Shown,
    Stage,
    Wanted,
    WorklistEntry,
)
from plugin.web.site import Site
from plugin.web.visitor import Change, Door, Visitor

PAGE_SIZE = 50
_MAXIMUM_WORDS = 100
_MAXIMUM_CURSOR_CHARACTERS = 500
_BEYOND = 2**31
"""No rank and no number of a study is as high; a registry could not even be asked for more."""
STAGE_WORDS = {
    Stage.ARRIVING: ("arriving", "busy"),
    Stage.QUEUED: ("queued", "wait"),
    Stage.ANALYSING: ("analysing", "busy"),
    Stage.DONE: ("analysed", "good"),
    Stage.NOT_ANALYSED: ("not analysed", "bad"),
}
_LEVELS = {3: "STAT", 2: "URGENT"}
ACTIVITY_WORDS = {
    "load": "reading images",
    "segment": "contouring",
    "measure": "measuring",
    "language": "wording",
    "report": "writing the report",
    "explain": "explaining",
}


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list.

    Attributes
    ----------
    here, following
        Cursors of this page and the next one; empty for the first and after the last.
    """

    entries: Sequence[WorklistEntry]
    here: str
    following: str


def stage_of(entry: WorklistEntry) -> tuple[str, str]:
    """Return how a study stands, in words and as a tone."""
    if entry.reason is Reason.RESULT_WITHDRAWN:
        return "result withdrawn", "bad"
    return STAGE_WORDS[entry.stage]


def why(entry: WorklistEntry) -> str:
    """Return why a study stands as it does; empty when there is nothing to say."""
    if entry.reason is None:
        return ""
    sentence = SENTENCES[entry.reason]
    return f"{sentence} ({entry.detail})" if entry.detail else sentence


def doing(entry: WorklistEntry) -> str:
    """Return what is done with a study just now."""
    if entry.stage is Stage.ARRIVING:
        return f"{entry.n_instances} images so far"
    if entry.stage is Stage.ANALYSING:
        activity = ACTIVITY_WORDS.get(entry.activity, "starting")
        return activity if entry.progress is None else f"{activity}, {100 * entry.progress:.0f} %"
    return ""


def delivered(entry: WorklistEntry) -> tuple[str, str]:
    """Return how far the results are on their way, in words and as a tone."""
    if not entry.n_objects:
        return "", "wait"
    n = f"of {entry.n_objects}"
    if entry.n_dead:
        return f"{entry.n_dead} {n} not delivered", "bad"
    if entry.n_confirmed == entry.n_objects:
        return "in the PACS, confirmed", "good"
    if entry.n_sent == entry.n_objects:
        return "sent", "good"
    return f"{entry.n_sent} {n} sent", "wait"


def level_of(urgency: int) -> str:
    """Return the level of an urgency for people; empty for one that changes nothing."""
    return _LEVELS.get(urgency, "")


def reason_of(entry: WorklistEntry, decision: DecisionRecord | None) -> str:
    """Return why a study has its priority, in one sentence."""
    if decision is not None:
        return decision.sentence
    return str(entry.summary.get("priority_reason", ""))


def level_of_older_report(entry: WorklistEntry) -> str | None:
    """Return the level in the report of a study that was raised since; None where it says the same.

    An order that comes later, or a long wait, raises a study at once; its report stays as written.
    """
    written = entry.summary.get("priority")
    if written not in set(Priority):
        return None
    urgency = URGENCY_OF_LEVEL[Priority(written)]
    return level_of(urgency) if urgency < entry.ai_urgency else None


def wanted_of(form: dict[str, str], who: str, *, ai_orders: bool) -> Wanted:
    """Return what a form asks for; what it does not understand counts as not said."""
    stage = form.get("stage", "")
    shown, order = form.get("shown", ""), form.get("order", "")
    return Wanted(
        shown=Shown(shown) if shown in set(Shown) else Shown.TO_READ,
        stage=Stage(stage) if stage in set(Stage) else None,
        promoted_only=form.get("promoted") == "on",
        words=form.get("words", "")[:_MAXIMUM_WORDS],
        order=Order(order) if order in set(Order) else Order.PRIORITY,
        who=who,
        ai_orders=ai_orders,
    )


def cursor_of(position: Position, wanted: Wanted) -> str:
    """Return a position as text that only counts for the same filters."""
    parts = (position.rank, position.at.isoformat(), position.study_id, _mark(wanted))
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def position_of(cursor: str, wanted: Wanted) -> Position | None:
    """Return the position that a cursor names; None for the beginning and other filters."""
    if len(cursor) > _MAXIMUM_CURSOR_CHARACTERS:
        return None
    try:
        rank, at, study_id, mark = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        position = Position(int(rank), datetime.fromisoformat(at), int(study_id))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return None
    is_ours = mark == _mark(wanted) and position.at.utcoffset() == timedelta(0)
    is_small = max(abs(position.rank), abs(position.study_id)) < _BEYOND
    return position if is_ours and is_small else None


def list_page(site: Site, wanted: Wanted, cursor: str, limit: int = PAGE_SIZE) -> ListPage:
    """Return the page that a cursor begins."""
    after = position_of(cursor, wanted)
    entries = site.registry.worklist.page(wanted, after, limit + 1)
    shown = entries[:limit]
    following = cursor_of(shown[-1].position, wanted) if len(entries) > limit else ""
    return ListPage(shown, cursor if after is not None else "", following)


def worklist_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of the list."""
    routes = APIRouter(include_in_schema=False)
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]
    search = Annotated[Change, Depends(door.change(Permission.VIEW))]

    @routes.get("/")
    def worklist(request: Request, visitor: viewer) -> Response:
        return _render(site, request, visitor, {}, "worklist.html")

    @routes.post("/")
    def rows(request: Request, change: search) -> Response:
        whole = request.headers.get("hx-request") != "true"
        name = "worklist.html" if whole else "worklist_rows.html"
        return _render(site, request, change.visitor, change.form, name)

    return routes


def _render(
    site: Site, request: Request, visitor: Visitor, form: dict[str, str], name: str
) -> Response:
    wanted = wanted_of(form, visitor.name, ai_orders=site.ai_orders())
    cursor = form.get("goto", form.get("here", ""))
    page = list_page(site, wanted, cursor)
    return site.page(
        request,
        name,
        visitor,
        page=page,
        decisions=site.registry.triage.latest([one.study_id for one in page.entries]),
        level_of=level_of,
        reason_of=reason_of,
        counts=site.registry.worklist.counts(),
        wanted=wanted,
        stages=STAGE_WORDS,
        stage_of=stage_of,
        why=why,
        doing=doing,
        delivered=delivered,
    )


def _mark(wanted: Wanted) -> str:
    """Return a short digest of the filters; their words do not travel in a cursor."""
    return hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]
