"""The visual explanation: the numbers of the attribution, and what it says of itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from matplotlib.text import Text

from tests.worker.report import samples
from tests.worker.report.materials import material, sample
from tests.worker.report.programs import run_program
from worker.explain import Explanation, Hidden, Occlusion, Part, PartKind
from worker.report.figures.canvas import Canvas
from worker.report.figures.saliency import compose_saliency, saliency_page
from worker.report.saliency import saliency


def explanation(**changes: object) -> Explanation:
    parts = (
        *(Part(PartKind.SLICE, z, own, 30.0 + z) for z, own in enumerate((20.5, 14.2, -3.7))),
        Part(PartKind.SEGMENT, 0, 2.6, 35.0),
        *(Part(PartKind.SEGMENT, n, 0.1 * n, 36.0) for n in range(1, 17)),
        Part(PartKind.PHASE, 0, None, 36.4),
        Part(PartKind.PHASE, 2, None, None),
    )
    values: dict[str, object] = {
        "finding": "lv_systolic_dysfunction",
        "measurement": "lv_ejection_fraction",
        "value": 38.4,
        "unit": "%",
        "adds_up": True,
        "parts": parts,
        **changes,
    }
    return Explanation(**values)  # type: ignore[arg-type]


def words_of(canvas: Canvas) -> list[str]:
    return [one.get_text() for one in canvas.figure.findobj(Text) if one.get_text()]


def composed(shown: Explanation) -> list[str]:
    return words_of(compose_saliency(shown, samples.assessment(), samples.identity()))


def test_page_shows_every_number_of_the_attribution() -> None:
    said = composed(explanation())
    assert "LV ejection fraction: 38.4 %" in said
    assert samples.assessment().findings[0].sentence in said
    for written in ("+20.5", "+14.2", "-3.7", "30.0 %", "31.0 %", "32.0 %", "1.6", "0.1"):
        assert written in said
    assert "In slices without segments: 2.6 %" in " ".join(said)
    assert "With the next best phase for end-diastole: 36.4 %." in said


def test_hidden_parts_have_a_row_of_their_own() -> None:
    hidden = (
        Hidden(PartKind.SLICE, 0, 40.0, None, None),
        Hidden(PartKind.SLICE, 1, None, None, None),
        Hidden(PartKind.SEGMENT, 4, 33.0, None, None),
    )
    said = composed(explanation(occlusion=Occlusion(38.0, hidden, 7)))
    assert {"+2.0", "no heart found", "-5.0"} <= {one.replace("−", "-") for one in said}
    assert any("looked again (7 times)" in one for one in said)
    assert len(said) > len(composed(explanation()))


def test_greatest_thickness_is_not_said_to_add_up() -> None:
    said = composed(
        explanation(measurement="maximal_wall_thickness", unit="mm", adds_up=False, value=10.6)
    )
    assert any(one.startswith("Thickest wall in each slice") for one in said)
    assert not any("add up" in one for one in said)


def test_without_segments_the_page_says_why() -> None:
    only_slices = tuple(p for p in explanation().parts if p.kind is PartKind.SLICE)
    said = composed(explanation(parts=only_slices))
    assert any(one.startswith("no AHA segments") for one in said)


@pytest.mark.system
def test_capture_holds_the_page_and_is_valid(tmp_path: Path) -> None:
    made = material(*sample())
    page = saliency_page(explanation(), made.assessment, made.identity)
    dataset = saliency(replace(made, pages={"saliency": page}))
    assert dataset is not None
    path = tmp_path / "saliency.dcm"
    dataset.save_as(path, enforce_file_format=True)
    read = pydicom.dcmread(path)
    assert np.array_equal(read.pixel_array, page)
    assert read.DerivationCodeSequence[0].CodeValue == "130401"
    said = run_program("dciodvfy", str(path))
    assert "Error" not in said, said


def test_value_that_cannot_be_taken_apart_gets_no_object() -> None:
    assert saliency(material(*sample())) is None
