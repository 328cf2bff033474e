"""How a level is written in the standards that carry one.

STAT and URGENT are both HIGH for UPS, so a code tells them apart. Nothing below the middle is ever
written, and the middle only where a channel demands a value: a study that is not promoted has
simply no suggestion.

References
----------
DICOM PS3.3 C.30.2 (Scheduled Procedure Step Priority, 0074,1200) and PS3.16 CID 3414; HL7 v2.5.1
tables 0027 and 0485 (OBR-27, TQ1-9).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from plugin.domain.findings import Code, Priority


@dataclass(frozen=True, slots=True)
class ChannelValues:
    """One level: UPS priority, HL7 priority, and the coded priority of a report (None: no item)."""

    ups: str
    hl7: str
    code: Code | None


CHANNELS: Mapping[Priority, ChannelValues] = {
    Priority.STAT: ChannelValues("HIGH", "S", Code("25876001", "SCT", "Emergent Procedure")),
    Priority.URGENT: ChannelValues("HIGH", "A", Code("103391001", "SCT", "Urgent Procedure")),
    Priority.ROUTINE: ChannelValues("MEDIUM", "R", None),
}
