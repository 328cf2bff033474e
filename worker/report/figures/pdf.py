"""A PDF of pictures and lines of text, as small as such a file can be.

Pictures go in as the compressed stream of their PNG, which the format shares with PDF, so nothing
is compressed twice. Text is searchable: one TrueType font, its used letters embedded, and the way
back from letters to characters. Equal inputs give equal bytes: no clock and no random name goes in.

References
----------
ISO 32000-1:2008 7.4.4 (Flate with PNG predictors), 7.5 (file structure), 9.7 (composite fonts),
9.10.3 (ToUnicode); W3C PNG 10 and 11.2 (IHDR, IDAT).
"""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fontTools import subset
from fontTools.ttLib import TTFont

from worker.report.figures.typesetting import font_path

_POINTS_PER_PX = 0.72  # pages are laid out at 100 pixels per inch
_PNG_SIGNATURE_LENGTH = 8
_TRUE_COLOUR = (8, 2, 0, 0, 0)  # bits, colour type, compression, filter, not interlaced
_BLOCK = 100  # most entries of one block of a character map
_BASELINE = 0.36
"""How far below the middle of a line its letters stand, as a share of their size."""
_LEFT_OUT = ("GSUB", "GPOS", "GDEF", "kern", "name", "post", "OS/2", "FFTM")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: its left end and middle in pixels from the upper left corner."""

    x: float
    y: float
    words: str
    size_px: float
    colour: str = "#000000"


class PdfDocument:
    """Collects pages and returns them as a file."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []
        self._pages: list[int] = []
        self._catalogue, self._page_tree, self._resources = (self._add(b"") for _ in range(3))
        self._text: list[tuple[int, Sequence[Line], float]] = []
        self._pictures: dict[str, int] = {}

    def add_picture(self, png: bytes, width_px: float, height_px: float, margin_px: float) -> None:
        """Add a page with one picture (8-bit RGB, not interlaced) as large as it fits.

        Raises
        ------
        ValueError
            If the PNG has another form.
        """
        columns, rows, stream = _png_stream(png)
        name = f"I{len(self._pictures)}"
        self._pictures[name] = self._add_stream(
            f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} "
            f"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms "
            f"<< /Predictor 15 /Colors 3 /BitsPerComponent 8 /Columns {columns} >>",
            stream,
        )
        room = width_px - 2 * margin_px, height_px - 2 * margin_px
        scale = min(room[0] / columns, room[1] / rows) * _POINTS_PER_PX
        wide, high = columns * scale, rows * scale
        left = (width_px * _POINTS_PER_PX - wide) / 2
        bottom = (height_px * _POINTS_PER_PX - high) / 2
        drawn = f"{wide:.3f} 0 0 {high:.3f} {left:.3f} {bottom:.3f} cm /{name} Do"
        content = self._add_stream("", drawn.encode("ascii"))
        self._add_page(content, width_px, height_px)

    def add_text(self, lines: Sequence[Line], width_px: float, height_px: float) -> None:
        """Add a page of text."""
        content = self._add(b"")
        self._text.append((content, lines, height_px))
        self._add_page(content, width_px, height_px)

    def content(self, title: str, subject: str, creator: str) -> bytes:
        """Return the file."""
        used = {character for _, lines, _ in self._text for one in lines for character in one.words}
        font = _Font.with_characters("".join(sorted(used | {" "})))
        for number, lines, height_px in self._text:
            self._set(
                number,
                _stream(
                    "/Filter /FlateDecode",
                    zlib.compress(
                        "\n".join(_drawn(line, font, height_px) for line in lines).encode("ascii")
                    ),
                ),
            )
        pictures = " ".join(f"/{name} {number} 0 R" for name, number in self._pictures.items())
        self._set_text(
            self._resources,
            f"<< /Font << /F {self._add_font(font)} 0 R >> /XObject << {pictures} >> >>",
        )
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._set_text(
            self._page_tree, f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>"
        )
        self._set_text(
            self._catalogue,
            f"<< /Type /Catalog /Pages {self._page_tree} 0 R /Lang (en) "
            "/ViewerPreferences << /DisplayDocTitle true >> >>",
        )
        about = {"Title": title, "Subject": subject, "Creator": creator}
        entries = " ".join(f"/{name} {_string(words)}" for name, words in about.items())
        return self._file(self._add(f"<< {entries} >>".encode("ascii")))

    def _file(self, about: int) -> bytes:
        """Return all objects with the table that says where each begins."""
        file = io.BytesIO()
        file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        starts = []
        for number, body in enumerate(self._objects, start=1):
            starts.append(file.tell())
            file.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        table = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(starts) + 1))
        file.write(b"".join(b"%010d 00000 n \n" % start for start in starts))
        file.write(
            b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
            % (len(starts) + 1, self._catalogue, about, table)
        )
        return file.getvalue()

    def _add(self, body: bytes) -> int:
        self._objects.append(body)
        return len(self._objects)

    def _add_stream(self, entries: str, content: bytes) -> int:
        return self._add(_stream(entries, content))

    def _set(self, number: int, body: bytes) -> None:
        self._objects[number - 1] = body

    def _set_text(self, number: int, body: str) -> None:
        self._set(number, body.encode("ascii"))

    def _add_page(self, content: int, width_px: float, height_px: float) -> None:
        size = f"{width_px * _POINTS_PER_PX:.2f} {height_px * _POINTS_PER_PX:.2f}"
        page = (
            f"<< /Type /Page /Parent {self._page_tree} 0 R /Resources {self._resources} 0 R "
            f"/MediaBox [0 0 {size}] /Contents {content} 0 R >>"
        )
        self._pages.append(self._add(page.encode("ascii")))

    def _add_font(self, font: "_Font") -> int:
        """Add the composite font with its letters, widths and way back to characters."""
        file = self._add_stream(
            f"/Filter /FlateDecode /Length1 {len(font.file)}", zlib.compress(font.file)
        )
        descriptor = self._add(
            f"<< /Type /FontDescriptor /FontName /{font.name} /Flags 4 /ItalicAngle 0 /StemV 80 "
            f"/FontBBox [{font.box}] /Ascent {font.ascent} /Descent {font.descent} "
            f"/CapHeight {font.ascent} /FontFile2 {file} 0 R >>".encode("ascii")
        )
        widths = " ".join(str(width) for width in font.widths)
        descendant = self._add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{font.name} "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {descriptor} 0 R /W [0 [{widths}]] "
            "/CIDToGIDMap /Identity >>".encode("ascii")
        )
        characters = self._add_stream("", font.to_unicode())
        return self._add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{font.name} /Encoding /Identity-H "
            f"/DescendantFonts [{descendant} 0 R] /ToUnicode {characters} 0 R >>".encode("ascii")
        )


