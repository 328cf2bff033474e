"""From HL7 v2 order messages (ORM^O01, OMG^O19, OMI^O23) to orders.

Where a name of the study stands, follows IHE: IPC of OMI^O23, else OBR-18 (accession number),
OBR-19 (requested procedure) and ZDS-1 (Study Instance UID) of ORM^O01, else the filler order number
as accession number, which most departments use for both. Names and numbers of the patient are not
read.

References
----------
HL7 v2.5.1, chapter 4 (ORC, OBR, TQ1, IPC), chapter 3 (PV1-2, table 0004); tables 0119 and 0038
(order control and status), 0123 (result status). IHE RAD TF-2, 4.4 (Procedure Scheduled) and
Appendix B.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.domain.identifiers import is_valid_uid
from plugin.domain.order import ImagingOrder
from plugin.domain.triage import URGENCY_OF_ORDER, OrderSource, PatientClass
from plugin.domain.triage.flags import flags_of
from plugin.orders.hl7 import Segment, read_messages, segments_named
from plugin.orders.limits import (
    MAXIMUM_CHARACTERS,
    MAXIMUM_ORDERS,
    MAXIMUM_REASON_CHARACTERS,
    MAXIMUM_REASONS,
    MAXIMUM_SHARED,
)
from plugin.orders.moments import moment_of
from plugin.orders.priorities import as_written, of_hl7

_KINDS = frozenset({"ORM", "OMG", "OMI"})
_CANCELLING = frozenset({"CA", "OC", "CR", "DC", "OD", "DR", "RP", "RQ"})
"""Order Control: cancelled, discontinued, or replaced by another order; asked for or done."""
_CANCELLED_STATUS = frozenset({"CA", "DC", "RP"})
_CANCELLED_RESULT = "X"
_CLASSES = {"E": PatientClass.EMERGENCY, "I": PatientClass.INPATIENT}


@dataclass(slots=True)
class _Group:
    """The segments of one order; an OBR that follows another shares its ORC and TQ1."""

    segments: list[Segment] = field(default_factory=list)

    def first(self, name: str) -> Segment | None:
        return next(segments_named(self.segments, name), None)

    def component(self, name: str, number: int, component: int = 1) -> str:
        """Return a component of the first segment of this kind, or an empty text."""
        segment = self.first(name)
        return "" if segment is None else segment.component(number, component)


def read_hl7(data: bytes, now: datetime) -> list[ImagingOrder]:
    """Read every order of every message; one more than may be taken tells that there are more.

    Parameters
    ----------
    now
        Counts for a message without a time of its own (MSH-7).

    Raises
    ------
    OrderRejectedError
        ``ORDER_NOT_UNDERSTOOD``, or ``ORDER_OF_OTHER_KIND`` when none is an order message.
    """
    messages = read_messages(data)
    read = (
        order
        for message in messages
        if message[0].component(9) in _KINDS
        for order in _orders(message, now)
    )
    found = list(islice(read, MAXIMUM_ORDERS + 1))
    if not found:
        kinds = {as_written("MSH-9", message[0].component(9)) for message in messages}
        raise OrderRejectedError(Reason.ORDER_OF_OTHER_KIND, ", ".join(sorted(kinds)))
    return found


def _orders(message: Sequence[Segment], now: datetime) -> Iterator[ImagingOrder]:
    told_at = moment_of(message[0].component(7)) or now
    visit = next(segments_named(list(message), "PV1"), None)
    patient_class = None if visit is None else _CLASSES.get(visit.component(2).upper())
    studies = {_uid(one.component(1)) for one in segments_named(list(message), "ZDS")} - {""}
    of_all = studies.pop() if len(studies) == 1 else ""
    diagnosed = flags_of(_diagnoses(segments_named(list(message), "DG1")))
    for group in _groups(message):
        order = replace(
            _order(group, told_at),
            patient_class=patient_class,
            text_flags=diagnosed | flags_of([_reason(group)]),
        )
        for named in _named(group, order):
            yield named if named.study_instance_uid else replace(named, study_instance_uid=of_all)


def _groups(message: Sequence[Segment]) -> list[_Group]:
    groups: list[_Group] = []
    for segment in message:
        if segment.name == "ORC":
            groups.append(_Group())
        elif segment.name == "OBR" and (not groups or groups[-1].first("OBR")):
            before = groups[-1].segments if groups else []
            shared = [one for one in before if one.name in {"ORC", "TQ1"}]
            groups.append(_Group(shared[:MAXIMUM_SHARED]))
        if groups:
            groups[-1].segments.append(segment)
    return groups


def _order(group: _Group, told_at: datetime) -> ImagingOrder:
    """Return what a group tells, except which study it is of."""
    priority, written = None, ""
    for place, code in _priorities(group):
        understood = of_hl7(code)
        if understood is None:
            written = written or as_written(place, code)
            continue
        if priority is None or (
            written.startswith(place) and URGENCY_OF_ORDER[understood] > URGENCY_OF_ORDER[priority]
        ):
            priority, written = understood, as_written(place, code)
    return ImagingOrder(
        OrderSource.HL7,
        told_at,
        placer_number=_number(group, 2),
        filler_number=_number(group, 3),
        priority=priority,
        written=written,
        is_cancelled=(
            group.component("ORC", 1).upper() in _CANCELLING
            or group.component("ORC", 5).upper() in _CANCELLED_STATUS
            or group.component("OBR", 25).upper() == _CANCELLED_RESULT
        ),
    )


def _priorities(group: _Group) -> Iterator[tuple[str, str]]:
    """Yield places and codes, those of the first place that tells anything first.

    A TQ1 is what counts since v2.5; of several in one place the most urgent does.
    """
    for segment in segments_named(group.segments, "TQ1"):
        for component in (1, 2, 4):  # code, its name, and the sender's own code
            yield from _stated("TQ1-9", segment, 9, component)
    for name, place, number, component in (
        ("OBR", "OBR-27.6", 27, 6),
        ("ORC", "ORC-7.6", 7, 6),
        ("OBR", "OBR-5", 5, 1),
    ):
        first = group.first(name)
        if first is not None:
            yield from _stated(place, first, number, component)


def _stated(place: str, segment: Segment, number: int, component: int) -> Iterator[tuple[str, str]]:
    return ((place, code) for code in segment.components(number, component) if code)


def _named(group: _Group, order: ImagingOrder) -> list[ImagingOrder]:
    """Return the order once per study that its IPC segments name, else by its other names."""
    stated = dict.fromkeys(
        replace(
            order,
            accession_number=_short(one.component(1)),
            accession_issuer=_issuer(one, 1),
            requested_procedure_id=_short(one.component(2)),
            study_instance_uid=_uid(one.component(3)),
        )
        for one in segments_named(group.segments, "IPC")
    )
    if stated:
        return list(stated)
    placed, filled = group.component("OBR", 18), group.component("OBR", 3)
    issuers = [group.component("OBR", 18, part) for part in (2, 3)] if placed else []
    return [
        replace(
            order,
            accession_number=_short(placed or filled or group.component("ORC", 3)),
            accession_issuer="^".join(map(_short, issuers)).rstrip("^"),
            requested_procedure_id=_short(group.component("OBR", 19)),
            study_instance_uid=_uid(group.component("ZDS", 1)),
        )
    ]


def _number(group: _Group, number: int) -> str:
    """Return an order number with its authority, from ORC or OBR, which have it in one place."""
    for name in ("ORC", "OBR"):
        if group.component(name, number):
            parts = (group.component(name, number, part) for part in (1, 2, 3))
            return "^".join(map(_short, parts)).rstrip("^")
    return ""


def _issuer(segment: Segment, number: int) -> str:
    parts = [_short(segment.component(number, part)) for part in (2, 3)]
    return "^".join(parts).rstrip("^")


def _reason(group: _Group) -> str:
    texts = (group.component("OBR", 31, part) for part in (1, 2))
    return " ".join(texts)[:MAXIMUM_REASON_CHARACTERS]


def _diagnoses(segments: Iterator[Segment]) -> list[str]:
    return [
        text[:MAXIMUM_REASON_CHARACTERS]
        for one in islice(segments, MAXIMUM_REASONS)
        for text in (one.component(3, 2), one.component(4))
        if text
    ]


def _short(text: str) -> str:
    return text[:MAXIMUM_CHARACTERS]


def _uid(text: str) -> str:
    return text if is_valid_uid(text) else ""
