"""Where a study comes from, as its newest images say; kept for the figures of quality."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, update

from plugin.registry.engine import insert_unless_known
from plugin.registry.quality_tables import study_origins
from plugin.registry.records import IndexedInstance

_STRONGEST_T = 15.0
"""No scanner for people reaches it; a larger number was written in another unit."""


def note_origin(connection: Connection, study_id: int, new: Iterable[IndexedInstance]) -> None:
    """Keep site, scanner and field strength of a study's new images, in the same transaction."""
    values: dict[str, Any] = {}
    for instance in sorted(new, key=lambda one: one.received_at):
        if instance.header.get("is_mr_image"):
            values |= _told(instance.header)
    if not values:
        return
    first = {"study_id": study_id, "site": "", "scanner": "", **values}
    if not insert_unless_known(connection, study_origins, first, "study_id"):
        known = study_origins.c.study_id == study_id
        connection.execute(update(study_origins).where(known).values(**values))


def _told(header: Mapping[str, Any]) -> dict[str, Any]:
    manufacturer, model = _text(header, "Manufacturer"), _text(header, "ManufacturerModelName")
    told: dict[str, Any] = {
        "site": _text(header, "InstitutionName"),
        "scanner": f"{manufacturer} {model}".strip(),
    }
    tesla = header.get("MagneticFieldStrength")
    if isinstance(tesla, float) and 0 < tesla <= _STRONGEST_T:
        told["field_strength_t"] = round(tesla, 2)
    return {name: value for name, value in told.items() if value}


def _text(header: Mapping[str, Any], keyword: str) -> str:
    return " ".join(str(header.get(keyword) or "").split())
