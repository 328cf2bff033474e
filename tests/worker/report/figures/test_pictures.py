"""Every page against a small picture of how it looked when a person last looked at it.

The comparison forgives what another version of a font or of a drawing library changes. After a
wanted change: ``python -m tests.worker.report.figures.test_pictures``, and look at the pictures.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from plugin.domain.findings import Assessment
from tests.worker.report import samples
from worker.findings import assess
from worker.model.types import Segmentation
from worker.report.figures.beating import beating_pages
from worker.report.figures.sheet import contour_sheet
from worker.report.figures.summary import summary_page
from worker.report.figures.wall import wall_page

REFERENCES = Path(__file__).with_name("references")
WIDTH = 384
LIKE = 0.93
NAMES = ("summary", "wall", "contours", "cine")


@cache
def study() -> tuple[samples.LoadedSample, np.ndarray, Assessment]:
    loaded, found = samples.loaded_sample(n_phases=12, n_slices=7, size=72, spacing=1.8)
    segmentation = Segmentation(found.labels, found.confidence)
    return loaded, found.labels, assess(loaded.stack, segmentation, loaded.patient)


def draw(name: str, labels: np.ndarray | None = None) -> np.ndarray:
    """Draw a page of the study, with other contours where they are given."""
    loaded, own, assessment = study()
    shown = own if labels is None else labels
    identity = samples.identity()
    if name == "cine":
        return beating_pages(loaded.stack, shown, assessment, identity)[assessment.es_phase]
    pages = {"summary": summary_page, "wall": wall_page, "contours": contour_sheet}
    return pages[name](loaded.stack, shown, assessment, identity)


def small(page: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(page)
    size = (WIDTH, round(picture.height * WIDTH / picture.width))
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two small pictures, 1 where they are the same."""
    return float(structural_similarity(one, other, channel_axis=2))


def reference(name: str) -> np.ndarray:
    with Image.open(REFERENCES / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("name", NAMES)
def test_page_looks_as_it_did(name: str) -> None:
    now, then = small(draw(name)), reference(name)
    assert now.shape == then.shape
    assert likeness(now, then) > LIKE
    assert np.abs(now.astype(int) - then.astype(int)).mean() < 3.0


@pytest.mark.parametrize("name", ["summary", "contours", "cine"])
def test_comparison_sees_contours_that_are_elsewhere(name: str) -> None:
    labels = study()[1]
    elsewhere = np.roll(labels, (9, -9), axis=(2, 3))
    assert likeness(small(draw(name, elsewhere)), reference(name)) < LIKE


def test_comparison_sees_another_page() -> None:
    assert likeness(reference("summary"), reference("wall")) < 0.7


if __name__ == "__main__":
    REFERENCES.mkdir(exist_ok=True)
    for chosen in NAMES:
        picture = Image.fromarray(small(draw(chosen))).quantize(128)
        picture.save(REFERENCES / f"{chosen}.png", optimize=True)
