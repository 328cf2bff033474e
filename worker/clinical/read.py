"""From the headers of a study to its clinical context: collect, clean, bound.

Knows the order of the steps and the limits. Nothing here can stop an analysis: what cannot be read
is left out.

References
----------
DICOM PS3.3 C.7.1 to C.7.3 and 10.6 for images, C.17.3 for reports.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from plugin.domain.findings import Code
from plugin.domain.suspicion import reads_like_instruction
from worker.clinical.elements import RawText, item_list, raw_text
from worker.clinical.markup import plain_text, tidy_lines
from worker.clinical.people import people_of, split_name
from worker.clinical.prior import ReportContent, is_own, is_report, read_report
from worker.clinical.redact import MARKS, Redactor
from worker.clinical.sources import SOURCES, Source
from worker.clinical.types import ClinicalContext, ClinicalText, Pregnancy, TextFlag, Topic
from worker.series import attributes as read

MAXIMUM_CHARACTERS = 2000
"""Of one text; a longer one is cut and flagged."""
MAXIMUM_TEXTS = 32
MAXIMUM_ALL_CHARACTERS = 8000
"""Of all texts together."""
_MAXIMUM_REPORTS = 8
_MAXIMUM_CODES = 16

_PREGNANCY = {
    1: Pregnancy.NOT_PREGNANT,
    2: Pregnancy.POSSIBLY_PREGNANT,
    3: Pregnancy.DEFINITELY_PREGNANT,
}
_CODE_VALUE = re.compile(r"[\w.\-^:/+]{1,64}")
_SCHEME = re.compile(r"[\w.\-]{1,16}")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text as it was found, before cleaning."""

    topic: Topic
    keyword: str
    tag: str
    raw: RawText
    code: Code | None = None


def read_clinical_context(headers: Iterable[Dataset]) -> ClinicalContext:
    """Read what the headers of one study tell besides its images.

    Parameters
    ----------
    headers
        Of all objects of the study, in any order. Of each series the image with the smallest SOP
        Instance UID is read, because patient, study and request are the same in all; of Structured
        Reports every one.
    """
    with read.without_complaints():
        return _read(tuple(headers))


def _read(headers: Sequence[Dataset]) -> ClinicalContext:
    ordered = sorted(headers, key=lambda header: read.text(header, "SOPInstanceUID"))
    documents = [header for header in ordered if is_report(header)]
    told = list(_one_of_each_series(header for header in ordered if not is_own(header)))
    contents = [read_report(header) for header in documents[:_MAXIMUM_REPORTS]]
    people = people_of([*told, *documents[:_MAXIMUM_REPORTS]])
    said = {
        name for content in contents for value in content.person_names for name in split_name(value)
    }
    redactor = Redactor(replace(people, names=people.names | said))
    texts, n_left_out = _bounded(_cleaned((*_pieces(told), *_report_pieces(contents)), redactor))
    return ClinicalContext(
        texts=texts,
        pregnancy=_pregnancy(told),
        prior_reports=tuple(content.report for content in contents),
        n_texts_left_out=n_left_out,
    )


def _one_of_each_series(headers: Iterable[Dataset]) -> Iterator[Dataset]:
    seen: set[str] = set()
    for header in headers:
        series = read.text(header, "SeriesInstanceUID")
        if series not in seen:
            seen.add(series)
            yield header


def _pieces(headers: Sequence[Dataset]) -> Iterator[_Piece]:
    for source in SOURCES:
        for header in headers:
            yield from _pieces_of(source, header, header, _tag(source.keyword))
            if source.inside is not None:
                for item in item_list(header, source.inside):
                    tag = _tag(source.inside) + _tag(source.keyword)
                    yield from _pieces_of(source, item, header, tag)


def _pieces_of(source: Source, holder: Dataset, header: Dataset, tag: str) -> Iterator[_Piece]:
    if source.is_coded:
        for item in item_list(holder, source.keyword)[:_MAXIMUM_CODES]:
            meaning = raw_text(item, "CodeMeaning", header)
            if meaning is not None:
                yield _Piece(source.topic, source.keyword, tag, meaning, _code(item))
    else:
        raw = raw_text(holder, source.keyword, header)
        if raw is not None:
            yield _Piece(source.topic, source.keyword, tag, raw)


