"""How a value answers to the images: a part's pixels are hidden and the tower looks again.

Hidden means replaced by their own mean, image by image, so that neither edge nor contrast is left
there. Only end-diastole and end-systole, cut to the heart, are run: once with nothing hidden, once
for every slice with heart and once for every AHA segment of the left ventricle. Nothing is random.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from plugin.domain.errors import ModelError, Reason
from plugin.domain.findings import Assessment
from worker.explain.beat import Beat
from worker.explain.types import Hidden, Occlusion, PartKind
from worker.findings.orientation import find_orientation
from worker.findings.segments import segment_map
from worker.model.types import Segmentation
from worker.volume.types import CineStack, PatientContext

BoolArray = npt.NDArray[np.bool_]

_VIEW_MM = 160.0
_AROUND_VIEW_MM = 25.0
_AROUND_HEART_MM = 8.0
_AROUND_WALL_MM = 3.0


class Tower(Protocol):
    """What occlusion needs of a vision tower."""

    def segment(self, stack: CineStack) -> Segmentation:
        """Label every frame of ``stack``."""
        ...


def occlude(
    tower: Tower,
    stack: CineStack,
    labels: npt.NDArray[np.uint8],
    assessment: Assessment,
    patient: PatientContext,
    key: str,
    on_progress: Callable[[float], None] | None = None,
) -> Occlusion | None:
    """Hide one part after the other and measure again.

    Parameters
    ----------
    labels
        uint8 ``[phase, slice, row, column]`` of the whole cine: where the parts are.
    key
        Measurement that `worker.explain.explain` explained.
    on_progress
        Called with the share that is done, 0 to 1.

    Returns
    -------
    Occlusion or None
        None when the two phases alone give no value.
    """
    phases = (assessment.ed_phase, assessment.es_phase)
    beat = cut_to_heart(Beat.of(stack, labels, phases, patient))
    seen = look(tower, beat)
    unhidden = None if seen is None else seen.value(key)
    if seen is None or unhidden is None:
        return None
    hideable = list(regions(beat, with_segments=not key.startswith("rv")))
    parts: list[Hidden] = []
    for kind, index, region in hideable:
        after = look(tower, hidden(beat, region))
        parts.append(Hidden(kind, index, *_values(seen, after, key)))
        if on_progress is not None:
            on_progress(len(parts) / len(hideable))
    return Occlusion(unhidden, tuple(parts), 1 + len(parts))


def cut_to_heart(beat: Beat) -> Beat:
    """Cut images and labels to the heart and as much around it as the tower looks at."""
    stack = beat.stack
    rows, columns = (np.flatnonzero((beat.labels > 0).any(axis=axes)) for axes in (_ROW, _COLUMN))
    inside = (
        slice(None),
        slice(None),
        _span(rows, stack.row_spacing_mm),
        _span(columns, stack.column_spacing_mm),
    )
    return replace(
        beat, stack=replace(stack, pixels=stack.pixels[inside]), labels=beat.labels[inside]
    )


def regions(beat: Beat, *, with_segments: bool) -> Iterator[tuple[PartKind, int, BoolArray]]:
    """Yield what can be hidden: kind, index and pixels ``[2, slice, row, column]``."""
    heart = _grown(beat.labels > 0, _AROUND_HEART_MM, beat.stack)
    for z in np.flatnonzero((beat.labels > 0).any(axis=(0, 2, 3))):
        region = np.zeros_like(heart)
        region[:, z] = heart[:, z].any(axis=0)
        yield PartKind.SLICE, int(z), region
    septum_deg = find_orientation(beat.labels[0], beat.stack).septum_deg
    if not with_segments or septum_deg is None:
        return
    numbers = np.stack([segment_map(labels, beat.stack, septum_deg) for labels in beat.labels])
    for segment in np.unique(numbers[numbers > 0]):
        region = _grown(numbers == segment, _AROUND_WALL_MM, beat.stack)
        yield PartKind.SEGMENT, int(segment), region


def hidden(beat: Beat, region: BoolArray) -> Beat:
    """Return the beat with the pixels of a region replaced by their mean, image by image."""
    pixels = beat.stack.pixels.copy()
    for image, inside in zip(
        pixels.reshape(-1, *pixels.shape[2:]), region.reshape(-1, *region.shape[2:]), strict=True
    ):
        if inside.any():
            image[inside] = image[inside].mean()
    return replace(beat, stack=replace(beat.stack, pixels=pixels))


def look(tower: Tower, beat: Beat) -> Beat | None:
    """Return the beat with the tower's own labels; None when it finds no heart."""
    try:
        return replace(beat, labels=tower.segment(beat.stack).labels)
    except ModelError as error:
        if error.reason is Reason.HEART_NOT_FOUND:
            return None
        raise


def _values(
    seen: Beat, after: Beat | None, key: str
) -> tuple[float | None, float | None, float | None]:
    """Values with the new contours of both phases, of end-diastole alone, of end-systole alone."""
    if after is None:
        return None, None, None
    only_ed = replace(seen, labels=np.stack([after.labels[0], seen.labels[1]]))
    only_es = replace(seen, labels=np.stack([seen.labels[0], after.labels[1]]))
    return after.value(key), only_ed.value(key), only_es.value(key)


_ROW, _COLUMN = (0, 1, 3), (0, 1, 2)


def _span(hit: npt.NDArray[np.intp], spacing_mm: float) -> slice:
    """Return the pixels around the heart along one axis."""
    first, last = int(hit[0]), int(hit[-1]) + 1
    length_mm = max(_VIEW_MM, (last - first) * spacing_mm + 2 * _AROUND_VIEW_MM)
    half = length_mm / spacing_mm / 2.0
    middle = (first + last) / 2.0
    return slice(max(0, round(middle - half)), round(middle + half))


def _grown(mask: BoolArray, around_mm: float, stack: CineStack) -> BoolArray:
    """Grow a mask ``[phase, slice, row, column]`` inside its slices."""
    far = np.array([stack.row_spacing_mm, stack.column_spacing_mm])
    grown = np.zeros_like(mask)
    for source, target in zip(
        mask.reshape(-1, *mask.shape[2:]), grown.reshape(-1, *mask.shape[2:]), strict=True
    ):
        if source.any():
            target[:] = ndimage.distance_transform_edt(~source, sampling=far) <= around_mm
    return grown
