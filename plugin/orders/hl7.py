"""HL7 version 2 text as messages, segments and fields; what they mean is ``hl7_order``'s.

Reads what senders really send: any character set, any segment terminator, MLLP frames, batches,
segments cut short. The few rules of the encoding are all here, so no library is needed.

References
----------
HL7 v2.5.1, chapter 2: 2.5 (delimiters), 2.7 (escape sequences), 2.15.9.18 (MSH-18, table 0211).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from plugin.domain.errors import OrderRejectedError, Reason
from plugin.orders.limits import MAXIMUM_REPETITIONS, MAXIMUM_SEGMENTS

_TERMINATORS = re.compile(r"[\r\n\x0b\x1c]+")
_ENVELOPES = ("FHS", "BHS", "BTS", "FTS")
_CODECS = {
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5hkscs",
    "KS X 1001": "euc_kr",
    "ISO IR87": "iso2022_jp_ext",
    "ISO IR159": "iso2022_jp_ext",
    **{f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
}
"""Table 0211. In several of them a separator's byte may be half of a letter, so text is decoded
before it is taken apart."""
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_JAPANESE = (b"\x1b$", b"\x1b(J", b"\x1b(I")
_SPACES_AND_FRAME = b" \t\r\n\x0b"
_MSH_18 = 17
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Separators:
    """The five characters that a message chose for itself."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str

    def plain(self, text: str) -> str:
        """Return a text with its escape sequences resolved; those of format become spaces."""
        meant = {
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "E": self.escape,
            "T": self.subcomponent,
        }
        sign = re.escape(self.escape)
        return re.sub(f"{sign}([^{sign}]*){sign}", lambda found: meant.get(found[1], " "), text)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; fields are numbered as the standard does, also those of MSH."""

    name: str
    fields: tuple[str, ...]
    separators: Separators

    def repetitions(self, number: int) -> tuple[str, ...]:
        """Return the first repetitions of a field as written; none where it is not there."""
        text = self.fields[number] if number < len(self.fields) else ""
        found = text.split(self.separators.repetition, MAXIMUM_REPETITIONS)
        return tuple(found[:MAXIMUM_REPETITIONS]) if text else ()

    def component(self, number: int, component: int = 1) -> str:
        """Return one component of a field's first repetition, or an empty text."""
        return next(iter(self.components(number, component)), "")

    def components(self, number: int, component: int = 1) -> tuple[str, ...]:
        """Return one component of every repetition of a field."""
        found = []
        for repetition in self.repetitions(number):
            parts = repetition.split(self.separators.component)
            part = parts[component - 1] if component <= len(parts) else ""
            first = part.split(self.separators.subcomponent)[0]
            found.append(_clean(self.separators.plain(first)))
        return tuple(found)


def _clean(text: str) -> str:
    """Return a text without what no database or page should hold."""
    return _UNPRINTABLE.sub("", text).strip()


def is_hl7(data: bytes) -> bool:
    """Tell whether data begin as HL7 v2 text does."""
    text = _decoded_with_bom(data[:64]) or data[:64].decode("latin-1")
    return text.strip(_SPACES_AND_FRAME.decode()).startswith(("MSH", *_ENVELOPES))


def read_messages(data: bytes) -> list[list[Segment]]:
    """Take every message of a text apart.

    Raises
    ------
    OrderRejectedError
        ``ORDER_NOT_UNDERSTOOD``: no message begins in it, or its delimiters cannot be any;
        ``ORDER_TOO_LARGE``: it has more segments than orders could need.
    """
    messages: list[list[Segment]] = []
    separators: Separators | None = None
    lines = _TERMINATORS.split(_decode(data))
    if len(lines) > MAXIMUM_SEGMENTS:
        raise OrderRejectedError(Reason.ORDER_TOO_LARGE, f"at most {MAXIMUM_SEGMENTS} segments")
    for line in lines:
        name = line[:3]
        if name == "MSH":
            separators = _separators(line)
            messages.append([_segment(line, separators)])
        elif separators and name not in _ENVELOPES and line[3:4] == separators.field:
            messages[-1].append(_segment(line, separators))
    if not messages:
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD, "no MSH segment")
    return messages


def _segment(line: str, separators: Separators) -> Segment:
    fields = line.split(separators.field)
    if line.startswith("MSH"):
        fields.insert(1, separators.field)  # MSH-1 is the separator itself
    return Segment(line[:3], tuple(fields), separators)


def _separators(line: str) -> Separators:
    field = line[3:4]
    others = line[4:].partition(field)[0] if field else ""
    chosen = field + others[:4]
    if field.isalnum() or field.isspace() or not others or len(set(chosen)) != len(chosen):
        raise OrderRejectedError(Reason.ORDER_NOT_UNDERSTOOD, "MSH-2")
    # A message may leave out those that it does not use.
    return Separators(field, *(others + "~\\&"[len(others) - 1 :])[:4])


def _decode(data: bytes) -> str:
    """Return the text by its mark, its own word (MSH-18), or by how it looks; never fails."""
    marked = _decoded_with_bom(data)
    if marked is not None:
        return marked
    tries = (_declared(data), "iso2022_jp_ext" if _is_japanese(data) else None, "utf-8")
    for codec in filter(None, tries):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _decoded_with_bom(data: bytes) -> str | None:
    codec = next((name for mark, name in _BOMS.items() if data.startswith(mark)), None)
    return None if codec is None else data.decode(codec, "replace")


def _is_japanese(data: bytes) -> bool:
    return any(mark in data for mark in _JAPANESE)


def _declared(data: bytes) -> str | None:
    """Return the codec of the first character set of MSH-18 that is not plain ASCII."""
    head = data[data.find(b"MSH") :]
    line = _TERMINATORS.split(head[:4096].decode("latin-1"), maxsplit=1)[0]
    fields = line.split(line[3:4] or "|")
    named = fields[_MSH_18] if len(fields) > _MSH_18 else ""
    names = (name.strip().upper() for name in re.split(r"[~^]", named))
    return next((_CODECS[name] for name in names if name in _CODECS), None)


def segments_named(message: list[Segment], name: str) -> Iterator[Segment]:
    """Yield the segments of one kind."""
    return (segment for segment in message if segment.name == name)
