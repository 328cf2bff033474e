"""The report as a PDF: pictures first, then all of it as text that can be searched and printed.

Knows how pages are laid out; which sentences there are comes from the assessment. No patient name,
identifier or date is on it. Equal inputs give equal bytes: no clock and no random name goes in.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from plugin.domain.findings import Assessment, Measurement
from plugin.domain.identifiers import MODEL_NAME
from worker.report.figures.beside import beside_rows
from worker.report.figures.canvas import Canvas, RgbArray
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity
from worker.report.wording import digits, interval_text, range_text, readable_unit

_WIDTH, _HEIGHT = 827, 1169  # A4 at 100 pixels per inch
_A4_LANDSCAPE_INCHES = (11.69, 8.27)
_LEFT, _TOP, _BOTTOM = 70, 110, 1090
_INK, _GREY, _HEADING, _NOTICE = "#111417", "#59636e", "#0b4f79", "#b34700"
_TITLE_PX, _HEADING_PX, _BODY_PX, _SMALL_PX = 22, 17, 14, 12  # one weight: one font to embed
_LINE_SPACING, _PARAGRAPH_GAP, _SECTION_GAP = 1.42, 5.0, 16.0
_COLUMNS = (0, 300, 400, 520)  # name, value, interval, normal range
_TITLE = "Cardiac MRI, short-axis cine: report of an AI analysis"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its paragraphs; a paragraph of several cells is a row of the table."""

    heading: str
    paragraphs: tuple[tuple[str, ...], ...]


def report_document(
    pages: Mapping[str, RgbArray],
    assessment: Assessment,
    acquisition: str,
    identity: AnalysisIdentity,
) -> bytes:
    """Return the PDF.

    Parameters
    ----------
    pages
        The pictures in the order in which they are shown, uint8 ``[row, column, 3]``.
    assessment
        With the sentences that are printed, in English.
    acquisition
        Which images were measured, in words.
    """
    text = _text_pages(list(sections(assessment, acquisition)), identity)
    buffer = io.BytesIO()
    about = {"Title": _TITLE, "Subject": NOT_VERIFIED, "Creator": MODEL_NAME, "CreationDate": None}
    with (
        rc_context({"pdf.fonttype": 42, "pdf.compression": 2}),
        PdfPages(buffer, metadata=about) as document,
    ):
        for page in pages.values():
            document.savefig(_picture(page))
        for canvas in text:
            document.savefig(canvas.figure)
    return buffer.getvalue()


def sections(assessment: Assessment, acquisition: str) -> Iterator[Section]:
    """Yield what is printed as text, the most important first."""
    yield Section("Impression", _plain(assessment.impression))
    if assessment.priority.has_reason:
        yield Section("Reason for the suggested priority", _plain([assessment.priority.sentence]))
    found = [f"{one.sentence} Rule: {one.source}." for one in assessment.findings]
    yield Section("Findings", _plain(found or ["No finding by the rules that were applied."]))
    rows = [_row(one) for one in assessment.measurements if one.segment is None]
    yield Section(
        "Measurements",
        (("", "value", "about 90 % interval", "normal range"), *rows),
    )
    if assessment.comparison is not None:
        yield Section("Beside an earlier result", tuple(beside_rows(assessment)))
    if assessment.strata:
        yield Section(
            "Risk strata", _plain(f"{one.sentence} {one.source}." for one in assessment.strata)
        )
    if assessment.pattern is not None:
        yield Section("What the pattern resembles", _plain([assessment.pattern.sentence]))
    if assessment.quality:
        yield Section("Notes on quality", _plain(one.sentence for one in assessment.quality))
    yield Section(
        "Not assessed (which does not mean absent)",
        _plain(one.sentence for one in assessment.not_assessed),
    )
    yield Section("What was measured", _plain([acquisition]))


