"""Decoding the frames of a plan, straight into one array.

Knows pydicom's decoders (their errors end here, those of disk and memory do not), rescale and
inverted greyscale. The digest of what was decoded is made on the way, so that pixels are touched
once.

References
----------
DICOM PS3.3 C.11.1 (Modality LUT), C.7.6.3.1.2 (Photometric Interpretation).
"""

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.pixels.utils import iter_pixels

from worker.series import attributes as read
from worker.series.frames import Frame, Instance
from worker.volume.files import faults_of_storage
from worker.volume.plan import StackPlan
from worker.volume.types import Float32Array

UNDECODABLE = (OSError, EOFError, RuntimeError, IndexError, *read.UNREADABLE_VALUE)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPixels:
    """Pixels ``[phase, slice, row, column]`` after rescale, or the frames that failed.

    ``digest`` identifies what the analysis sees: decoded pixels, geometry and timing of the used
    frames, whatever their transfer syntax, order of arrival or demographics.
    """

    pixels: Float32Array
    digest: str
    failed: frozenset[Frame]


def decode_plan(plan: StackPlan) -> DecodedPixels:
    """Decode every frame of the plan once, also where it stands for several phases."""
    first = plan.frames[0][0]
    shape = (plan.n_phases, plan.n_slices, first.rows, first.columns)
    pixels = np.empty(shape, dtype=np.float32)
    digests: list[str] = []
    failed: set[Frame] = set()
    with read.without_complaints():
        for instance, places in _by_instance(plan).items():
            frames = sorted(places, key=lambda frame: frame.index)
            for frame, values in _decoded(instance, frames):
                if values is None or values.shape != shape[2:]:
                    failed.add(frame)
                    continue
                (phase, slice_index), *others = places[frame]
                target = pixels[phase, slice_index]
                _rescale(frame, values, target)
                for place in others:
                    pixels[place] = target
                digests.append(_frame_digest(frame, target))
    digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    return DecodedPixels(pixels, digest, frozenset(failed))


def decode_frames(frames: Iterable[Frame]) -> dict[Frame, Float32Array]:
    """Decode frames of any kind, each for itself, ``[row, column]`` after rescale.

    Those that cannot be decoded are not among the answer.
    """
    members: defaultdict[Instance, list[Frame]] = defaultdict(list)
    for frame in frames:
        members[frame.instance].append(frame)
    found: dict[Frame, Float32Array] = {}
    with read.without_complaints():
        for instance, own in members.items():
            for frame, values in _decoded(instance, sorted(own, key=lambda one: one.index)):
                if values is not None and values.shape == (frame.rows, frame.columns):
                    found[frame] = np.empty(values.shape, dtype=np.float32)
                    _rescale(frame, values, found[frame])
    return found


def _by_instance(plan: StackPlan) -> dict[Instance, dict[Frame, list[tuple[int, int]]]]:
    places: defaultdict[Instance, dict[Frame, list[tuple[int, int]]]] = defaultdict(dict)
    for phase, row in enumerate(plan.frames):
        for slice_index, frame in enumerate(row):
            places[frame.instance].setdefault(frame, []).append((phase, slice_index))
    return places


def _decoded(
    instance: Instance, frames: list[Frame]
) -> Iterator[tuple[Frame, npt.NDArray[np.generic] | None]]:
    """Yield stored values frame by frame; None from the first frame on that cannot be decoded."""
    n_done = 0
    try:
        if instance.path is not None:
            indices = [frame.index for frame in frames]
            with faults_of_storage():
                for values in iter_pixels(instance.path, indices=indices, raw=True):
                    n_done += 1
                    yield frames[n_done - 1], values
    except UNDECODABLE:
        pass
    for frame in frames[n_done:]:
        yield frame, None


def _rescale(frame: Frame, values: npt.NDArray[np.generic], target: Float32Array) -> None:
    """Write modality values; inverted greyscale is turned so that blood is bright."""
    np.multiply(values, np.float32(frame.slope), out=target, casting="unsafe")
    target += np.float32(frame.intercept)
    header = frame.instance.header
    if read.text(header, "PhotometricInterpretation") == "MONOCHROME1":
        white = 2.0 ** (read.integer(header, "BitsStored") or 16) - 1.0
        np.subtract(np.float32(white * frame.slope + 2.0 * frame.intercept), target, out=target)


def _frame_digest(frame: Frame, values: Float32Array) -> str:
    numbers = [
        *(round(v, 3) for v in frame.position_mm or ()),
        *(round(v, 5) for v in frame.orientation or ()),
        *(round(v, 5) for v in frame.spacing_mm or ()),
        -1.0 if frame.trigger_time_ms is None else round(frame.trigger_time_ms, 2),
        -1.0 if frame.rr_interval_ms is None else round(frame.rr_interval_ms, 2),
        float(frame.temporal_index or 0),
    ]
    digest = hashlib.sha256(struct.pack(f"<{len(numbers)}d2I", *numbers, *values.shape))
    digest.update(np.ascontiguousarray(values, dtype="<f4").data)
    return digest.hexdigest()
