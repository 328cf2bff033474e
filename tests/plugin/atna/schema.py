"""What DICOM PS3.15 A.5.1 says an audit message is: order, obligation and values, as a check.

Written from the standard's schema (RELAX NG), for the parts that a message of ours may have.
"""

import base64
import re
from datetime import datetime
from xml.etree import ElementTree as Xml

CODE = {"csd-code", "codeSystemName", "originalText"}
ACTIONS, OUTCOMES = set("CRUDE"), {"0", "4", "8", "12"}
# Name of an element: its children in order, with how often each may be there.
CHILDREN = {
    "AuditMessage": (
        ("EventIdentification", "1"),
        ("ActiveParticipant", "+"),
        ("AuditSourceIdentification", "1"),
        ("ParticipantObjectIdentification", "*"),
    ),
    "EventIdentification": (
        ("EventID", "1"),
        ("EventTypeCode", "*"),
        ("EventOutcomeDescription", "?"),
    ),
    "ActiveParticipant": (("RoleIDCode", "*"), ("MediaIdentifier", "?")),
    "MediaIdentifier": (("MediaType", "1"),),
    "AuditSourceIdentification": (("AuditSourceTypeCode", "*"),),
    "ParticipantObjectIdentification": (
        ("ParticipantObjectIDTypeCode", "1"),
        ("ParticipantObjectName", "1"),
        ("ParticipantObjectDetail", "*"),
        ("ParticipantObjectDescription", "*"),
    ),
    "ParticipantObjectDescription": (("MPPS", "*"), ("Accession", "*"), ("SOPClass", "*")),
}
# Name of an element: attributes that it must have, and those that it may have.
ATTRIBUTES = {
    "EventIdentification": (
        {"EventDateTime", "EventOutcomeIndicator"},
        {"EventActionCode"},
    ),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
    ),
    "AuditSourceIdentification": ({"AuditSourceID"}, {"AuditEnterpriseSiteID"}),
    "AuditSourceTypeCode": ({"csd-code"}, set()),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"},
        {
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        },
    ),
    "ParticipantObjectDetail": ({"type", "value"}, set()),
    "Accession": ({"Number"}, set()),
    "SOPClass": ({"NumberOfInstances"}, {"UID"}),
    **{
        name: (CODE, {"displayName"})
        for name in (
            "EventID",
            "EventTypeCode",
            "RoleIDCode",
            "MediaType",
            "ParticipantObjectIDTypeCode",
        )
    },
}
_HOW_OFTEN = {"1": "{1}", "?": "?", "*": "*", "+": "+"}


def check(xml: bytes) -> Xml.Element:
    """Return a message after every rule was tried on every element."""
    root = Xml.fromstring(xml)
    assert root.tag == "AuditMessage"
    for element in root.iter():
        _check_children(element)
        must, may = ATTRIBUTES.get(element.tag, (set(), set()))
        assert must <= set(element.attrib) <= must | may, (element.tag, element.attrib)
    event = root.find("EventIdentification")
    assert event.get("EventActionCode") in ACTIONS
    assert event.get("EventOutcomeIndicator") in OUTCOMES
    assert datetime.fromisoformat(event.get("EventDateTime")).tzinfo is not None
    requestors = [one.get("UserIsRequestor") for one in root.iter("ActiveParticipant")]
    assert set(requestors) <= {"true", "false"}
    assert requestors.count("true") <= 1, "A.5.2: not more than one requestor"
    assert all(one.get("UserID") for one in root.iter("ActiveParticipant"))
    for one in root.iter("ParticipantObjectIdentification"):
        assert one.get("ParticipantObjectTypeCode") in set("1234")
        assert 1 <= int(one.get("ParticipantObjectTypeCodeRole")) <= 26
    for one in root.iter("ParticipantObjectDetail"):
        base64.b64decode(one.get("value"), validate=True)
    return root


def _check_children(element: Xml.Element) -> None:
    rules = CHILDREN.get(element.tag, ())
    pattern = "".join(f"(?:<{name}>){_HOW_OFTEN[often]}" for name, often in rules)
    children = "".join(f"<{child.tag}>" for child in element)
    assert re.fullmatch(pattern, children), (element.tag, children)
