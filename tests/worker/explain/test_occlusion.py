"""Hiding parts of the images, with a tower that sees exactly what is painted."""

import dataclasses

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from tests.worker.findings.shapes import heart_study
from worker.explain import PartKind, occlude
from worker.explain.beat import Beat
from worker.explain.occlusion import cut_to_heart, hidden, regions
from worker.findings import assess
from worker.model.types import Segmentation
from worker.volume.types import PatientContext

PATIENT = PatientContext("M", 60.0, 175.0, 75.0, 1.5)
EF = "lv_ejection_fraction"
_GREY = (10.0, 200.0, 90.0, 210.0)


class PaintedTower:
    """Labels a pixel whose value is exactly that of a label in ``_GREY``; all else is background.

    Attributes
    ----------
    n_looks
        How often it was asked.
    """

    def __init__(self):
        self.n_looks = 0

    def segment(self, stack):
        self.n_looks += 1
        labels = np.zeros(stack.pixels.shape, np.uint8)
        for value, grey in enumerate(_GREY):
            labels[stack.pixels == np.float32(grey)] = value
        if not labels.any():
            raise ModelError(Reason.HEART_NOT_FOUND)
        return Segmentation(labels, np.ones(labels.shape[:2], np.float32))


@pytest.fixture(scope="module")
def painted():
    """Return stack, labels and assessment of a generated heart painted by its labels."""
    labels, drawn = heart_study("dilated", size=128)
    stack = dataclasses.replace(drawn, pixels=np.array(_GREY, np.float32)[labels])
    confidence = np.ones(labels.shape[:2], np.float32)
    return stack, labels, assess(stack, Segmentation(labels, confidence), PATIENT)


@pytest.fixture(scope="module")
def beat(painted):
    stack, labels, assessment = painted
    phases = (assessment.ed_phase, assessment.es_phase)
    return cut_to_heart(Beat.of(stack, labels, phases, PATIENT))


@pytest.fixture(scope="module")
def occlusion(painted):
    tower = PaintedTower()
    found = occlude(tower, *painted, PATIENT, EF)
    assert tower.n_looks == found.n_passes == 1 + len(found.parts)
    return found


def test_occlusion_with_nothing_hidden_gives_the_reported_value(painted, occlusion):
    assert occlusion.unhidden == pytest.approx(painted[2].value(EF))


def test_occlusion_hidden_slice_is_gone_from_the_value(beat, occlusion):
    slices = [part for part in occlusion.parts if part.kind is PartKind.SLICE]
    assert len(slices) == int((beat.labels > 0).any(axis=(0, 2, 3)).sum())
    for part in slices:
        emptied = beat.labels.copy()
        emptied[:, part.index] = 0
        assert part.value == pytest.approx(dataclasses.replace(beat, labels=emptied).value(EF))


def test_occlusion_tells_through_which_phase_the_value_moved(beat, occlusion):
    middle = beat.stack.n_slices // 2
    (part,) = [p for p in occlusion.parts if (p.kind, p.index) == (PartKind.SLICE, middle)]
    emptied = beat.labels.copy()
    emptied[0, middle] = 0
    assert part.through_ed == pytest.approx(dataclasses.replace(beat, labels=emptied).value(EF))
    assert part.through_ed < occlusion.unhidden < part.through_es


def test_hidden_pixels_are_their_own_mean_and_the_rest_is_untouched(beat):
    for _kind, _index, region in regions(beat, with_segments=True):
        pixels = hidden(beat, region).stack.pixels
        assert np.array_equal(pixels[~region], beat.stack.pixels[~region])
        for phase, z in np.argwhere(region.any(axis=(2, 3))):
            inside = region[phase, z]
            assert np.ptp(pixels[phase, z][inside]) == 0.0
            assert pixels[phase, z].mean() == pytest.approx(
                beat.stack.pixels[phase, z].mean(), rel=1e-4
            )


def test_regions_of_segments_cover_the_wall_that_has_segments(beat):
    found = list(regions(beat, with_segments=True))
    segments = [region for kind, _, region in found if kind is PartKind.SEGMENT]
    slices = [region for kind, _, region in found if kind is PartKind.SLICE]
    assert len(segments) >= 12
    covered = np.any(segments, axis=0) & (beat.labels == 2)
    assert covered.sum() > 0.6 * (beat.labels == 2).sum()
    assert np.any(slices, axis=0)[beat.labels > 0].all()
    assert not any(kind is PartKind.SEGMENT for kind, _, _ in regions(beat, with_segments=False))


def test_cut_keeps_the_heart_and_its_geometry(painted, beat):
    stack, labels, assessment = painted
    assert beat.stack.pixels.size < stack.pixels[:2].size
    assert (beat.labels > 0).sum() == (labels[[assessment.ed_phase, assessment.es_phase]] > 0).sum()


def test_occlusion_is_the_same_every_time(painted, occlusion):
    assert occlude(PaintedTower(), *painted, PATIENT, EF) == occlusion


def test_occlusion_without_a_value_is_none(painted):
    stack, labels, assessment = painted
    black = dataclasses.replace(stack, pixels=np.zeros_like(stack.pixels))
    assert occlude(PaintedTower(), black, labels, assessment, PATIENT, EF) is None