def _code(item: Dataset) -> Code | None:
    """Return a code without its meaning, which is text like any other; None when it is no code."""
    value, scheme = read.text(item, "CodeValue"), read.text(item, "CodingSchemeDesignator")
    if _CODE_VALUE.fullmatch(value) and _SCHEME.fullmatch(scheme):
        return Code(value, scheme, "")
    return None


def _report_pieces(contents: Iterable[ReportContent]) -> Iterator[_Piece]:
    for content in contents:
        for text in content.texts:
            tag = f"{_tag('ContentSequence')}{text.concept}"
            yield _Piece(text.topic, "ContentSequence", tag, text.raw)


def _tag(keyword: str) -> str:
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _cleaned(pieces: Iterable[_Piece], redactor: Redactor) -> Iterator[ClinicalText]:
    """Yield what remains to be read, each text once: the first attribute that has it wins."""
    looked_at: set[tuple[str, RawText]] = set()
    seen: set[str] = set()
    for piece in pieces:
        if (piece.keyword, piece.raw) in looked_at:
            continue
        looked_at.add((piece.keyword, piece.raw))
        cleaned = _clean(piece, redactor)
        if cleaned is not None and cleaned.text.casefold() not in seen:
            seen.add(cleaned.text.casefold())
            yield cleaned


def _clean(piece: _Piece, redactor: Redactor) -> ClinicalText | None:
    decoded = piece.raw.decode()
    plain, had_markup = plain_text(decoded.text)
    if dictionary_VR(piece.keyword) == "LO":
        plain = plain.replace("\\", "; ")  # separates the values
    shortened = shorten(plain, MAXIMUM_CHARACTERS)
    redacted = redactor.redact(shortened)
    text = shorten(tidy_lines(redacted), MAXIMUM_CHARACTERS)
    if not any(character.isalnum() for character in MARKS.sub("", text)):
        return None
    flags = {
        TextFlag.CHARACTER_SET_UNCERTAIN: not decoded.is_certain,
        TextFlag.MARKUP_REMOVED: had_markup,
        TextFlag.IDENTITY_REMOVED: redacted != shortened,
        TextFlag.INSTRUCTION_LIKE: reads_like_instruction(decoded.text)
        or reads_like_instruction(text),
        TextFlag.TRUNCATED: piece.raw.is_cut
        or len(plain) > len(shortened)
        or len(redacted) > len(text),
    }
    code = None if piece.code is None else replace(piece.code, meaning=text)
    raised = frozenset(flag for flag, is_raised in flags.items() if is_raised)
    return ClinicalText(piece.topic, piece.keyword, piece.tag, text, code, raised)


def shorten(text: str, maximum_characters: int) -> str:
    """Cut a text at the last space or line break within its limit, so that no name is halved."""
    if len(text) <= maximum_characters:
        return text
    head = text[: maximum_characters + 1]
    end = max(head.rfind(" "), head.rfind("\n"))
    return text[: end if end > maximum_characters // 2 else maximum_characters].rstrip()


def _bounded(texts: Iterable[ClinicalText]) -> tuple[tuple[ClinicalText, ...], int]:
    """Return the first texts that fit all limits, and how many did not."""
    kept: list[ClinicalText] = []
    n_characters = n_left_out = 0
    for text in texts:
        n_characters += len(text.text)
        if len(kept) < MAXIMUM_TEXTS and n_characters <= MAXIMUM_ALL_CHARACTERS:
            kept.append(text)
        else:
            n_characters -= len(text.text)
            n_left_out += 1
    return tuple(kept), n_left_out


def _pregnancy(headers: Iterable[Dataset]) -> Pregnancy | None:
    """Return the status; where series contradict each other, the one that calls for more care."""
    stated = {read.integer(header, "PregnancyStatus") for header in headers}
    known = [status for status in sorted(_PREGNANCY) if status in stated]
    return _PREGNANCY[known[-1]] if known else None
