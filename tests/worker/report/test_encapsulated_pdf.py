"""The PDF in its object: its text, its pictures, and that it is the same again."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from plugin.domain.findings import NotAssessed
from tests.worker.earlier_results import beside
from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.materials import material, sample
from tests.worker.report.programs import run_program
from worker.report.encapsulated_pdf import encapsulated_pdf
from worker.report.figures.canvas import png
from worker.report.figures.document import report_document, sections

_DIGEST = """
import hashlib
from tests.worker.report.materials import material, sample
from worker.report.encapsulated_pdf import encapsulated_pdf
print(hashlib.sha256(encapsulated_pdf(material(*sample())).EncapsulatedDocument).hexdigest())
"""


def text_of(document: bytes, folder: Path) -> str:
    path = folder / "report.pdf"
    path.write_bytes(document)
    return " ".join(run_program("pdftotext", "-layout", str(path), "-").split())


def test_object_holds_the_document_and_names_what_it_is_made_from(reported: Reported) -> None:
    dataset = pydicom.dcmread(reported.files["pdf"].path)
    content = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert dataset.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert (dataset.Modality, dataset.BurnedInAnnotation) == ("DOC", "NO")
    assert "not verified by a physician" in dataset.DocumentTitle
    sources = {item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence}
    assert reported.files["sr"].sop_instance_uid in sources
    assert len(sources) == 1 + 2 * reported.loaded.stack.n_slices


@pytest.mark.system
def test_text_can_be_searched_and_holds_no_patient_data(reported: Reported, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(reported.files["pdf"].path)
    said = text_of(dataset.EncapsulatedDocument, tmp_path)
    assert "AI, not verified by a physician, not for diagnosis" in said
    for words in reported.assessment.impression:
        assert words in said
    for thing in reported.assessment.not_assessed:
        assert thing.sentence in said
    assert "LV ejection fraction 38.4 % 35.3 to 41.8 49 to 79 (men)" in said
    assert "page 1 of 1 of the text" in said
    reference = reported.loaded.reference
    for secret in ("Müller", reference.PatientID, reference.AccessionNumber, "1970"):
        assert secret not in said


@pytest.mark.system
def test_long_text_goes_on_on_the_next_page(tmp_path: Path) -> None:
    found = samples.assessment()
    things = tuple(
        NotAssessed(f"k{n}", found.not_assessed[0].code, f"Thing {n} was not looked at. " * 4)
        for n in range(40)
    )
    document = report_document(
        {}, replace(found, not_assessed=things), "Acquired.", samples.identity()
    )
    said = text_of(document, tmp_path)
    assert "page 3 of 3 of the text" in said
    for number in range(40):
        assert said.count(f"Thing {number} was") == 4
    assert said.count("AI, not verified by a physician") == 3


@pytest.mark.system
def test_pictures_are_in_the_document_as_they_are(tmp_path: Path) -> None:
    page = np.random.default_rng(1).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    document = report_document({"summary": png(page)}, samples.assessment(), "", samples.identity())
    (tmp_path / "report.pdf").write_bytes(document)
    run_program("pdfimages", "-png", str(tmp_path / "report.pdf"), str(tmp_path / "found"))
    (image,) = tmp_path.glob("found*.png")
    with Image.open(image) as found:
        assert np.array_equal(np.asarray(found), page)


def test_same_study_gives_the_same_bytes_in_another_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
            timeout=250,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.system
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    path = tmp_path / "pdf.dcm"
    encapsulated_pdf(material(*sample("multi-frame"))).save_as(path, enforce_file_format=True)
    said = run_program("dciodvfy", str(path))
    assert "EncapsulatedPDF" in said
    assert "Error" not in said, said


def test_document_tells_what_changed_since_an_earlier_result() -> None:
    assessment = beside(samples.assessment(), {"lv_ejection_fraction": 15.0})
    (told,) = [one for one in sections(assessment, "") if one.heading == "Beside an earlier result"]
    (row,) = [one for one in told.paragraphs if one[0] == "LV ejection fraction"]
    assert row[1:] == ("38.4 %", "53.4 %", "-15.0, more than ±4.8")
    assert "2024" not in str(told), "no date is on it"
    assert not any("earlier" in one.heading for one in sections(samples.assessment(), ""))
