"""A DICOM audit message as XML. Knows the schema, not what happened here.

References
----------
DICOM PS3.15 A.5.1 (schema, order of elements and attributes, value sets).
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from xml.etree import ElementTree as Xml

_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_UNKNOWN = "unknown"
"""Identifiers are mandatory in the schema; images need not have a Patient ID."""


class Outcome(IntEnum):
    """``EventOutcomeIndicator``."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value; ``meaning`` is its original text."""

    code: str
    system: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody or something that took part.

    Attributes
    ----------
    is_requestor
        It began what happened; at most one does.
    ae_titles
        Of a DICOM node; they become ``AlternativeUserID``.
    address
        IP address, empty when unknown.
    medium
        Kind of medium that data left on (Export only).
    """

    user_id: str
    is_requestor: bool = False
    role: Code | None = None
    ae_titles: tuple[str, ...] = ()
    address: str = ""
    medium: Code | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """What it happened to (``ParticipantObjectIdentification``).

    Attributes
    ----------
    type_code, role
        ``ParticipantObjectTypeCode`` (1 person, 2 system object) and ``...TypeCodeRole``.
    details
        Pairs of type and text.
    sop_classes
        Pairs of SOP Class UID and number of instances; of a study.
    """

    id: str
    id_type: Code
    name: str
    type_code: int
    role: int
    details: tuple[tuple[str, str], ...] = ()
    accession_number: str = ""
    sop_classes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditMessage:
    """One event. ``action`` is C, R, U, D or E."""

    event: Code
    action: str
    at: datetime
    participants: tuple[Participant, ...]
    things: tuple[Thing, ...] = ()
    event_type: Code | None = None
    outcome: Outcome = Outcome.SUCCESS


def encode(message: AuditMessage, source: str, site: str = "") -> bytes:
    """Return a message as XML in UTF-8.

    Parameters
    ----------
    source, site
        ``AuditSourceID`` and ``AuditEnterpriseSiteID`` (empty: none).
    """
    root = Xml.Element("AuditMessage")
    event = Xml.SubElement(
        root,
        "EventIdentification",
        EventActionCode=message.action,
        EventDateTime=message.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(int(message.outcome)),
    )
    _code(event, "EventID", message.event)
    if message.event_type is not None:
        _code(event, "EventTypeCode", message.event_type)
    for one in message.participants:
        _participant(root, one)
    told = {"AuditEnterpriseSiteID": _legal(site)} if site else {}
    origin = Xml.SubElement(
        root, "AuditSourceIdentification", {**told, "AuditSourceID": _legal(source)}
    )
    # 4: application server process; its own value set, so a code without a system.
    Xml.SubElement(origin, "AuditSourceTypeCode", {"csd-code": "4"})
    for thing in message.things:
        _thing(root, thing)
    text: bytes = Xml.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _code(parent: Xml.Element, name: str, code: Code) -> None:
    values = {"csd-code": code.code, "codeSystemName": code.system, "originalText": code.meaning}
    Xml.SubElement(parent, name, values)


def _participant(root: Xml.Element, one: Participant) -> None:
    values = {"UserID": _legal(one.user_id) or _UNKNOWN}
    if one.ae_titles:
        values["AlternativeUserID"] = _legal(f"AETITLES={';'.join(one.ae_titles)}")
    values["UserIsRequestor"] = str(one.is_requestor).lower()
    if one.address:
        values |= {"NetworkAccessPointID": _legal(one.address), "NetworkAccessPointTypeCode": "2"}
    element = Xml.SubElement(root, "ActiveParticipant", values)
    if one.role is not None:
        _code(element, "RoleIDCode", one.role)
    if one.medium is not None:
        medium = Xml.SubElement(element, "MediaIdentifier")
        _code(medium, "MediaType", one.medium)


def _thing(root: Xml.Element, thing: Thing) -> None:
    element = Xml.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_legal(thing.id) or _UNKNOWN,
        ParticipantObjectTypeCode=str(thing.type_code),
        ParticipantObjectTypeCodeRole=str(thing.role),
    )
    _code(element, "ParticipantObjectIDTypeCode", thing.id_type)
    Xml.SubElement(element, "ParticipantObjectName").text = _legal(thing.name)
    for kind, text in thing.details:
        value = base64.b64encode(text.encode()).decode("ascii")
        Xml.SubElement(element, "ParticipantObjectDetail", type=_legal(kind), value=value)
    if not thing.sop_classes:
        return
    description = Xml.SubElement(element, "ParticipantObjectDescription")
    if thing.accession_number:
        Xml.SubElement(description, "Accession", Number=_legal(thing.accession_number))
    for uid, number in thing.sop_classes:
        Xml.SubElement(description, "SOPClass", UID=_legal(uid), NumberOfInstances=str(number))


def _legal(text: str) -> str:
    """Return a text without what XML cannot hold; headers of images may have anything."""
    return _ILLEGAL_IN_XML.sub("?", text)
