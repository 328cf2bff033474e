import numpy as np
import pytest

from tests.worker.report import samples
from worker.findings.contours import slice_contours
from worker.report.figures.canvas import Canvas, Strokes
from worker.report.figures.tiles import Crop, TileView, grey_window, heart_crop, patient_side


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -1, 0), "A"),
        ((0, 0, 1), "H"),
        ((0, 0, -3), "F"),
        ((0.7, 0.7, 0.1), "LP"),
        ((-0.6, 0.2, 0.77), "HR"),
        ((0.95, 0.3, 0.0), "L"),
    ],
)
def test_patient_side_names_the_edge(direction: tuple[float, ...], expected: str) -> None:
    assert patient_side(np.array(direction, dtype=np.float64)) == expected


def outline(canvas: Canvas) -> np.ndarray:
    """Return the points of all lines on a page, from its lower left corner."""
    strokes = [one for one in canvas.axes.artists if isinstance(one, Strokes)]
    return np.concatenate([line for one in strokes for line in one.polylines])


def test_circle_stays_a_circle_when_pixels_are_not_square() -> None:
    row_mm, column_mm, radius_mm = 2.0, 1.0, 30.0
    rows, columns = np.mgrid[:80, :160]
    mask = np.hypot((rows - 40) * row_mm, (columns - 80) * column_mm) < radius_mm
    labels = np.where(mask, 3, 0).astype(np.uint8)
    pixels = np.where(mask, 500.0, 50.0).astype(np.float32)
    stack = samples.stack_of(pixels[None, None], row_mm=row_mm, column_mm=column_mm)
    crop = heart_crop(labels[None, None], stack).fitted(1.0)
    canvas = Canvas(400, 400)
    view = TileView(stack, crop, grey_window(pixels, labels))
    view.draw(canvas, (0, 0, 400, 400), pixels, slice_contours(labels))
    drawn = outline(canvas)
    width, height = np.ptp(drawn, axis=0)
    assert width == pytest.approx(height, rel=0.03)
    assert width / 400 * crop.width_mm == pytest.approx(2 * radius_mm, rel=0.03)
    bright = canvas.pixels()[..., 0] > 120
    across, down = np.ptp(np.flatnonzero(bright.any(0))), np.ptp(np.flatnonzero(bright.any(1)))
    assert across == pytest.approx(down, rel=0.03)


def test_contour_lies_on_the_edge_that_the_picture_shows() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[20:41, 25:46] = 3
    pixels = np.where(labels, 800.0, 0.0).astype(np.float32)
    stack = samples.stack_of(pixels[None, None])
    crop = heart_crop(labels[None, None], stack).fitted(1.0)
    canvas = Canvas(600, 600)
    view = TileView(stack, crop, (0.0, 1000.0))
    view.draw(canvas, (0, 0, 600, 600), pixels, slice_contours(labels))
    left, top = outline(canvas)[:, 0].min(), canvas.height - outline(canvas)[:, 1].max()
    bare = Canvas(600, 600)
    view.draw(bare, (0, 0, 600, 600), pixels, slice_contours(np.zeros_like(labels)))
    bright = bare.pixels()[..., 0] > 100
    assert left == pytest.approx(np.flatnonzero(bright.any(axis=0))[0], abs=4)
    assert top == pytest.approx(np.flatnonzero(bright.any(axis=1))[0], abs=4)


def test_crop_is_widened_never_narrowed_to_the_shape_of_the_tile() -> None:
    wide = Crop(10, 10, 120.0, 60.0).fitted(1.0)
    tall = Crop(10, 10, 60.0, 120.0).fitted(1.0)
    assert (wide.width_mm, wide.height_mm) == (120.0, 120.0)
    assert (tall.width_mm, tall.height_mm) == (120.0, 120.0)


def test_crop_shows_the_whole_image_when_nothing_was_found() -> None:
    stack = samples.stack_of(np.zeros((1, 1, 40, 40), np.float32))
    crop = heart_crop(np.zeros((1, 1, 40, 40), np.uint8), stack)
    assert crop.width_mm >= 40 * 1.5


def test_bright_fat_does_not_darken_the_heart() -> None:
    labels = np.zeros((100, 100), np.uint8)
    labels[40:60, 40:60] = 3
    pixels = np.full((100, 100), 20.0, np.float32)
    pixels[labels > 0] = 400.0
    pixels[:30] = 3000.0
    low, high = grey_window(pixels, labels)
    assert 400.0 < high < 500.0
    assert low == pytest.approx(20.0)
