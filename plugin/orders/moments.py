"""Times as HL7 v2 (TS, DTM) and DICOM (DT) write them, which is nearly the same."""

import re
from datetime import datetime, timedelta, timezone

_MOMENT = re.compile(
    r"(?P<date>\d{8})(?P<time>\d{2}(?:\d{2}(?:\d{2})?)?)?(?:\.\d+)?(?P<zone>[+-]\d{4})?"
)


def moment_of(text: str) -> datetime | None:
    """Return an aware time, to the second; None for what is no time or no more than a year.

    Without a zone it is in that of this machine.

    References
    ----------
    HL7 v2.5.1, 2.A.22 (DTM); DICOM PS3.5 6.2 (DT).
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    try:
        local = datetime.strptime(  # noqa: DTZ007  the zone follows
            found["date"] + (found["time"] or "").ljust(6, "0"), "%Y%m%d%H%M%S"
        )
        if found["zone"] is None:
            return local.astimezone()
        hours, minutes = int(found["zone"][:3]), int(found["zone"][0] + found["zone"][3:])
        return local.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))
    except (ValueError, OverflowError, OSError):
        return None
