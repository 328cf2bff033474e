"""AE titles and UIDs: what is valid, how our own UIDs are made, and what we call ourselves.

References
----------
DICOM PS3.5 6.2 (AE and UI value representations), PS3.5 B.2 (UUID-derived UIDs, root 2.25).
"""

import hashlib
import re
import uuid

from plugin.domain.errors import ConfigurationError, Reason

MANUFACTURER = "cmr-triage"
MODEL_NAME = "cmr-triage"
"""Manufacturer (0008,0070) and model (0008,1090) of every result object, stable for ever: a result
that comes back from an archive is recognised by them when the registry no longer knows its UID."""

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_MAXIMUM_UID_LENGTH = 64
_MAXIMUM_AE_TITLE_LENGTH = 16
_NAMESPACE = uuid.UUID("6f0c7c2e-4a54-5d0b-9a52-0f4b9f3a1c77")


def is_valid_uid(value: str) -> bool:
    """Tell whether ``value`` is a UID by PS3.5 9.1; only such a one may become a path."""
    return len(value) <= _MAXIMUM_UID_LENGTH and _UID.fullmatch(value) is not None


def check_ae_title(value: str) -> str:
    """Return ``value`` without insignificant spaces at its ends, case kept.

    Raises
    ------
    ConfigurationError
        If it is empty, longer than 16 characters, or has control characters or a backslash.
    """
    title = value.strip(" ")
    printable = all(" " <= character <= "~" and character != "\\" for character in title)
    if not title or len(title) > _MAXIMUM_AE_TITLE_LENGTH or not printable:
        raise ConfigurationError(Reason.AE_TITLE_INVALID, repr(value))
    return title


def derive_uid(*parts: str) -> str:
    """Make a UID that is always the same for the same parts (UUIDv5 under 2.25).

    The parts must name everything that the identified content depends on, so that one UID always
    means one content.
    """
    name = "\x1f".join(parts)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def study_key(study_instance_uid: str) -> str:
    """Return a short name for a study that may be a folder or stand in a log: a one-way hash.

    The UID itself never becomes a path, so no sender can choose where a file lies.
    """
    return hashlib.sha256(study_instance_uid.encode()).hexdigest()[:20]
