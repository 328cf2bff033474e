"""Bytes of a text attribute to text, also where the declared character set is wrong.

Knows how DICOM declares character sets (PS3.3 C.12.1.1.2, PS3.5 6.1) and which wrong declarations
occur: none at all, or Latin-1 for what is UTF-8, GB18030 or Shift JIS. Guesses only where the bytes
leave little doubt, and says that it guessed.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydicom import config
from pydicom.charset import convert_encodings, decode_bytes

from worker.series import attributes as read

_TERMINAL_SEQUENCE = re.compile(rb"\x1b\[[0-9;]{0,16}[A-Za-z]")
_ESCAPE_SEQUENCE = re.compile(r"\x1b\$?[()*+\-./]?[0-~]")
"""Designations that Python's codecs leave in the text."""
_DELIMITERS = frozenset(b"\\^=\r\n\t\f")
_CODE_EXTENSIONS = [
    "ISO 2022 IR 6",
    *(f"ISO 2022 IR {n}" for n in (87, 159, 13, 149, 58, 100, 101, 109, 110, 144, 127, 126)),
    *(f"ISO 2022 IR {n}" for n in (138, 148, 166)),
]
_WESTERN = {"iso8859", "latin_1"}
_SAMPLE_CHARACTERS = 2000
_MINIMUM_IDEOGRAPHS = 2
_COMMON_SHARE = 0.9
_LONGEST_CHARACTER_BYTES = 4


class Decoded(NamedTuple):
    """Text, and whether its character set is beyond doubt."""

    text: str
    is_certain: bool


def decode_text(raw: bytes, declared: Sequence[str] = ()) -> Decoded:
    """Decode one text value.

    Parameters
    ----------
    declared
        Values of Specific Character Set (0008,0005) that hold for it, empty ones included.

    Notes
    -----
    In this order: plain ASCII; the declared set, unless it is a Western one (in which any bytes are
    valid, so that it proves nothing); code extensions by their escape sequences; UTF-8; Shift JIS
    and GB18030 where nearly all characters are common ones; the declared Western set.
    """
    raw = _TERMINAL_SEQUENCE.sub(b"", raw)
    if raw.isascii() and b"\x1b" not in raw:
        return Decoded(raw.decode("ascii"), is_certain=True)
    found = _decoded(raw, declared)
    if found is not None:
        return found
    # Windows code page 1252 is Latin-1 with typographic quotes where Latin-1 has control codes.
    is_latin = _python_encodings(declared) == ["latin_1"]
    return Decoded(raw.decode("cp1252", errors="replace"), is_certain=is_latin)


def _decoded(raw: bytes, declared: Sequence[str]) -> Decoded | None:
    """Decode by what the bytes prove or make likely; None leaves a Western single-byte set."""
    text = None if is_western(declared) else _strict(raw, _python_encodings(declared))
    if text is None and b"\x1b" in raw:
        text = _strict(raw, _python_encodings(_CODE_EXTENSIONS))
    if text is None:
        text = _strict(raw, ["utf-8"])
    if text is not None:
        return Decoded(text, is_certain=True)
    for encoding, is_common in (("cp932", _is_common_in_japan), ("gb18030", _is_common_in_china)):
        text = _strict(raw, [encoding])
        if text is not None and _reads_like(text, encoding, is_common):
            return Decoded(text, is_certain=False)
    return None


def is_western(declared: Sequence[str]) -> bool:
    """Tell whether only Latin-1, ASCII or nothing that is known is declared."""
    return set(_python_encodings(declared)) <= _WESTERN


def _python_encodings(declared: Sequence[str]) -> list[str]:
    with read.without_complaints():
        return convert_encodings(list(declared))


def cut_bytes(raw: bytes, maximum_bytes: int) -> bytes:
    """Cut a long value at the last line break or space near the limit, so no character breaks."""
    if len(raw) <= maximum_bytes:
        return raw
    head = raw[:maximum_bytes]
    end = max(head.rfind(b"\n"), head.rfind(b" "))
    return head[:end] if end >= maximum_bytes // 2 else head


def decode_start(raw: bytes, declared: Sequence[str] = ()) -> Decoded:
    """Decode a value that was cut: up to three bytes at its end may belong to half a character."""
    for end in range(len(raw), max(len(raw) - _LONGEST_CHARACTER_BYTES, 0), -1):
        found = _decoded(raw[:end], declared)
        if found is not None:
            return found
    return decode_text(raw, declared)


def _strict(raw: bytes, encodings: list[str]) -> str | None:
    try:
        with config.strict_reading():
            return _ESCAPE_SEQUENCE.sub("", decode_bytes(raw, encodings, set(_DELIMITERS)))
    except (UnicodeError, LookupError, ValueError):
        return None


def _reads_like(text: str, encoding: str, is_common: Callable[[bytes], bool]) -> bool:
    """Tell whether nearly all characters are common ones and at least two are ideographs."""
    strange = [character for character in text[:_SAMPLE_CHARACTERS] if not character.isascii()]
    coded = [character.encode(encoding, errors="replace") for character in strange]
    n_common = sum(is_common(code) for code in coded)
    n_ideographs = sum(len(code) > 1 for code in coded)
    return n_ideographs >= _MINIMUM_IDEOGRAPHS and n_common >= _COMMON_SHARE * len(coded)


def _is_common_in_japan(code: bytes) -> bool:
    """Punctuation, kana and kanji of level 1 in Shift JIS."""
    lead_and_trail = int.from_bytes(code, "big")
    return 0x8140 <= lead_and_trail <= 0x84FC or 0x889F <= lead_and_trail <= 0x9872  # noqa: PLR2004


def _is_common_in_china(code: bytes) -> bool:
    """Punctuation and hanzi of level 1 in GB 2312."""
    lead, trail = divmod(int.from_bytes(code, "big"), 0x100)
    return (0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7) and trail >= 0xA1  # noqa: PLR2004
