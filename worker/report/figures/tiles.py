"""Image tiles: crop to the heart in millimetres, resample, draw contours, marks and scale.

Pixels may be anything but square; a tile always has the same millimetres per pixel both ways.
Knows no measurement.
"""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image

from worker.findings.contours import SliceContours
from worker.report.figures.canvas import (
    ENDOCARDIUM,
    EPICARDIUM,
    RIGHT_VENTRICLE,
    SMALL_PX,
    TEXT,
    Canvas,
)
from worker.volume.types import CineStack

_MARGIN_MM = 12.0
_SCALE_BAR_MM = 20.0
_BLACK_PERCENTILE, _WHITE_PERCENTILE, _HEADROOM = 1.0, 98.0, 1.15
_SECOND_LETTER_SHARE = 0.45
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_MARK_INSET_PX = 6


@dataclass(frozen=True, slots=True)
class Crop:
    """What part of the images is shown: centre in pixels (column, row) and size in mm."""

    centre_column: float
    centre_row: float
    width_mm: float
    height_mm: float

    def fitted(self, aspect: float) -> "Crop":
        """Return the crop widened to ``aspect`` (width over height), never narrowed."""
        width = max(self.width_mm, self.height_mm * aspect)
        return Crop(self.centre_column, self.centre_row, width, width / aspect)


def heart_crop(labels: npt.NDArray[np.uint8], stack: CineStack) -> Crop:
    """Return the box around every labelled pixel with a margin; the whole image without labels."""
    found = np.argwhere((labels > 0).reshape(-1, *labels.shape[-2:]).any(axis=0))
    if found.size == 0:
        found = np.array([[0, 0], [labels.shape[-2] - 1, labels.shape[-1] - 1]])
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0)
    return Crop(
        (left + right) / 2.0,
        (top + bottom) / 2.0,
        (right - left + 1) * stack.column_spacing_mm + 2 * _MARGIN_MM,
        (bottom - top + 1) * stack.row_spacing_mm + 2 * _MARGIN_MM,
    )


def grey_window(
    pixels: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]
) -> tuple[float, float]:
    """Return the values shown as black and white, common to all tiles of a page.

    White lies a little above the blood, so that bright fat does not darken the heart.
    """
    low = float(np.percentile(pixels, _BLACK_PERCENTILE))
    heart = pixels[labels > 0]
    blood = float(np.percentile(heart if heart.size else pixels, _WHITE_PERCENTILE))
    return low, low + max((blood - low) * _HEADROOM, 1e-6)


