"""Numbers that tell whether contours are those of one left ventricle cut across its long axis.

Works on labels and knows what a short-axis heart looks like: rings that lie over each other, swell
and taper once, the right ventricle always on the same side, the same muscle at every moment. What
is usual is not known here (`limits`).
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from worker.model.clean import LV, MYOCARDIUM, RV
from worker.model.types import Segmentation
from worker.volume.types import CineStack

LabelArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]

_IN_PLANE = ndimage.generate_binary_structure(2, 1)
_SMALLEST_AREA_MM2 = 60.0
_SMALLEST = 1e-6
_FOLLOWING_PHASES = 6
_BEATING_SLICES = 3


def view_numbers(stack: CineStack, segmentation: Segmentation) -> dict[str, float]:
    """Measure at the moment of the largest LV cavity how much it looks like a short axis.

    Returns
    -------
    dict
        ``ring_closed``: share of the cavity's outline that touches its wall. ``elongation``: longer
        over shorter axis of the LV with its wall, median of slices. ``axis_tilt_deg``: angle
        between the line through the LV centres and the normal of the slices. ``axis_jump_mm``:
        largest distance of a centre from that line. ``taper``: how
        often the size rises and falls along the stack, 1 for once. ``heart_length_mm``.
        ``rv_side``: how well slices agree on the side of the right ventricle, 0 to 1. Without an LV
        in two slices only ``heart_length_mm``.
    """
    relaxed = segmentation.labels[_fullest(segmentation.labels)]
    cavity = relaxed == LV
    left = cavity | (relaxed == MYOCARDIUM)
    areas = left.sum(axis=(1, 2)) * stack.pixel_area_mm2
    used = np.flatnonzero((areas > _SMALLEST_AREA_MM2) & cavity.any(axis=(1, 2)))
    numbers = {"heart_length_mm": float(len(used) * stack.slice_spacing_mm)}
    if len(used) < 2:  # noqa: PLR2004 - a course needs two
        return numbers
    centres = np.stack([_centre_mm(left[s], stack) for s in used])
    numbers |= _axis_numbers(centres, stack.slice_positions_mm[used])
    numbers |= {
        "ring_closed": _ring_closed(relaxed[used]),
        "elongation": float(np.median([_elongation(left[s], stack) for s in used])),
        "taper": _taper(areas[used[0] : used[-1] + 1]),
    }
    sides = [
        _centre_mm(relaxed[s] == RV, stack) - centre
        for s, centre in zip(used, centres, strict=True)
        if (relaxed[s] == RV).any()
    ]
    if len(sides) > 1:
        units = np.stack([side / max(float(np.hypot(*side)), _SMALLEST) for side in sides])
        numbers["rv_side"] = float(np.hypot(*units.mean(axis=0)))
    return numbers


def agreement_numbers(stack: CineStack, segmentation: Segmentation) -> dict[str, float]:
    """Measure how well contours agree with each other.

    Returns
    -------
    dict
        ``slice_overlap``: Dice of the LV with its wall between neighbouring slices, median.
        ``confidence``: mean of the slices with LV at the fullest and the emptiest moment. With six
        phases or more, ``phase_overlap``: Dice of the LV with its wall between successive phases,
        the least of them, and ``slice_timing``: how far the slices beat at different moments, as a
        share of the beat.
    """
    labels = segmentation.labels
    left = np.isin(labels, (LV, MYOCARDIUM))
    both = [_fullest(labels), _emptiest(labels)]
    shown = (labels == LV).any(axis=(2, 3))[both]
    numbers: dict[str, float] = {}
    if shown.any():
        numbers["confidence"] = float(segmentation.confidence[both][shown].mean())
    relaxed = left[both[0]]
    used = np.flatnonzero(relaxed.any(axis=(1, 2)))
    if used.size > 1:
        pairs = zip(relaxed[used[0] : used[-1]], relaxed[used[0] + 1 :], strict=False)
        numbers["slice_overlap"] = float(np.median([_dice(one, next_) for one, next_ in pairs]))
    if len(labels) >= _FOLLOWING_PHASES and used.size:
        numbers["phase_overlap"] = min(
            _dice(phase, left[(p + 1) % len(left)]) for p, phase in enumerate(left)
        )
        areas = (labels == LV).sum(axis=(2, 3))
        if np.count_nonzero(np.ptp(areas, axis=0)) >= _BEATING_SLICES:
            numbers["slice_timing"] = _timing_spread(areas.astype(np.float64))
    return numbers


def _timing_spread(areas: Float64Array) -> float:
    """Circular standard deviation of the moments at which the slices beat, share of the beat.

    The moment of a slice is the phase of the first harmonic of its cavity's area, weighted by how
    much it beats, so that a slice that hardly moves says little (phase analysis after Chen J et
    al., J Nucl Cardiol 2005;12:687-695).

    Parameters
    ----------
    areas
        ``[phase, slice]``, evenly spread over one beat.
    """
    beat = np.fft.fft(areas, axis=0)[1]
    together = abs(beat.sum()) / max(float(np.abs(beat).sum()), _SMALLEST)
    return float(np.sqrt(-2.0 * np.log(np.clip(together, _SMALLEST, 1.0))) / (2.0 * np.pi))


def _fullest(labels: LabelArray) -> int:
    return int((labels == LV).sum(axis=(1, 2, 3)).argmax())


def _emptiest(labels: LabelArray) -> int:
    return int((labels == LV).sum(axis=(1, 2, 3)).argmin())


def _centre_mm(mask: BoolArray, stack: CineStack) -> Float64Array:
    rows, columns = np.nonzero(mask)
    return np.array([rows.mean() * stack.row_spacing_mm, columns.mean() * stack.column_spacing_mm])


def _ring_closed(labels: LabelArray) -> float:
    """Share of the pixels around the cavity that are wall, all slices together."""
    around = touched = 0
    for image in labels:
        cavity = image == LV
        rim = ndimage.binary_dilation(cavity, _IN_PLANE) & ~cavity
        around += int(rim.sum())
        touched += int((image[rim] == MYOCARDIUM).sum())
    return touched / max(around, 1)


def _elongation(mask: BoolArray, stack: CineStack) -> float:
    rows, columns = np.nonzero(mask)
    points = np.stack((rows * stack.row_spacing_mm, columns * stack.column_spacing_mm))
    small, large = np.linalg.eigvalsh(np.cov(points)) if rows.size > 2 else (1.0, 1.0)  # noqa: PLR2004
    return float(np.sqrt(max(large, _SMALLEST) / max(small, _SMALLEST)))


def _axis_numbers(centres_mm: Float64Array, heights_mm: Float64Array) -> dict[str, float]:
    """Tilt of the straight line through the centres, and how far they lie from it."""
    slope, offset = np.polyfit(heights_mm, centres_mm, 1)
    away = centres_mm - (heights_mm[:, None] * slope + offset)
    return {
        "axis_tilt_deg": float(np.degrees(np.arctan(np.hypot(*slope)))),
        "axis_jump_mm": float(np.hypot(*away.T).max()),
    }


def _taper(areas: Float64Array) -> float:
    """All rises and falls along the stack over those of one rise and one fall."""
    padded = np.concatenate(([0.0], areas, [0.0]))
    return float(np.abs(np.diff(padded)).sum() / max(2.0 * float(areas.max()), _SMALLEST))


def _dice(one: BoolArray, other: BoolArray) -> float:
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0