def _plain(sentences: Iterator[str] | Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((words,) for words in sentences)


def _row(measurement: Measurement) -> tuple[str, ...]:
    unit = readable_unit(measurement.unit)
    places = digits(measurement.unit)
    interval = measurement.interval
    ranges = measurement.normal_ranges
    return (
        measurement.name,
        f"{measurement.value:.{places}f} {unit}".strip(),
        "" if interval is None else interval_text(interval, measurement.unit),
        "; ".join(f"{range_text(one)} ({one.population.split(',')[0]})" for one in ranges),
    )


def _picture(page: RgbArray) -> Figure:
    """Return an A4 page, landscape, with the picture as large as it fits."""
    figure = Figure(figsize=_A4_LANDSCAPE_INCHES, facecolor="white")
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.imshow(page, interpolation="none")
    axes.axis("off")
    return figure


def _text_pages(found: Sequence[Section], identity: AnalysisIdentity) -> list[Canvas]:
    """Break the sections into pages and write them."""
    pages = [_empty_page()]
    y = float(_TOP)
    for section in found:
        first = True
        for cells in section.paragraphs:
            lines = _wrapped(pages[-1], cells)
            needed = max(len(cell) for cell in lines) * _BODY_PX * _LINE_SPACING
            if first:
                needed += _HEADING_PX * _LINE_SPACING + _SECTION_GAP
            if y + needed > _BOTTOM:
                pages.append(_empty_page())
                y = float(_TOP)
            if first:
                y = _write_heading(pages[-1], section.heading, y + _SECTION_GAP)
                first = False
            y = _write_paragraph(pages[-1], lines, y)
    for number, canvas in enumerate(pages, start=1):
        _write_frame(canvas, identity, f"page {number} of {len(pages)} of the text")
    return pages


def _empty_page() -> Canvas:
    canvas = Canvas(_WIDTH, _HEIGHT)
    canvas.figure.set_facecolor("white")
    return canvas


def _wrapped(canvas: Canvas, cells: Sequence[str]) -> list[list[str]]:
    """Return the lines of every cell."""
    right = _WIDTH - 2 * _LEFT
    if len(cells) == 1:
        return [canvas.wrap(cells[0], right, _BODY_PX)]
    ends = (*_COLUMNS[1:], right)
    widths = [end - start - 12 for start, end in zip(_COLUMNS, ends, strict=True)]
    return [canvas.wrap(cell, width, _SMALL_PX) for cell, width in zip(cells, widths, strict=True)]


def _write_heading(canvas: Canvas, words: str, y: float) -> float:
    canvas.text(_LEFT, y, words, size=_HEADING_PX, color=_HEADING)
    return y + _HEADING_PX * _LINE_SPACING


def _write_paragraph(canvas: Canvas, cells: Sequence[Sequence[str]], y: float) -> float:
    """Write cells beside each other and return where the next paragraph begins."""
    size = _BODY_PX if len(cells) == 1 else _SMALL_PX
    for column, lines in zip(_COLUMNS, cells, strict=False):
        for number, line in enumerate(lines):
            canvas.text(
                _LEFT + column, y + number * size * _LINE_SPACING, line, size=size, color=_INK
            )
    return y + max(len(lines) for lines in cells) * size * _LINE_SPACING + _PARAGRAPH_GAP


def _write_frame(canvas: Canvas, identity: AnalysisIdentity, number: str) -> None:
    """Write title, notice and who made it."""
    canvas.text(_LEFT, 48, _TITLE, size=_TITLE_PX, color=_INK)
    canvas.text(_LEFT, 78, NOT_VERIFIED, size=_HEADING_PX - 1, color=_NOTICE)
    made_by = f"{MODEL_NAME} {identity.software_version}, bundle {identity.bundle}"
    canvas.text(_LEFT, _HEIGHT - 40, made_by, size=_SMALL_PX, color=_GREY)
    right = _WIDTH - _LEFT
    canvas.text(right, _HEIGHT - 40, number, size=_SMALL_PX, color=_GREY, ha="right")
