"""The file that is written here opens in programs that did not write it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.worker.report.programs import run_program
from worker.report.figures.canvas import png
from worker.report.figures.pdf import Line, PdfDocument


def written(document: PdfDocument, folder: Path) -> Path:
    path = folder / "found.pdf"
    path.write_bytes(document.content("A (title)", "subject", "creator"))
    return path


@pytest.mark.system
def test_text_has_its_place_and_all_of_its_characters(tmp_path: Path) -> None:
    document = PdfDocument()
    words = "Müller ≤ 35 % ml/m² (a) \\ – ▲"
    document.add_text([Line(70, 60, words, 20), Line(500, 1100, "below", 12, "#b34700")], 827, 1169)
    path = written(document, tmp_path)
    assert run_program("pdftotext", "-layout", str(path), "-").split() == [*words.split(), "below"]
    said = run_program("pdfinfo", str(path))
    assert "A (title)" in said
    assert "595.44 x 841.68" in said
    run_program("pdftoppm", "-r", "100", "-png", str(path), str(tmp_path / "page"))
    (image,) = tmp_path.glob("page*.png")
    with Image.open(image) as drawn:
        inked = np.argwhere(np.asarray(drawn.convert("L")) < 200)
    upper, lower = inked[inked[:, 0] < 600], inked[inked[:, 0] > 600]
    assert abs(upper[:, 1].min() - 70) < 5
    assert 50 < upper[:, 0].min() < upper[:, 0].max() < 72
    assert 1092 < lower[:, 0].min() < lower[:, 0].max() < 1108


@pytest.mark.system
def test_picture_fills_its_page_within_the_margin(tmp_path: Path) -> None:
    document = PdfDocument()
    document.add_picture(png(np.full((60, 90, 3), 10, np.uint8)), 600, 500, 20)
    path = written(document, tmp_path)
    run_program("pdftoppm", "-r", "100", "-png", str(path), str(tmp_path / "page"))
    (image,) = tmp_path.glob("page*.png")
    with Image.open(image) as drawn:
        inked = np.argwhere(np.asarray(drawn.convert("L")) < 128)
    assert np.abs(inked.min(axis=0) - [63, 20]).max() <= 1
    assert np.abs(inked.max(axis=0) - [436, 579]).max() <= 1


def test_picture_of_another_form_is_not_taken() -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="colour type"):
        PdfDocument().add_picture(buffer.getvalue(), 600, 500, 20)
