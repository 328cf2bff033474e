"""What the pages need to play the cine: one sprite per slice, and the contours of every phase.

A sprite is an 8-bit grey PNG with the phases of one slice side by side in a grid, cropped to the
heart, in the pixels of the images (nothing is resampled). ``viewer.json`` says how to cut it and
where the contours lie. The pages decode no DICOM; key numbers and texts they read from
``result.json`` in the folder above. Nothing here names the patient.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.measure import approximate_polygon

from plugin.domain.findings import Assessment
from worker.findings.contours import Polyline, contours
from worker.report.figures.tiles import grey_window, heart_crop, patient_side
from worker.report.identity import NOT_VERIFIED
from worker.volume.types import CineStack

FOLDER_NAME = "viewer"
INDEX_NAME = "viewer.json"
VERSION = 1
_CONTEXT_MM = 8.0
_TOLERANCE_PIXELS = 0.1
_STRUCTURES = ("endocardium", "epicardium", "right_ventricle")


def write_viewer(
    stack: CineStack, labels: npt.NDArray[np.uint8], assessment: Assessment, folder: Path
) -> Path:
    """Write ``viewer/slice-NN.png`` and ``viewer/viewer.json`` into the result folder.

    Parameters
    ----------
    labels
        ``[phase, slice, row, column]``: 1 RV cavity, 2 LV myocardium, 3 LV cavity.

    Returns
    -------
    Path
        The folder ``viewer``.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    target = folder / FOLDER_NAME
    target.mkdir(exist_ok=True)
    top, bottom, left, right = _box(stack, labels)
    ed_phase = assessment.ed_phase
    low, high = grey_window(stack.pixels[ed_phase], labels[ed_phase])
    shown = np.clip((stack.pixels[:, :, top:bottom, left:right] - low) / (high - low), 0.0, 1.0)
    grey = np.rint(255.0 * shown).astype(np.uint8)
    for index in range(stack.n_slices):
        sprite = _sprite(grey[:, index])
        Image.fromarray(sprite).save(target / f"slice-{index:02d}.png", compress_level=6)
    described = {
        "version": VERSION,
        "notice": NOT_VERIFIED,
        "n_phases": stack.n_phases,
        "n_slices": stack.n_slices,
        "sprite_columns": _n_columns(stack.n_phases),
        "width": right - left,
        "height": bottom - top,
        "column_spacing_mm": round(stack.column_spacing_mm, 4),
        "row_spacing_mm": round(stack.row_spacing_mm, 4),
        "trigger_times_ms": [round(float(time), 1) for time in stack.trigger_times_ms],
        "rr_interval_ms": stack.rr_interval_ms,
        "ed_phase": ed_phase,
        "es_phase": assessment.es_phase,
        "lv_ml": [round(value, 1) for value in assessment.curve.lv_ml],
        "rv_ml": [round(value, 1) for value in assessment.curve.rv_ml],
        "sides": _sides(stack),
        "contours": _contours(labels, left, top),
    }
    text = json.dumps(described, separators=(",", ":"))
    (target / INDEX_NAME).write_text(text, encoding="utf-8")
    return target


def _box(stack: CineStack, labels: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of what is shown: the heart with some surroundings."""
    crop = heart_crop(labels, stack)
    half_rows = (crop.height_mm / 2 + _CONTEXT_MM) / stack.row_spacing_mm
    half_columns = (crop.width_mm / 2 + _CONTEXT_MM) / stack.column_spacing_mm
    n_rows, n_columns = labels.shape[-2:]
    return (
        max(0, math.floor(crop.centre_row - half_rows)),
        min(n_rows, math.ceil(crop.centre_row + half_rows) + 1),
        max(0, math.floor(crop.centre_column - half_columns)),
        min(n_columns, math.ceil(crop.centre_column + half_columns) + 1),
    )


def _n_columns(n_phases: int) -> int:
    """Return how many phases stand side by side; a strip would be too long for a browser."""
    return math.ceil(math.sqrt(n_phases))


def _sprite(phases: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Lay ``[phase, row, column]`` out as a grid, row by row."""
    n_phases, height, width = phases.shape
    columns = _n_columns(n_phases)
    rows = math.ceil(n_phases / columns)
    grid = np.zeros((rows * columns, height, width), dtype=np.uint8)
    grid[:n_phases] = phases
    lines = grid.reshape(rows, columns, height, width).swapaxes(1, 2)
    return lines.reshape(rows * height, columns * width)


def _contours(labels: npt.NDArray[np.uint8], left: int, top: int) -> dict[str, Any]:
    """Return structure -> phase -> slice -> lines, each line as x, y, x, y ...

    In pixels of the crop, counted from its upper left corner: a pixel's centre is at .5, as
    browsers draw.
    """
    found: dict[str, list[list[Any]]] = {name: [] for name in _STRUCTURES}
    offset = np.array([0.5 - left, 0.5 - top])
    for phase in labels:
        outlined = contours(phase)
        for name in _STRUCTURES:
            found[name].append(
                [[_flat(line + offset) for line in getattr(one, name)] for one in outlined]
            )
    return found


def _flat(line: Polyline) -> list[float]:
    simple = approximate_polygon(line, _TOLERANCE_PIXELS)  # type: ignore[no-untyped-call]
    return [round(float(value), 2) for value in simple.ravel()]


def _sides(stack: CineStack) -> dict[str, str]:
    """Return which side of the patient lies at which edge of the images."""
    row, column = stack.affine[:3, 0], stack.affine[:3, 1]
    directions = {"right": row, "left": -row, "bottom": column, "top": -column}
    return {edge: patient_side(direction) for edge, direction in directions.items()}
