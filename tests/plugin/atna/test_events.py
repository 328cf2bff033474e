"""Every entry of the audit trail as a DICOM audit message, held to the standard's schema."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.atna.events import MESSAGES, message_of
from plugin.atna.message import encode
from plugin.registry import AuditRecord
from tests.plugin.atna.schema import check

AT = datetime(2026, 11, 22, 13, 0, 0, 123456, UTC)
ROOT = Path(__file__).parents[3]


def entry(action, actor="kate", subject="thing", before=None, after=None, address=None):
    return AuditRecord(7, AT, actor, action, subject, before, after, address)


def written(record, study=None):
    return check(encode(message_of(record, study, "CMRTRIAGE"), "CMR-1", "Hospital"))


def codes(root, name):
    return [(one.get("csd-code"), one.get("originalText")) for one in root.iter(name)]


@pytest.mark.parametrize("action", [*MESSAGES, "peer.add", "peer.echo.ask", "never.heard.of"])
def test_every_action_becomes_a_message_of_the_schema(action):
    root = written(entry(action, after={"a": 1}, before={"a": "ü"}))
    source = root.find("AuditSourceIdentification")
    assert source.attrib == {"AuditEnterpriseSiteID": "Hospital", "AuditSourceID": "CMR-1"}
    event = root.find("EventIdentification")
    assert event.get("EventDateTime") == "2026-11-22T13:00:00.123+00:00"


def test_every_action_that_is_audited_somewhere_has_a_meaning():
    """What the code audits is found by its spelling; an unlisted one is a restricted function."""
    found = set()
    for package in ("plugin", "dicom_node"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(
                re.findall(r'"((?:user|study|peer|policy|switch)\.[a-z]+)"', path.read_text())
            )
    assert {"study.receive", "study.send", "study.view", "user.login", "peer.edit"} <= found
    meant = {code for action in found for code in codes(written(entry(action)), "EventTypeCode")}
    assert ("110132", "Use of Restricted Function") not in meant


@pytest.mark.parametrize(
    ("action", "event_type", "outcome"),
    [
        ("user.login", ("110122", "Login"), "0"),
        ("user.logout", ("110123", "Logout"), "0"),
        ("user.refused", ("110122", "Login"), "4"),
    ],
)
def test_logging_in_is_user_authentication_of_that_user(action, event_type, outcome):
    root = written(entry(action, actor="page", subject="user kate"))
    assert codes(root, "EventID") == [("110114", "User Authentication")]
    assert codes(root, "EventTypeCode") == [event_type]
    assert root.find("EventIdentification").get("EventOutcomeIndicator") == outcome
    assert root.find("ActiveParticipant").attrib == {"UserID": "kate", "UserIsRequestor": "true"}


@pytest.mark.parametrize("action", ["user.login", "user.refused", "peer.add", "study.view"])
def test_who_used_the_pages_is_told_with_where_from(action, study):
    """PS3.15 A.5.3: NetworkAccessPointID of the user's device; type 2 is an IP address."""
    root = written(entry(action, address="10.1.2.3"), study)
    (person,) = [
        one for one in root.iter("ActiveParticipant") if one.get("UserIsRequestor") == "true"
    ]
    assert person.get("NetworkAccessPointID") == "10.1.2.3"
    assert person.get("NetworkAccessPointTypeCode") == "2"
    others = [one for one in root.iter("ActiveParticipant") if one is not person]
    assert not any("NetworkAccessPointID" in one.attrib for one in others)


def test_what_was_received_names_sender_receiver_study_and_patient(study):
    after = {"n_instances": 3, "sop_classes": {"1.2.840.10008.5.1.4.1.1.4": 3}}
    root = written(entry("study.receive", actor="SCANNER", after=after), study)
    assert codes(root, "EventID") == [("110104", "DICOM Instances Transferred")]
    assert codes(root, "RoleIDCode") == [
        ("110153", "Source Role ID"),
        ("110152", "Destination Role ID"),
    ]
    titles = [one.get("AlternativeUserID") for one in root.iter("ActiveParticipant")]
    assert titles == ["AETITLES=SCANNER", "AETITLES=CMRTRIAGE"]
    images, patient = root.iter("ParticipantObjectIdentification")
    assert images.get("ParticipantObjectID") == "1.2.840.1"
    assert images.find(".//SOPClass").attrib == {
        "UID": "1.2.840.10008.5.1.4.1.1.4",
        "NumberOfInstances": "3",
    }
    assert images.find(".//Accession").get("Number") == "A-1"
    assert patient.get("ParticipantObjectID") == "P-1"
    assert patient.find("ParticipantObjectName").text == "Doe^Jane"
    assert codes(patient, "ParticipantObjectIDTypeCode") == [("2", "Patient Number")]


def test_what_was_sent_names_the_destination(study):
    after = {"destination": "archive", "sop_classes": {"1.2.840.10008.5.1.4.1.1.88.34": 1}}
    root = written(entry("study.send", after=after), study)
    sender, receiver = root.iter("ActiveParticipant")
    assert (sender.get("UserID"), receiver.get("UserID")) == ("cmr-triage", "archive")


def test_an_export_has_a_destination_medium(study):
    root = written(entry("study.export", after={"file": "sr.dcm"}), study)
    assert codes(root, "EventID") == [("110106", "Export")]
    assert codes(root, "MediaType") == [("110037", "URI")]


def test_looking_is_access_and_changing_is_update(study):
    for action, code in (("study.view", "R"), ("study.read", "U"), ("study.purge", "D")):
        assert (
            written(entry(action), study).find("EventIdentification").get("EventActionCode") == code
        )


def test_a_purged_study_is_named_as_the_trail_does():
    root = written(entry("study.view", subject="study 0a1b"))
    (thing,) = root.iter("ParticipantObjectIdentification")
    assert thing.get("ParticipantObjectID") == "0a1b"


def test_a_change_tells_before_and_after():
    root = written(entry("peer.edit", subject="peer PACS", before={"port": 1}, after={"port": 2}))
    assert codes(root, "EventTypeCode") == [("110128", "Network Configuration")]
    details = {
        one.get("type"): base64.b64decode(one.get("value")).decode()
        for one in root.iter("ParticipantObjectDetail")
    }
    assert details == {
        "Alert Description": "peer.edit",
        "before": '{"port": 1}',
        "after": '{"port": 2}',
    }


def test_a_refused_association_is_a_failed_node_authentication():
    after = {"address": "10.0.0.9", "reason": "unknown_calling_ae_title"}
    root = written(entry("association.refuse", actor="STRANGER", after=after))
    assert codes(root, "EventTypeCode") == [("110126", "Node Authentication")]
    stranger = list(root.iter("ActiveParticipant"))[1]
    assert stranger.get("NetworkAccessPointID") == "10.0.0.9"


def test_names_that_xml_cannot_hold_make_no_broken_message(study):
    from dataclasses import replace

    bad = replace(study, patient_name='D\x00oe^<J>"\ud800&', accession_number="\x1b$B")
    root = written(entry("study.view"), bad)
    assert 'D?oe^<J>"?&' in {one.text for one in root.iter("ParticipantObjectName")}