class TileView:
    """Draws tiles of one stack with one crop and one grey window."""

    def __init__(self, stack: CineStack, crop: Crop, window: tuple[float, float]) -> None:
        self.stack, self.crop, self.window = stack, crop, window
        self._left = crop.centre_column - crop.width_mm / stack.column_spacing_mm / 2.0
        self._top = crop.centre_row - crop.height_mm / stack.row_spacing_mm / 2.0

    def draw(
        self,
        canvas: Canvas,
        place: tuple[float, float, int, int],
        image: npt.NDArray[np.float32],
        outlines: SliceContours,
    ) -> None:
        """Draw one image ``[row, column]`` with its contours at (x, y, width, height)."""
        x, y, width, height = place
        canvas.image(self._resampled(image, width, height), x, y)
        thickness = 1.6 if height < 200 else 2.0  # noqa: PLR2004
        for lines, colour in (
            (outlines.right_ventricle, RIGHT_VENTRICLE),
            (outlines.epicardium, EPICARDIUM),
            (outlines.endocardium, ENDOCARDIUM),
        ):
            canvas.lines([self._placed(line, place) for line in lines], colour, thickness)

    def marks(self, canvas: Canvas, place: tuple[float, float, int, int]) -> None:
        """Write which side of the patient lies at which edge."""
        x, y, width, height = place
        row, column = self.stack.affine[:3, 0], self.stack.affine[:3, 1]
        inset = _MARK_INSET_PX
        for px, py, align, direction in (
            (x + width - inset, y + height / 2, "right", row),
            (x + inset, y + height / 2, "left", -row),
            (x + width / 2, y + height - 2 * inset, "center", column),
            (x + width / 2, y + 2 * inset, "center", -column),
        ):
            side = patient_side(direction)
            size = SMALL_PX - 2
            canvas.text(px, py, side, size=size, ha=align, weight="bold", on_image=True)

    def scale_bar(self, canvas: Canvas, place: tuple[float, float, int, int]) -> None:
        """Draw 20 mm at the lower right corner."""
        x, y, width, height = place
        length = _SCALE_BAR_MM / self.crop.width_mm * width
        right, bottom = x + width - 12, y + height - 12
        bar = np.array([[right - length, bottom], [right, bottom]])
        canvas.lines([bar], TEXT, 3.0)
        canvas.text(
            right - length / 2,
            bottom - 12,
            f"{_SCALE_BAR_MM:.0f} mm",
            size=13,
            ha="center",
            on_image=True,
        )

    def _resampled(
        self, image: npt.NDArray[np.float32], width: int, height: int
    ) -> npt.NDArray[np.float32]:
        """Return the crop as grey 0..1, bicubic; black outside the image."""
        columns = self.crop.width_mm / self.stack.column_spacing_mm
        rows = self.crop.height_mm / self.stack.row_spacing_mm
        # Pixel i covers i - 0.5 to i + 0.5; PIL's box counts from the edge of pixel 0.
        left, top = self._left + 0.5, self._top + 0.5
        reach = 2 + ceil(2 * max(columns / width, rows / height, 1.0))  # of the bicubic filter
        first_column, first_row = floor(left) - reach, floor(top) - reach
        size = ceil(rows) + 2 * reach + 1, ceil(columns) + 2 * reach + 1
        low, high = self.window
        cut = np.clip(
            (_cut(image, (first_row, first_column), size, low) - low) / (high - low), 0, 1
        )
        left, top = left - first_column, top - first_row
        sampled = Image.fromarray(cut).resize(
            (width, height),
            Image.Resampling.BICUBIC,
            box=(left, top, left + columns, top + rows),
        )
        return np.clip(np.asarray(sampled, dtype=np.float32), 0.0, 1.0)

    def _placed(
        self, line: npt.NDArray[np.float64], place: tuple[float, float, int, int]
    ) -> npt.NDArray[np.float64]:
        """Return points (column, row) of the image as points of the page."""
        x, y, width, _ = place
        per_mm = width / self.crop.width_mm
        scale = np.array([self.stack.column_spacing_mm, self.stack.row_spacing_mm]) * per_mm
        return np.asarray((line - [self._left, self._top]) * scale + [x, y], dtype=np.float64)


def _cut(
    image: npt.NDArray[np.float32], first: tuple[int, int], size: tuple[int, int], outside: float
) -> npt.NDArray[np.float32]:
    """Return ``size`` pixels from ``first`` (row, column) on, ``outside`` beyond the image."""
    found = np.full(size, outside, np.float32)
    places = [
        slice(max(start, 0), max(min(start + length, limit), 0))
        for start, length, limit in zip(first, size, image.shape, strict=True)
    ]
    inside = image[places[0], places[1]]
    row, column = (max(-start, 0) for start in first)
    found[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return found


def patient_side(direction: npt.NDArray[np.float64]) -> str:
    """Return the letters of a direction (LPS): ``L``, or ``PH`` where two sides are near.

    References
    ----------
    DICOM PS3.3 C.7.6.1.1.1 (Patient Orientation).
    """
    unit = np.asarray(direction) / np.linalg.norm(direction)
    order = np.argsort(-np.abs(unit))
    letters = [_LETTERS[i][0 if unit[i] > 0 else 1] for i in order]
    second = abs(unit[order[1]]) > _SECOND_LETTER_SHARE
    return letters[0] + (letters[1] if second else "")