@dataclass(frozen=True, slots=True)
class _Font:
    """The letters of some characters; sizes in thousandths of the type size.

    ``glyphs`` says which letter a character has; 0 is the box of one that the font has not.
    """

    name: str
    file: bytes
    glyphs: dict[str, int]
    widths: tuple[int, ...]
    box: str
    ascent: int
    descent: int

    @staticmethod
    @lru_cache(maxsize=1)
    def with_characters(characters: str) -> "_Font":
        """Cut the font down to ``characters``."""
        options = subset.Options(
            layout_features=[], hinting=False, glyph_names=False, notdef_outline=True
        )
        options.drop_tables += _LEFT_OUT
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        buffer = io.BytesIO()
        with TTFont(font_path(), lazy=True, recalcTimestamp=False) as font:
            subsetter.subset(font)
            font.save(buffer, reorderTables=False)
            head, heights, metrics = font["head"], font["hhea"], font["hmtx"].metrics
            order, codes = font.getGlyphOrder(), font.getBestCmap()
        share = 1000.0 / head.unitsPerEm
        box = (head.xMin, head.yMin, head.xMax, head.yMax)
        return _Font(
            "CMRTRI+DejaVuSans",
            buffer.getvalue(),
            {chr(code): order.index(name) for code, name in codes.items()},
            tuple(round(metrics[name][0] * share) for name in order),
            " ".join(str(round(edge * share)) for edge in box),
            round(heights.ascent * share),
            round(heights.descent * share),
        )

    def encoded(self, words: str) -> str:
        """Return the letters of a text as hexadecimal digits."""
        return "".join(f"{self.glyphs.get(character, 0):04x}" for character in words)

    def to_unicode(self) -> bytes:
        """Return the character map from letters to characters."""
        pairs = [f"<{glyph:04x}> <{ord(one):04x}>" for one, glyph in self.glyphs.items()]
        blocks = [pairs[start : start + _BLOCK] for start in range(0, len(pairs), _BLOCK)]
        listed = "\n".join(
            f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{listed}\n"
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
        ).encode("ascii")


def _drawn(line: Line, font: _Font, height_px: float) -> str:
    """Return the operators that write a line."""
    red, green, blue = (int(line.colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    size = line.size_px * _POINTS_PER_PX
    x = line.x * _POINTS_PER_PX
    y = (height_px - line.y - _BASELINE * line.size_px) * _POINTS_PER_PX
    return (
        f"BT /F {size:.2f} Tf {red:.3f} {green:.3f} {blue:.3f} rg "
        f"1 0 0 1 {x:.2f} {y:.2f} Tm <{font.encoded(line.words)}> Tj ET"
    )


def _stream(entries: str, content: bytes) -> bytes:
    head = f"<< {entries} /Length {len(content)} >>".encode("ascii")
    return head + b"\nstream\n" + content + b"\nendstream"


def _string(words: str) -> str:
    return f"<{words.encode('utf-16-be').hex()}>".replace("<", "<feff", 1)


def _png_stream(png: bytes) -> tuple[int, int, bytes]:
    """Return columns, rows and the compressed pixels of a PNG."""
    columns = rows = 0
    parts, at = [], _PNG_SIGNATURE_LENGTH
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        content = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            columns, rows, *form = struct.unpack(">IIBBBBB", content)
            if tuple(form) != _TRUE_COLOUR:
                message = f"a PNG of bits, colour type ... {form}, not {_TRUE_COLOUR}"
                raise ValueError(message)
        elif kind == b"IDAT":
            parts.append(content)
        at += length + 12
    return columns, rows, b"".join(parts)
