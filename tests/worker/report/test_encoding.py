"""Items encoded here are, byte for byte, what pydicom writes, and read back as what they were."""

from __future__ import annotations

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.worker.report import samples
from tests.worker.report.materials import material, sample
from worker.report.encoding import encoded, set_encoded
from worker.report.material import Material, ReportContent
from worker.report.structured_report import FORMS, report_content, structured_report


def document(items: list[Dataset]) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ContentSequence = items
    return dataset


def written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def items() -> list[Dataset]:
    """Return items with text of other scripts, odd lengths, numbers, lists, empty values, items."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "A", "99X", "左心室"
    outer = Dataset()
    outer.ValueType = "TEXT"
    outer.TextValue = "é" * 3
    outer.ConceptNameCodeSequence = [code]
    outer.NumericValue = "1.25"
    outer.GraphicData = [1.0, 2.5]
    outer.ReferencedFrameNumber = [3, 4]
    outer.UID = ""
    outer.ContentSequence = []
    again = Dataset()
    again.ValueType = "TEXT"
    again.ConceptNameCodeSequence = [code, code]
    return [outer, again]


def test_encoded_items_are_the_bytes_that_pydicom_writes() -> None:
    expected = written(document(items()))
    dataset = document([])
    set_encoded(dataset, "ContentSequence", encoded(items()))
    assert written(dataset) == expected
    nested = Dataset()
    set_encoded(nested, "ContentSequence", encoded(items()))
    plain = Dataset()
    plain.ContentSequence = items()
    assert encoded([nested]) == encoded([plain])


def test_encoded_items_are_read_where_they_are_asked_for() -> None:
    dataset = document([])
    set_encoded(dataset, "ContentSequence", encoded(items()))
    assert dataset.ContentSequence[0].ConceptNameCodeSequence[0].CodeMeaning == "左心室"
    assert dataset.ContentSequence[0].TextValue == "ééé"


@pytest.fixture(scope="module")
def reported() -> tuple[Material, ReportContent]:
    loaded, labels = sample()
    made = material(loaded, labels)
    return made, report_content(made)


@pytest.mark.parametrize("form", FORMS)
def test_a_report_is_what_pydicom_would_have_written(
    form: str, reported: tuple[Material, ReportContent]
) -> None:
    found = written(structured_report(form, reported[0]))
    parsed = dcmread(io.BytesIO(found))
    parsed.walk(lambda _dataset, _element: None)  # parses every element, so that all are written
    parsed.set_original_encoding(is_implicit_vr=None, is_little_endian=None)
    assert written(parsed) == found
    assert samples.STUDY_UID.encode() in found
