"""How urgent an order is, from the words of HL7 v2 and DICOM to those of a policy.

References
----------
HL7 v2.5.1 table 0485 (extended priority codes), which the legacy OBR-5, OBR-27.6 and ORC-7.6 share
in the main. IHE RAD TF-2 Appendix B, Table B-1, note 1: S is STAT, A, P and C are HIGH, R is
ROUTINE and T is MEDIUM of Requested Procedure Priority (0040,1003), which is read as ROUTINE here.
DICOM PS3.3 C.30.2: Scheduled Procedure Step Priority (0074,1200); PS3.16 CID 3414.
"""

import re
from collections.abc import Mapping

from plugin.domain.triage import IncomingPriority

HL7_PRIORITIES: Mapping[str, IncomingPriority] = {
    "S": IncomingPriority.STAT,
    "STAT": IncomingPriority.STAT,
    "A": IncomingPriority.HIGH,
    "ASAP": IncomingPriority.HIGH,
    "P": IncomingPriority.HIGH,
    "C": IncomingPriority.HIGH,
    "R": IncomingPriority.ROUTINE,
    "ROUTINE": IncomingPriority.ROUTINE,
    "T": IncomingPriority.ROUTINE,
    "PRN": IncomingPriority.ROUTINE,
}
"""Codes, and those of their names that senders write instead."""
_TIMING_CRITICAL = re.compile(r"T[SMHDWL]\d+")
"""How exactly the time of the scan is to be kept; says nothing of how soon it is to be read."""

UPS_PRIORITIES: Mapping[str, IncomingPriority] = {
    "HIGH": IncomingPriority.HIGH,
    "MEDIUM": IncomingPriority.ROUTINE,
    "LOW": IncomingPriority.LOW,
}
PRIORITY_CONCEPT = "260870009"
EMERGENT = "25876001"
"""SNOMED CT: Priority, and the value of it that tells STAT from other HIGH work items."""


def of_hl7(code: str) -> IncomingPriority | None:
    """Return what a priority code of HL7 asks for; None for one that is not of the table."""
    written = code.strip().upper()
    if _TIMING_CRITICAL.fullmatch(written):
        return HL7_PRIORITIES["T"]
    return HL7_PRIORITIES.get(written)


def as_written(place: str, code: str) -> str:
    """Return where a priority stood and its code, as people look for it; odd text is left out."""
    short = code.strip()
    return f"{place} {short if re.fullmatch(r'[A-Za-z0-9]{1,8}', short) else '?'}"
