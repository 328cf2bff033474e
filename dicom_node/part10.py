"""The Part 10 header in front of a received dataset, built without looking into the dataset.

The file is then complete in itself: it names the transfer syntax in which the bytes came, and who
sent them to whom.

References
----------
DICOM PS3.10 7.1 (File Meta Information), PS3.5 7.1.2 (Explicit VR Little Endian).
"""

import struct

from plugin.domain.identifiers import derive_uid

IMPLEMENTATION_CLASS_UID = derive_uid("implementation", "cmr-triage")
IMPLEMENTATION_VERSION_NAME = "CMR_TRIAGE_1"

_PREAMBLE = bytes(128) + b"DICM"
_LONG_LENGTH = frozenset({b"OB"})


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in {b"UI", b"OB"} else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in _LONG_LENGTH:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def part10_header(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    calling_ae_title: str,
    called_ae_title: str,
) -> bytes:
    """Return preamble, prefix and group 0002 for a dataset that came in a C-STORE request."""

    def text(value: str) -> bytes:
        return value.encode("ascii", errors="replace")

    elements = b"".join(
        (
            _element(0x00020001, b"OB", b"\0\1"),
            _element(0x00020002, b"UI", text(sop_class_uid)),
            _element(0x00020003, b"UI", text(sop_instance_uid)),
            _element(0x00020010, b"UI", text(transfer_syntax_uid)),
            _element(0x00020012, b"UI", text(IMPLEMENTATION_CLASS_UID)),
            _element(0x00020013, b"SH", text(IMPLEMENTATION_VERSION_NAME)),
            _element(0x00020016, b"AE", text(calling_ae_title)),  # source
            _element(0x00020017, b"AE", text(calling_ae_title)),  # sending
            _element(0x00020018, b"AE", text(called_ae_title)),  # receiving
        )
    )
    return _PREAMBLE + _element(0x00020000, b"UL", struct.pack("<I", len(elements))) + elements
