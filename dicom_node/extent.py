"""Whether a dataset ends before it says it does, found from tags and lengths without decoding.

Walks element headers only and jumps over values, so an Enhanced MR of 500 MB costs as little as a
small image. Only a deflated dataset is read whole, and only up to a limit. Knows encodings, nothing
of what elements mean.

References
----------
DICOM PS3.5 7.1 (data elements), 7.5 (sequences), A.4 (encapsulated pixel data), A.5 (deflated
datasets).
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
# Deflated Explicit VR Little Endian and JPIP Referenced Deflate, twice. Deflated Image Frame
# Compression (1.2.840.10008.1.2.8.1) is none of them: it deflates frames, not the dataset.
DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)
MAXIMUM_INFLATED_BYTES = 1 << 29
"""More than the largest Enhanced MR; a deflated file may grow a thousandfold."""

_UNDEFINED = 0xFFFFFFFF
_PIXEL_DATA = 0x7FE00010
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_MAXIMUM_DEPTH = 64
_MAXIMUM_PADDING_BYTES = 4096
_CHUNK_BYTES = 1 << 18
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


class EndsEarlyError(Exception):
    """The bytes stop inside an element, a sequence or what was deflated."""


class InflatesTooFarError(Exception):
    """A deflated dataset has more than ``MAXIMUM_INFLATED_BYTES``."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a dataset reaches.

    Attributes
    ----------
    ends_early
        The bytes stop inside an element or a sequence.
    native_pixel_bytes
        Length of (7FE0,0010) when it is not encapsulated, else None.
    """

    ends_early: bool
    native_pixel_bytes: int | None


def open_dataset(stream: BinaryIO, transfer_syntax_uid: str) -> BinaryIO:
    """Return the dataset that begins here in the stream, inflated where it is deflated.

    Raises
    ------
    EndsEarlyError
        What was deflated is cut or damaged.
    InflatesTooFarError
        It is not held in memory, whatever it is.
    """
    if transfer_syntax_uid not in DEFLATED:
        return stream
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = io.BytesIO()
    try:
        while not inflater.eof:
            data = inflater.unconsumed_tail or stream.read(_CHUNK_BYTES)
            n_bytes = content.write(inflater.decompress(data, _CHUNK_BYTES))
            if content.tell() > MAXIMUM_INFLATED_BYTES:
                raise InflatesTooFarError
            if not (data or n_bytes or inflater.eof):
                raise EndsEarlyError
    except zlib.error:
        raise EndsEarlyError from None
    content.seek(0)
    return content


def measure_extent(stream: BinaryIO, transfer_syntax_uid: str) -> Extent:
    """Walk the dataset from here to the end of the stream.

    Parameters
    ----------
    stream
        Seekable, at the first element after group 0002, as ``open_dataset`` returns it.
    transfer_syntax_uid
        From the file meta information.

    Notes
    -----
    A truncation exactly between two elements cannot be seen; then pixel data or identifiers are
    missing, which others report. Zeros behind the last element are padding that some senders add.
    """
    position = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(position)
    walker = _Walker(
        stream,
        size,
        implicit=transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN,
        order=">" if transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<",
    )
    try:
        while position < size:
            walker.skip_element(depth=0)
            position = stream.tell()
    except EndsEarlyError:
        stream.seek(position)
        cut = any(stream.read(_MAXIMUM_PADDING_BYTES + 1))
        return Extent(ends_early=cut, native_pixel_bytes=walker.native_pixel_bytes)
    return Extent(ends_early=False, native_pixel_bytes=walker.native_pixel_bytes)


class _Walker:
    """Steps from element to element; raises ``EndsEarlyError`` at the end of the bytes."""

    def __init__(self, stream: BinaryIO, size: int, *, implicit: bool, order: str) -> None:
        self._stream = stream
        self._size = size
        self._implicit = implicit
        self.native_pixel_bytes: int | None = None
        self._tag = struct.Struct(f"{order}HH")
        self._short = struct.Struct(f"{order}H")
        self._long = struct.Struct(f"{order}I")

    def skip_element(self, depth: int) -> int:
        """Step over one element and return its tag."""
        tag = self._read_tag()
        if tag >> 16 == _ITEM >> 16:  # items and delimiters have no VR in any encoding
            length = self._read_long()
            if tag == _ITEM and length == _UNDEFINED:
                self._skip_item_content(depth)
            else:
                self._skip(length)
            return tag
        vr, length = self._vr_and_length()
        if length != _UNDEFINED:
            if depth == 0 and tag == _PIXEL_DATA:
                self.native_pixel_bytes = length
            self._skip(length)
        elif vr == b"UN":
            # PS3.5 6.2.2 note 2: an unknown sequence of undefined length is implicit inside.
            inner = _Walker(self._stream, self._size, implicit=True, order="<")
            inner.skip_items(depth + 1)
        else:
            self.skip_items(depth + 1)
        return tag

    def skip_items(self, depth: int) -> None:
        """Step over items or fragments to the sequence delimiter."""
        if depth > _MAXIMUM_DEPTH:
            raise EndsEarlyError
        while self.skip_element(depth) != _SEQUENCE_END:
            pass

    def _skip_item_content(self, depth: int) -> None:
        if depth > _MAXIMUM_DEPTH:
            raise EndsEarlyError
        while self.skip_element(depth + 1) != _ITEM_END:
            pass

    def _vr_and_length(self) -> tuple[bytes, int]:
        if self._implicit:
            return b"", self._read_long()
        vr = self._read(2)
        if vr in _LONG_VRS:
            self._read(2)
            return vr, self._read_long()
        return vr, int(self._short.unpack(self._read(2))[0])

    def _read_tag(self) -> int:
        group, element = self._tag.unpack(self._read(4))
        return int(group) << 16 | int(element)

    def _read_long(self) -> int:
        return int(self._long.unpack(self._read(4))[0])

    def _read(self, n_bytes: int) -> bytes:
        data = self._stream.read(n_bytes)
        if len(data) < n_bytes:
            raise EndsEarlyError
        return data

    def _skip(self, n_bytes: int) -> None:
        if self._stream.seek(n_bytes, io.SEEK_CUR) > self._size:
            raise EndsEarlyError
