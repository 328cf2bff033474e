"""An order for imaging as a message tells it: which study it is of, how urgent it was ordered.

Pure. Holds what names an order and a study, never a patient: no name and no patient ID is kept.
How messages are read is ``plugin.orders``; what a policy makes of it is ``plugin.domain.triage``.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, Self

from plugin.domain.triage import (
    URGENCY_OF_ORDER,
    ClinicalFlag,
    IncomingPriority,
    OrderFacts,
    OrderSource,
    PatientClass,
)


class Requested(Protocol):
    """What names a study in an order, and an order in the headers of a study.

    Attributes
    ----------
    accession_issuer
        ``namespace^universal ID`` of Issuer of Accession Number (0008,0051) or HL7 EI; parts that
        are not told are empty.
    """

    @property
    def study_instance_uid(self) -> str: ...  # noqa: D102
    @property
    def accession_number(self) -> str: ...  # noqa: D102
    @property
    def accession_issuer(self) -> str: ...  # noqa: D102
    @property
    def requested_procedure_id(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ImagingOrder:
    """What one message tells of one order; empty where it tells nothing.

    Attributes
    ----------
    told_at
        Time of the message, aware; of two the later one counts.
    placer_number, filler_number
        Order numbers with their authorities, as written; they name the order among messages.
    work_item_uid
        SOP Instance UID of a UPS.
    written
        Where the priority stood and how it was written, as ``TQ1-9 S``.
    """

    source: OrderSource
    told_at: datetime
    placer_number: str = ""
    filler_number: str = ""
    work_item_uid: str = ""
    study_instance_uid: str = ""
    accession_number: str = ""
    accession_issuer: str = ""
    requested_procedure_id: str = ""
    priority: IncomingPriority | None = None
    written: str = ""
    patient_class: PatientClass | None = None
    text_flags: frozenset[ClinicalFlag] = frozenset()
    is_cancelled: bool = False

    @property
    def names_a_study(self) -> bool:
        """Whether a study can be found by it."""
        return bool(self.accession_number or self.study_instance_uid or self.requested_procedure_id)

    @property
    def asks_for(self) -> str:
        """Say what it asks for: ``STAT (TQ1-9 S)``."""
        if self.is_cancelled:
            return "cancelled"
        if self.priority is None:
            return f"priority not understood ({self.written})" if self.written else "no priority"
        return f"{self.priority.value} ({self.written})"

    @property
    def facts(self) -> OrderFacts:
        """Return what a policy may look at; a cancelled order asks for nothing."""
        if self.is_cancelled:
            return OrderFacts()
        return OrderFacts(
            self.priority,
            told_by=self.source,
            patient_class=self.patient_class,
            text_flags=self.text_flags,
        )

    def updated(self, told: Self) -> Self:
        """Return the order after a later message: what that one leaves out stays."""
        kept = {
            name: getattr(told, name) or getattr(self, name)
            for name in (
                *("placer_number", "filler_number", "study_instance_uid", "accession_number"),
                *("accession_issuer", "requested_procedure_id", "patient_class", "text_flags"),
            )
        }
        named = told if told.priority else self
        return replace(told, **kept, priority=named.priority, written=named.written)


def is_of(order: Requested, study: Requested) -> bool:
    """Tell whether an order is of a study; names of people are never compared.

    One Study Instance UID is one study. Else the accession numbers decide where both tell one, with
    their issuers where both name theirs; else the IDs of the requested procedure, unless the UIDs
    differ.
    """
    uids = (order.study_instance_uid, study.study_instance_uid)
    if all(uids) and uids[0] == uids[1]:
        return True
    if order.accession_number and study.accession_number:
        return order.accession_number == study.accession_number and not _differ(
            order.accession_issuer, study.accession_issuer
        )
    same = order.requested_procedure_id == study.requested_procedure_id
    return bool(order.requested_procedure_id) and same and not all(uids)


def is_same(told: ImagingOrder, known: ImagingOrder) -> bool:
    """Tell whether two messages are about one order.

    By the UPS, else by an order number that both tell, else (without any) by what names the study.
    One order number may stand for several requested procedures; those are orders of their own.
    """
    if told.source is not known.source or told.work_item_uid != known.work_item_uid:
        return False
    if any(
        a and b and a != b
        for a, b in (
            (told.requested_procedure_id, known.requested_procedure_id),
            (told.accession_number, known.accession_number),
        )
    ):
        return False
    if told.work_item_uid:
        return True
    numbers = (
        (told.filler_number, known.filler_number),
        (told.placer_number, known.placer_number),
    )
    compared = [a == b for a, b in numbers if a and b]
    return compared[0] if compared else is_of(told, known)


def joined(known: OrderFacts | None, told: OrderFacts) -> OrderFacts:
    """Add what is told later: priority and class only rise, places are the newest told.

    Parameters
    ----------
    known
        None: nothing was known yet; else no priority counts as routine, which LOW does not lower.
    """
    if known is None:
        return told
    higher = URGENCY_OF_ORDER[told.priority] - URGENCY_OF_ORDER[known.priority]
    rises = told.priority is not None and (higher > 0 or (known.priority is None and higher == 0))
    urgent = told if rises else known
    classes = {known.patient_class, told.patient_class}
    return OrderFacts(
        urgent.priority,
        told.requesting_service or known.requesting_service,
        told.location or known.location,
        known.has_admission or told.has_admission,
        urgent.told_by,
        next((one for one in PatientClass if one in classes), None),  # emergency first
        known.text_flags | told.text_flags,
    )


def _differ(one: str, other: str) -> bool:
    """Tell whether two issuers contradict each other: the universal IDs decide before the names."""
    name, _, universal = one.partition("^")
    other_name, _, other_universal = other.partition("^")
    if universal and other_universal:
        return universal != other_universal
    return bool(name and other_name) and name.casefold() != other_name.casefold()
