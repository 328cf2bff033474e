"""The quality page: agreement with the readers, drift, refusals, times, calibration, delivery.

Shows no patient: shares, distributions and names of scanners, sites and senders only. What the
figures are, ``plugin.domain.quality`` says; this file takes what is asked and writes what is shown.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from plugin.domain.access import Permission
from plugin.domain.csv_text import csv_text
from plugin.domain.errors import SENTENCES
from plugin.domain.quality.drift import MINIMUM_PERIOD, MINIMUM_REFERENCE, REFERENCE_STUDIES
from plugin.domain.quality.figures import Figures, figures
from plugin.domain.quality.layers import LAYERS
from plugin.domain.quality.opinions import MINIMUM_CALIBRATION
from plugin.domain.quality.span import Span
from plugin.domain.quality.table import Row, looks_different, rows
from plugin.domain.reasons import Reason
from plugin.registry.feedback_export import feedback_rows
from plugin.registry.quality import Selection
from plugin.web.api_models import FigureRow, QualityAnswer
from plugin.web.quality_charts import (
    agreement_panels,
    calibration_panels,
    kind_panels,
    said,
    share_panels,
    value_panels,
    wait_panels,
)
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

ADDRESS = "/quality"
_NAME = Annotated[str, Query(max_length=64)]
_COLUMNS = tuple(Row.__slots__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which studies somebody wants to see."""

    span: Span = Span.HALF_YEAR
    site: str = ""
    peer: str = ""


def asked(span: Span = Span.HALF_YEAR, site: _NAME = "", peer: _NAME = "") -> Asked:
    """Return what an address asks for."""
    return Asked(span, site.strip(), peer.strip())


_Asked = Annotated[Asked, Depends(asked)]


def figures_of(site: Site, wanted: Asked) -> Figures:
    """Make the figures of a selection."""
    quality = site.registry.quality
    now = quality.now()
    selection = Selection(wanted.span.since(now), now, wanted.site, wanted.peer)
    return figures(quality.record(selection), wanted.span.step)


def quality_routes(site: Site, door: Door) -> APIRouter:
    """Return the address of the page."""
    routes = APIRouter(include_in_schema=False)
    viewer = Annotated[Visitor, Depends(door.need(Permission.QUALITY))]

    @routes.get(ADDRESS)
    def quality(request: Request, visitor: viewer, wanted: _Asked) -> Response:
        return site.page(request, "quality.html", visitor, **_shown(site, wanted))

    return routes


def quality_api(site: Site, door: Door, prefix: str) -> APIRouter:
    """Return the addresses for programs; spreadsheets get the same as CSV."""
    routes = APIRouter(prefix=prefix, tags=["quality"])
    viewer = Annotated[Visitor, Depends(door.need(Permission.QUALITY))]

    @routes.get("/quality")
    def quality(_visitor: viewer, wanted: _Asked) -> QualityAnswer:
        """Return all figures of quality: rows of one table, and what looks different."""
        found = figures_of(site, wanted)
        return QualityAnswer(
            span=wanted.span,
            site=wanted.site,
            peer=wanted.peer,
            n_analysed=found.n_analysed,
            n_refused=found.n_refused,
            n_reference=found.n_reference,
            looks_different=[one.sentence for one in looks_different(found)],
            rows=[FigureRow(**asdict(one)) for one in rows(found)],
        )

    @routes.get("/quality.csv", response_class=Response)
    def quality_csv(_visitor: viewer, wanted: _Asked) -> Response:
        """Return the same rows as CSV."""
        found = rows(figures_of(site, wanted))
        return _csv("quality.csv", csv_text(_COLUMNS, map(asdict, found)))

    @routes.get("/feedback.csv", response_class=Response)
    def feedback_csv(_visitor: viewer) -> Response:
        """Return what readers said, without names and comments, as CSV."""
        return _csv("feedback.csv", csv_text(*feedback_rows(site.registry)))

    return routes


def _csv(name: str, text: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv", headers=headers)


def _shown(site: Site, wanted: Asked) -> dict[str, Any]:
    found = figures_of(site, wanted)
    refusals = sorted(
        (LAYERS.index(layer), layer, SENTENCES[Reason(reason)], n)
        for (layer, reason), n in found.refusals.items()
    )
    return {
        "wanted": wanted,
        "spans": Span,
        "sites": site.registry.quality.sites(),
        "peers": site.registry.quality.peers(),
        "found": found,
        "different": looks_different(found),
        "said": said,
        "refusals": [one[1:] for one in refusals],
        "n_opinions": found.verdicts["agree"].of,
        "agreement": agreement_panels(found),
        "calibration": calibration_panels(found),
        "values": value_panels(found),
        "kinds": kind_panels(found),
        "shares": share_panels(found),
        "waits": wait_panels(found),
        "limits": {
            "reference": REFERENCE_STUDIES,
            "least_reference": MINIMUM_REFERENCE,
            "period": MINIMUM_PERIOD,
            "calibration": MINIMUM_CALIBRATION,
        },
    }
