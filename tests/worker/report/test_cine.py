"""The contours over the beat as a multi-frame object."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.worker.report import samples
from tests.worker.report.materials import material
from worker.report.cine import cine
from worker.report.figures.beating import HEIGHT, WIDTH, beating_pages


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    loaded, found = samples.loaded_sample(n_phases=5, n_slices=4, size=48)
    dataset = cine(material(loaded, found.labels))
    path: Path = tmp_path_factory.mktemp("cine") / "cine.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return pydicom.dcmread(path)


def test_every_phase_is_a_frame_that_moves_at_the_pace_of_the_heart(read: Dataset) -> None:
    assert read.NumberOfFrames == 5
    assert read.FrameIncrementPointer == pydicom.tag.Tag("FrameTime")
    assert float(read.FrameTime) == pytest.approx(900.0 / 5)
    assert read.RecommendedDisplayFrameRate == 6
    assert read.PreferredPlaybackSequencing == 0


def test_frames_show_the_pages_as_far_as_jpeg_keeps_them(read: Dataset) -> None:
    loaded, found = samples.loaded_sample(n_phases=5, n_slices=4, size=48)
    shown = read.pixel_array
    assert shown.shape == (5, HEIGHT, WIDTH, 3)
    assessment, identity = samples.assessment(found.labels), samples.identity()
    drawn = np.stack(beating_pages(loaded.stack, found.labels, assessment, identity))
    assert np.abs(shown.astype(int) - drawn.astype(int)).mean() < 2.5
    assert np.abs(drawn[0].astype(int) - drawn[2].astype(int)).mean() > 0.5


def test_loss_is_declared_and_so_is_that_nobody_verified_it(read: Dataset) -> None:
    assert read.LossyImageCompression == "01"
    assert read.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(read.LossyImageCompressionRatio) > 3
    assert read.BurnedInAnnotation == "YES"
    assert "not verified" in read.SeriesDescription
    assert "not verified by a physician" in read.DerivationDescription


def test_a_single_phase_is_no_cine() -> None:
    loaded, found = samples.loaded_sample(n_phases=1, n_slices=4, size=48)
    assert cine(material(loaded, found.labels)) is None
