"""The report as a PDF: pictures first, then all of it as text that can be searched and printed.

Knows how pages are laid out; which sentences there are comes from the assessment. No patient name,
identifier or date is on it. Equal inputs give equal bytes: no clock and no random name goes in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugin.domain.findings import Assessment, Measurement
from plugin.domain.identifiers import MODEL_NAME
from worker.report.figures.beside import beside_rows
from worker.report.figures.pdf import Line, PdfDocument
from worker.report.figures.typesetting import text_width, wrap
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity
from worker.report.wording import digits, interval_text, range_text, readable_unit

_WIDTH, _HEIGHT = 827, 1169  # A4 at 100 pixels per inch
_PICTURE_MARGIN = 20
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
    pictures: Mapping[str, bytes],
    assessment: Assessment,
    acquisition: str,
    identity: AnalysisIdentity,
) -> bytes:
    """Return the PDF.

    Parameters
    ----------
    pictures
        PNG files in the order in which they are shown.
    assessment
        With the sentences that are printed, in English.
    acquisition
        Which images were measured, in words.
    """
    document = PdfDocument()
    for picture in pictures.values():
        document.add_picture(picture, _HEIGHT, _WIDTH, _PICTURE_MARGIN)
    for lines in _text_pages(list(sections(assessment, acquisition)), identity):
        document.add_text(lines, _WIDTH, _HEIGHT)
    return document.content(_TITLE, NOT_VERIFIED, MODEL_NAME)


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


def _text_pages(found: Sequence[Section], identity: AnalysisIdentity) -> list[list[Line]]:
    """Break the sections into pages."""
    pages: list[list[Line]] = [[]]
    y = float(_TOP)
    for section in found:
        first = True
        for cells in section.paragraphs:
            wrapped = _wrapped(cells)
            needed = max(len(cell) for cell in wrapped) * _BODY_PX * _LINE_SPACING
            if first:
                needed += _HEADING_PX * _LINE_SPACING + _SECTION_GAP
            if y + needed > _BOTTOM:
                pages.append([])
                y = float(_TOP)
            if first:
                y += _SECTION_GAP
                pages[-1].append(Line(_LEFT, y, section.heading, _HEADING_PX, _HEADING))
                y += _HEADING_PX * _LINE_SPACING
                first = False
            y = _write_paragraph(pages[-1], wrapped, y)
    return [
        [*_frame(identity, f"page {number} of {len(pages)} of the text"), *lines]
        for number, lines in enumerate(pages, start=1)
    ]


def _wrapped(cells: Sequence[str]) -> list[list[str]]:
    """Return the lines of every cell."""
    right = _WIDTH - 2 * _LEFT
    if len(cells) == 1:
        return [wrap(cells[0], right, _BODY_PX)]
    ends = (*_COLUMNS[1:], right)
    widths = [end - start - 12 for start, end in zip(_COLUMNS, ends, strict=True)]
    return [wrap(cell, width, _SMALL_PX) for cell, width in zip(cells, widths, strict=True)]


def _write_paragraph(page: list[Line], cells: Sequence[Sequence[str]], y: float) -> float:
    """Write cells beside each other and return where the next paragraph begins."""
    size = _BODY_PX if len(cells) == 1 else _SMALL_PX
    for column, lines in zip(_COLUMNS, cells, strict=False):
        for number, line in enumerate(lines):
            page.append(Line(_LEFT + column, y + number * size * _LINE_SPACING, line, size, _INK))
    return y + max(len(lines) for lines in cells) * size * _LINE_SPACING + _PARAGRAPH_GAP


def _frame(identity: AnalysisIdentity, number: str) -> list[Line]:
    """Return title, notice and who made it."""
    made_by = f"{MODEL_NAME} {identity.software_version}, bundle {identity.bundle}"
    right = _WIDTH - _LEFT - text_width(number, _SMALL_PX)
    return [
        Line(_LEFT, 48, _TITLE, _TITLE_PX, _INK),
        Line(_LEFT, 78, NOT_VERIFIED, _HEADING_PX - 1, _NOTICE),
        Line(_LEFT, _HEIGHT - 40, made_by, _SMALL_PX, _GREY),
        Line(right, _HEIGHT - 40, number, _SMALL_PX, _GREY),
    ]
