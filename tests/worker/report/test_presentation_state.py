"""The Presentation State: its graphics against the labels, its grey values by dcmtk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from skimage.draw import polygon2mask

from tests.worker.report.conftest import Reported
from tests.worker.report.materials import STUDY_KINDS, generated, material, sample
from tests.worker.report.programs import run_program
from worker.phantom.study import Layout
from worker.phantom.vendors import Vendor
from worker.report.figures.tiles import grey_window
from worker.report.presentation_state import presentation_state
from worker.report.structures import ends_of_cycle

ENCLOSED = {"LV_ENDO": (3,), "LV_EPI": (2, 3), "RV_ENDO": (1,)}


@pytest.fixture(params=STUDY_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def built(loaded: object, labels: np.ndarray, folder: Path) -> Path:
    state = presentation_state(material(loaded, labels))
    assert state is not None
    path = folder / "gsps.dcm"
    state.save_as(path, enforce_file_format=True)
    return path


def key(image: Dataset) -> tuple[str, int | None]:
    return image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")


def test_graphics_enclose_the_labels_of_the_frames_that_they_name(
    kind: str, tmp_path: Path
) -> None:
    loaded, labels = sample(kind)
    state = pydicom.dcmread(built(loaded, labels, tmp_path))
    done = material(loaded, labels)
    places = {
        (frame.sop_instance_uid, frame.frame_number): (phase, z)
        for _, phase in ends_of_cycle(done.assessment)
        for z, frame in enumerate(loaded.stack.frames[phase])
    }
    seen = set()
    for annotation in state.GraphicAnnotationSequence:
        if annotation.GraphicLayer == "NOTICE":
            continue
        (image,) = annotation.ReferencedImageSequence
        phase, z = places[key(image)]
        mask = np.isin(labels[phase, z], ENCLOSED[annotation.GraphicLayer])
        inside = np.zeros_like(mask)
        for graphic in annotation.GraphicObjectSequence:
            assert graphic.GraphicAnnotationUnits == "PIXEL"
            points = np.asarray(graphic.GraphicData).reshape(-1, 2)
            assert len(points) == graphic.NumberOfGraphicPoints
            assert np.array_equal(points[0], points[-1])
            inside |= polygon2mask(mask.shape, points[:, ::-1] - 0.5)
        assert 2 * (inside & mask).sum() / (inside.sum() + mask.sum()) > 0.97
        seen.add((phase, z, annotation.GraphicLayer))
    expected = {
        (phase, z, layer)
        for phase, z in places.values()
        for layer, values in ENCLOSED.items()
        if np.isin(labels[phase, z], values).any()
    }
    assert seen == expected


def test_every_frame_says_what_it_is_and_that_nobody_verified_it(reported: Reported) -> None:
    state = pydicom.dcmread(reported.files["gsps"].path)
    notices = [one for one in state.GraphicAnnotationSequence if one.GraphicLayer == "NOTICE"]
    assert len(notices) == 2 * reported.loaded.stack.n_slices
    words = [one.TextObjectSequence[0].UnformattedTextValue for one in notices]
    assert words[0] == "ED, slice 1. AI, not verified by a physician, not for diagnosis"
    layers = {layer.GraphicLayer for layer in state.GraphicLayerSequence}
    assert {one.GraphicLayer for one in state.GraphicAnnotationSequence} <= layers
    assert state.DisplayedAreaSelectionSequence[0].DisplayedAreaBottomRightHandCorner == [64, 64]


def test_inverted_images_get_no_presentation_state() -> None:
    loaded, labels = sample()
    loaded.reference.PhotometricInterpretation = "MONOCHROME1"
    assert presentation_state(material(loaded, labels)) is None


def test_images_with_different_rescales_have_windows_of_their_own(tmp_path: Path) -> None:
    loaded, labels = sample()
    frames = tuple(
        tuple(replace(frame, slope=2.0 if z else 1.0, intercept=5.0) for z, frame in enumerate(row))
        for row in loaded.stack.frames
    )
    stack = replace(loaded.stack, frames=frames)
    state = pydicom.dcmread(built(replace(loaded, stack=stack), labels, tmp_path))
    assert "RescaleSlope" not in state
    first, others = state.SoftcopyVOILUTSequence
    assert (len(first.ReferencedImageSequence), len(others.ReferencedImageSequence)) == (2, 6)
    assert first.WindowWidth == pytest.approx(2 * others.WindowWidth, abs=0.01)
    assert first.WindowCenter + 5 == pytest.approx(2 * others.WindowCenter + 5, abs=0.01)


@pytest.mark.system
@pytest.mark.parametrize(
    ("vendor", "layout"),
    [
        (Vendor.SIEMENS, Layout.SERIES_PER_SLICE),
        (Vendor.PHILIPS, Layout.ONE_SERIES),
        (Vendor.PHILIPS, Layout.ENHANCED),
    ],
)
def test_dcmtk_shows_the_images_as_the_pages_do(
    vendor: Vendor, layout: Layout, tmp_path: Path
) -> None:
    """Dcmtk applies rescale and window on its own; Philips stores rescaled values."""
    made, paths = generated(tmp_path / "study", vendor=vendor, layout=layout)
    state = built(made, made.labels, tmp_path)
    assert "passed" in run_program("dcmpschk", str(state))
    ed_phase, z = made.assessment.ed_phase, 4
    frame = made.stack.frames[ed_phase][z]
    (image,) = (
        path
        for path in paths
        if pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID == frame.sop_instance_uid
    )
    page = tmp_path / "page.pgm"
    number = str(frame.frame_number or 1)
    said = run_program("dcmp2pgm", "-p", str(state), "-f", number, str(image), str(page))
    assert page.exists(), said
    low, high = grey_window(made.stack.pixels[ed_phase], made.labels[ed_phase])
    expected = np.clip((made.stack.pixels[ed_phase, z] - low) / (high - low), 0, 1) * 255
    with Image.open(page) as shown:
        difference = np.abs(np.asarray(shown, float) - expected)
    assert difference.max() < 3


@pytest.mark.system
def test_dciodvfy_finds_no_error(kind: str, tmp_path: Path) -> None:
    loaded, labels = sample(kind)
    said = run_program("dciodvfy", str(built(loaded, labels, tmp_path)))
    assert "GrayscaleSoftcopyPresentationState" in said
    assert "Error" not in said, said
