"""HL7 v2 messages and UPS work items as a department sends them; all values are made up."""

import json


def segment(name, **fields):
    """Return a segment with fields at their numbers: ``segment("ORC", f1="NW")``."""
    given = {int(key[1:]): value for key, value in fields.items()}
    return "|".join([name, *(given.get(number, "") for number in range(1, max(given) + 1))])


def msh(kind="ORM^O01", at="20261122140000+0000", charset=""):
    header = segment("MSH", f2="RIS", f3="HOSPITAL", f6=at, f8=kind, f9="42", f10="P", f11="2.3.1")
    return header.replace("MSH|", "MSH|^~\\&", 1) + ("|" * 6 + charset if charset else "")


def orm(
    priority="S",
    accession="A1",
    *,
    control="NW",
    at="20261122140000+0000",
    uid="",
    procedure="",
    placer="P1^HIS",
    filler="F1^RIS",
    patient_class="O",
    name="Doe^Jane",
    charset="",
    reason="",
):
    """Return a legacy order (ORM^O01) with its priority in OBR-27.6."""
    lines = [
        msh(at=at, charset=charset),
        segment("PID", f3="123", f5=name),
        segment("PV1", f2=patient_class),
        segment("ORC", f1=control, f2=placer, f3=filler),
        segment(
            *("OBR",),
            f2=placer,
            f3=filler,
            f4="CMR^MR heart",
            f18=accession,
            f19=procedure,
            f27=f"1^once^^^^{priority}",
            f31=f"^{reason}",
        ),
    ]
    if uid:
        lines.append(segment("ZDS", f1=f"{uid}^Application^DICOM"))
    return "\r".join(lines) + "\r"


def omi(priority="S^Stat^HL70485", *ipc, at="20261122140000+0000", extra=()):
    """Return an imaging order (OMI^O23) with its priority in TQ1-9."""
    lines = [
        msh("OMI^O23^OMI_O23", at=at),
        segment("PV1", f2="E"),
        segment("ORC", f1="NW", f2="P1^HIS", f3="F1^RIS"),
        segment("TQ1", f1="1", f9=priority),
        segment("OBR", f1="1", f2="P1^HIS", f3="F1^RIS", f4="CMR^MR heart"),
        *extra,
        *(ipc or (segment("IPC", f1="A1^RIS^1.2.3^ISO", f2="RP1", f3="1.2.840.1", f4="S1"),)),
    ]
    return "\r".join(lines) + "\r"


def text(vr, *values):
    return {"vr": vr, "Value": list(values)}


def ups(priority="HIGH", accession="A1", **more):
    """Return a work item as the JSON model has it."""
    request = {"00080050": text("SH", accession), "0020000D": text("UI", "1.2.840.1")}
    return {
        "00080016": text("UI", "1.2.840.10008.5.1.4.34.6.1"),
        "00080018": text("UI", "1.2.840.99.1"),
        "00100010": text("PN", {"Alphabetic": "Doe^Jane"}),
        "00741000": text("CS", "SCHEDULED"),
        "00741200": text("CS", priority),
        "0040A370": text("SQ", request),
        **more,
    }


def coded_priority(code):
    """Return Scheduled Processing Parameters with a coded Priority."""
    item = {
        "0040A043": text("SQ", {"00080100": text("SH", "260870009")}),
        "0040A168": text("SQ", {"00080100": text("SH", code)}),
    }
    return {"00741210": text("SQ", item)}


def as_json(*items):
    return json.dumps(items).encode()
