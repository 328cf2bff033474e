"""What an entry of the audit trail is as a DICOM audit message.

An action that is not listed is reported as the use of a restricted function, so that nothing that
is audited here is unknown to the repository.

References
----------
DICOM PS3.15 A.5.3 (which participants and objects each event names); PS3.16 CID 400 to 404 (codes);
RFC 3881, 5.5.4 (kinds of identifiers).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plugin.atna.message import AuditMessage, Code, Outcome, Participant, Thing
from plugin.registry import AuditRecord, StudyRecord

DCM, RFC = "DCM", "RFC-3881"

APPLICATION_ACTIVITY = Code("110100", DCM, "Application Activity")
AUDIT_LOG_USED = Code("110101", DCM, "Audit Log Used")
ORDER_RECORD = Code("110109", DCM, "Order Record")
INSTANCES_ACCESSED = Code("110103", DCM, "DICOM Instances Accessed")
INSTANCES_TRANSFERRED = Code("110104", DCM, "DICOM Instances Transferred")
STUDY_DELETED = Code("110105", DCM, "DICOM Study Deleted")
EXPORT = Code("110106", DCM, "Export")
SECURITY_ALERT = Code("110113", DCM, "Security Alert")
USER_AUTHENTICATION = Code("110114", DCM, "User Authentication")

APPLICATION_START = Code("110120", DCM, "Application Start")
APPLICATION_STOP = Code("110121", DCM, "Application Stop")
LOGIN = Code("110122", DCM, "Login")
LOGOUT = Code("110123", DCM, "Logout")
NODE_AUTHENTICATION = Code("110126", DCM, "Node Authentication")
NETWORK_CONFIGURATION = Code("110128", DCM, "Network Configuration")
SOFTWARE_CONFIGURATION = Code("110131", DCM, "Software Configuration")
RESTRICTED_FUNCTION = Code("110132", DCM, "Use of Restricted Function")
USER_ATTRIBUTES = Code("110137", DCM, "User security Attributes Changed")

APPLICATION = Code("110150", DCM, "Application")
APPLICATION_LAUNCHER = Code("110151", DCM, "Application Launcher")
DESTINATION = Code("110152", DCM, "Destination Role ID")
SOURCE = Code("110153", DCM, "Source Role ID")
DESTINATION_MEDIA = Code("110154", DCM, "Destination Media")
BY_URI = Code("110037", DCM, "URI")

STUDY_INSTANCE_UID = Code("110180", DCM, "Study Instance UID")
NODE_ID = Code("110182", DCM, "Node ID")
PATIENT_NUMBER = Code("2", RFC, "Patient Number")
URI = Code("12", RFC, "URI")

_PERSON, _SYSTEM = 1, 2
_PATIENT, _REPORT, _MASTER_FILE, _SECURITY_RESOURCE = 1, 3, 5, 13


@dataclass(frozen=True, slots=True)
class Happened:
    """An entry with what its message needs: the study it is about, if any, and who we are."""

    entry: AuditRecord
    study: StudyRecord | None
    node: str

    @property
    def actor(self) -> Participant:
        """Who did it, and from where, if through the pages."""
        return self.person(self.entry.actor)

    def person(self, name: str) -> Participant:
        """Return somebody who began what happened."""
        return Participant(name, is_requestor=True, address=self.entry.address or "")

    @property
    def us(self) -> Participant:
        """Cmr-triage itself."""
        return Participant("cmr-triage", ae_titles=(self.node,))

    def after(self, name: str, default: Any = "") -> Any:
        """Return what the entry tells under a name."""
        return (self.entry.after or {}).get(name, default)


def message_of(entry: AuditRecord, study: StudyRecord | None, node: str) -> AuditMessage:
    """Return the message of one entry.

    Parameters
    ----------
    study
        The study that the entry is about; None: about none, or it was purged meanwhile.
    node
        AE title of ours.
    """
    make = MESSAGES.get(entry.action)
    if make is None:
        make = MESSAGES.get(entry.action.partition(".")[0], _alert(RESTRICTED_FUNCTION))
    return make(Happened(entry, study, node))


_Make = Callable[[Happened], AuditMessage]


def _application(event_type: Code) -> _Make:
    def make(what: Happened) -> AuditMessage:
        process = Participant(what.entry.subject, role=APPLICATION, ae_titles=(what.node,))
        launcher = Participant(what.entry.actor, is_requestor=True, role=APPLICATION_LAUNCHER)
        return AuditMessage(
            APPLICATION_ACTIVITY,
            "E",
            what.entry.at,
            (process, launcher),
            event_type=event_type,
        )

    return make


def _authentication(event_type: Code, outcome: Outcome = Outcome.SUCCESS) -> _Make:
    def make(what: Happened) -> AuditMessage:
        person = what.person(what.entry.subject.removeprefix("user "))
        return AuditMessage(
            USER_AUTHENTICATION,
            "E",
            what.entry.at,
            (person, what.us),
            event_type=event_type,
            outcome=outcome,
        )

    return make


def _alert(event_type: Code, outcome: Outcome = Outcome.SUCCESS) -> _Make:
    """Return what makes an alert about the thing that the entry names, with what was changed."""

    def make(what: Happened) -> AuditMessage:
        entry = what.entry
        changed = {"before": entry.before, "after": entry.after}
        told = {name: value for name, value in changed.items() if value is not None}
        details = [("Alert Description", entry.action)]
        details += [(name, json.dumps(value, ensure_ascii=False)) for name, value in told.items()]
        thing = Thing(
            entry.subject, URI, entry.subject, _SYSTEM, _SECURITY_RESOURCE, tuple(details)
        )
        return AuditMessage(
            SECURITY_ALERT,
            "E",
            entry.at,
            (what.actor, what.us),
            (thing,),
            event_type=event_type,
            outcome=outcome,
        )

    return make


def _refused_association(what: Happened) -> AuditMessage:
    address = str(what.after("address"))
    caller = Participant(
        what.entry.actor, is_requestor=True, ae_titles=(what.entry.actor,), address=address
    )
    details = (("Alert Description", f"association refused: {what.after('reason')}"),)
    thing = Thing(address, NODE_ID, what.entry.actor, _SYSTEM, _MASTER_FILE, details)
    return AuditMessage(
        SECURITY_ALERT,
        "E",
        what.entry.at,
        (what.us, caller),
        (thing,),
        event_type=NODE_AUTHENTICATION,
        outcome=Outcome.MINOR_FAILURE,
    )


def _received(what: Happened) -> AuditMessage:
    sender = Participant(
        what.entry.actor, is_requestor=True, role=SOURCE, ae_titles=(what.entry.actor,)
    )
    us = Participant("cmr-triage", role=DESTINATION, ae_titles=(what.node,))
    return AuditMessage(INSTANCES_TRANSFERRED, "C", what.entry.at, (sender, us), _things(what))


def _sent(what: Happened) -> AuditMessage:
    us = Participant("cmr-triage", is_requestor=True, role=SOURCE, ae_titles=(what.node,))
    receiver = Participant(str(what.after("destination")), role=DESTINATION)
    return AuditMessage(INSTANCES_TRANSFERRED, "R", what.entry.at, (us, receiver), _things(what))


def _accessed(action: str) -> _Make:
    def make(what: Happened) -> AuditMessage:
        participants = (what.actor, what.us)
        return AuditMessage(INSTANCES_ACCESSED, action, what.entry.at, participants, _things(what))

    return make


def _order(action: str) -> _Make:
    """Return what tells that an order was kept; it names no patient here, so nor does it."""

    def make(what: Happened) -> AuditMessage:
        return AuditMessage(ORDER_RECORD, action, what.entry.at, (what.actor, what.us))

    return make


def _deleted(what: Happened) -> AuditMessage:
    return AuditMessage(STUDY_DELETED, "D", what.entry.at, (what.actor, what.us), _things(what))


def _exported(what: Happened) -> AuditMessage:
    us = Participant("cmr-triage", role=SOURCE, ae_titles=(what.node,))
    medium = Participant(what.entry.actor, role=DESTINATION_MEDIA, medium=BY_URI)
    return AuditMessage(EXPORT, "R", what.entry.at, (what.actor, us, medium), _things(what))


def _audit_used(what: Happened) -> AuditMessage:
    thing = Thing("/audit", URI, "Security Audit Log", _SYSTEM, _SECURITY_RESOURCE)
    return AuditMessage(AUDIT_LOG_USED, "R", what.entry.at, (what.actor,), (thing,))


def _things(what: Happened) -> tuple[Thing, ...]:
    """Return study and patient; of a purged study only the name that our trail has for it."""
    study, classes = what.study, what.after("sop_classes", {})
    counted = tuple((str(uid), int(number)) for uid, number in dict(classes).items())
    details = (("Action", what.entry.action),)
    if study is None:
        gone = what.entry.subject.removeprefix("study ")
        return (Thing(gone, STUDY_INSTANCE_UID, "no longer here", _SYSTEM, _REPORT, details),)
    uid, number = study.study_instance_uid, study.accession_number
    return (
        Thing(uid, STUDY_INSTANCE_UID, "Study", _SYSTEM, _REPORT, details, number, counted),
        Thing(study.patient_id, PATIENT_NUMBER, study.patient_name, _PERSON, _PATIENT),
    )


MESSAGES: dict[str, _Make] = {
    "application.start": _application(APPLICATION_START),
    "application.stop": _application(APPLICATION_STOP),
    "audit.view": _audit_used,
    "user.login": _authentication(LOGIN),
    "user.logout": _authentication(LOGOUT),
    "user.refused": _authentication(LOGIN, Outcome.MINOR_FAILURE),
    "user": _alert(USER_ATTRIBUTES),
    "token": _alert(USER_ATTRIBUTES),
    "peer": _alert(NETWORK_CONFIGURATION),
    "destination": _alert(NETWORK_CONFIGURATION),
    "association.refuse": _refused_association,
    "policy": _alert(SOFTWARE_CONFIGURATION),
    "bundle": _alert(SOFTWARE_CONFIGURATION),
    "switch": _alert(SOFTWARE_CONFIGURATION),
    "order.new": _order("C"),
    "order.updated": _order("U"),
    "study.receive": _received,
    "study.send": _sent,
    "study.view": _accessed("R"),
    "study.export": _exported,
    "study.purge": _deleted,
    "study": _accessed("U"),
}
"""By action, else by the kind of thing that the action is about."""
