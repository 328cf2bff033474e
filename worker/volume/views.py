"""Images beside the short-axis cine: long-axis cines and late enhancement, where they lie and when.

Knows which of the images of a study may be laid over its stack, and decodes the few that are
wanted. Nothing here can fail a study: a series that cannot be used is left out, and it is said why.
Does not know what is seen in an image.

References
----------
DICOM PS3.3 C.7.4.1 (positions are comparable within one frame of reference).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import nan

import numpy as np

from worker.series import ClassifiedSeries, Role
from worker.series.frames import Frame
from worker.series.geometry import POSITION_TOLERANCE_MM, is_same_orientation, normal_of
from worker.volume.pixels import decode_frames
from worker.volume.types import Float32Array, Float64Array

FURTHER_ROLES = (
    Role.TWO_CHAMBER_CINE,
    Role.THREE_CHAMBER_CINE,
    Role.FOUR_CHAMBER_CINE,
    Role.LGE,
)
MAXIMUM_LATE_IMAGES = 12
LATE_SHARE = 0.7
"""When late enhancement is acquired where the headers do not tell: in mid-diastole."""
_SAME_PLANE_DEGREES = 2.0


class LeftOut(StrEnum):
    """Why a series was not read."""

    NO_GEOMETRY = "no_geometry"
    OTHER_FRAME_OF_REFERENCE = "other_frame_of_reference"
    BESIDE_THE_HEART = "beside_the_heart"
    UNREADABLE = "unreadable_pixels"
    ANOTHER_WAS_READ = "another_was_read"


@dataclass(frozen=True, slots=True)
class ViewReading:
    """What became of one further series; ``left_out`` is None where images of it were read."""

    role: Role
    series_instance_uid: str
    n_images: int
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ViewImage:
    """One image in patient coordinates.

    Attributes
    ----------
    pixels
        float32 ``[row, column]``, modality values.
    affine
        ``[4, 4]``; ``affine @ (column, row, 0, 1)`` is a pixel centre, LPS in mm.
    phase_share
        Time after R as a share of the R-R interval.
    """

    role: Role
    pixels: Float32Array
    affine: Float64Array
    phase_share: float


@dataclass(frozen=True, slots=True, eq=False)
class HeartPlace:
    """What has to be known of a study before images are chosen.

    Attributes
    ----------
    centre_mm, reach_mm
        Of the left ventricle, LPS; no point of it is further from the centre.
    phase_shares
        The moments that are read of a cine.
    frame_of_reference_uid
        Of the stack.
    """

    centre_mm: Float64Array
    reach_mm: float
    phase_shares: tuple[float, ...]
    frame_of_reference_uid: str


def read_views(
    series: Sequence[ClassifiedSeries], heart: HeartPlace, roles: Sequence[Role]
) -> tuple[tuple[ViewImage, ...], tuple[ViewReading, ...]]:
    """Read the images of a study that some roles ask for.

    Of each long axis the plane nearest to the heart's centre is read at the moments of the stack;
    of late enhancement at most `MAXIMUM_LATE_IMAGES`, evenly over all that meet the heart.

    Parameters
    ----------
    series
        Of the study; those of other roles are passed over.
    heart
        Where and when to look.
    roles
        Which views, and the order of the images.
    """
    images: list[ViewImage] = []
    readings: list[ViewReading] = []
    for role in roles:
        usable, left_out = _usable([one for one in series if one.role is role], heart)
        read = _late if role is Role.LGE else _long_axis
        found, told = read(role, usable, heart)
        images += found
        readings += [*left_out, *told]
    return tuple(images), tuple(readings)


def _usable(
    series: Sequence[ClassifiedSeries], heart: HeartPlace
) -> tuple[dict[str, list[Frame]], list[ViewReading]]:
    """Return the images of each series that meet the heart, and the series without any."""
    usable: dict[str, list[Frame]] = {}
    left_out = []
    tests: tuple[tuple[LeftOut, Callable[[Frame], bool]], ...] = (
        (LeftOut.NO_GEOMETRY, _is_placed),
        (LeftOut.OTHER_FRAME_OF_REFERENCE, lambda frame: _is_of(frame, heart)),
        (LeftOut.BESIDE_THE_HEART, lambda frame: abs(_away_mm(frame, heart)) <= heart.reach_mm),
    )
    for one in series:
        frames = [frame for frame in one.frames if frame.is_magnitude]
        for reason, test in tests:
            frames = [frame for frame in frames if test(frame)]
            if not frames:
                left_out.append(ViewReading(one.role, one.series_instance_uid, 0, reason))
                break
        else:
            usable[one.series_instance_uid] = frames
    return usable, left_out


def _is_placed(frame: Frame) -> bool:
    return frame.has_geometry and frame.spacing_mm is not None and frame.has_matrix


def _is_of(frame: Frame, heart: HeartPlace) -> bool:
    return frame.instance.frame_of_reference_uid == heart.frame_of_reference_uid


def _away_mm(frame: Frame, heart: HeartPlace) -> float:
    """Distance of a placed image's plane from the heart's centre (signed)."""
    normal = normal_of(frame.orientation or ())
    return float(normal @ (heart.centre_mm - np.asarray(frame.position_mm)))


def _long_axis(
    role: Role, usable: dict[str, list[Frame]], heart: HeartPlace
) -> tuple[list[ViewImage], list[ViewReading]]:
    """Read the plane nearest to the heart's centre that can be decoded."""
    images: list[ViewImage] = []
    readings = []
    nearest = {uid: _nearest_plane(frames, heart) for uid, frames in usable.items()}
    for uid in sorted(nearest, key=lambda one: abs(_away_mm(nearest[one][0], heart))):
        if images:
            readings.append(ViewReading(role, uid, 0, LeftOut.ANOTHER_WAS_READ))
            continue
        images = _decoded(role, _at_moments(nearest[uid], heart.phase_shares))
        left_out = None if images else LeftOut.UNREADABLE
        readings.append(ViewReading(role, uid, len(images), left_out))
    return images, readings


def _nearest_plane(frames: Sequence[Frame], heart: HeartPlace) -> list[Frame]:
    nearest = min(frames, key=lambda frame: abs(_away_mm(frame, heart)))
    place_mm, orientation = _away_mm(nearest, heart), nearest.orientation or ()
    return [
        frame
        for frame in frames
        if is_same_orientation(orientation, frame.orientation or (), _SAME_PLANE_DEGREES)
        and abs(_away_mm(frame, heart) - place_mm) <= POSITION_TOLERANCE_MM
    ]


def _at_moments(frames: Sequence[Frame], shares: Sequence[float]) -> list[tuple[Frame, float]]:
    """Return the frame nearest to each moment of the beat, each once."""
    ordered = sorted(frames, key=_moment)
    own = _shares(ordered)
    chosen: dict[Frame, float] = {}
    for share in shares:
        apart = np.abs((own - share + 0.5) % 1.0 - 0.5)
        place = int(np.argmin(apart))
        chosen[ordered[place]] = float(own[place])
    return list(chosen.items())


def _moment(frame: Frame) -> tuple[float, int, int, int]:
    return (
        frame.trigger_time_ms or 0.0,
        frame.temporal_index or 0,
        frame.instance.instance_number,
        frame.index,
    )


def _shares(frames: Sequence[Frame]) -> Float64Array:
    """Time of each frame of a cine as a share of the beat; even steps where nothing tells it."""
    times = [frame.trigger_time_ms for frame in frames]
    known = np.array([time for time in times if time is not None])
    even = np.arange(len(frames)) / max(len(frames), 1)
    if len(known) < len(frames) or len(known) < 2 or np.ptp(known) == 0.0:  # noqa: PLR2004 - no step
        return even
    beat_ms = np.ptp(known) + float(np.median(np.diff(known)))
    return np.asarray((known - known[0]) / max(beat_ms, frames[0].rr_interval_ms or 0.0))


def _late(
    role: Role, usable: dict[str, list[Frame]], heart: HeartPlace
) -> tuple[list[ViewImage], list[ViewReading]]:
    """Read images evenly over the heart, the newest of each place."""
    newest: dict[tuple[object, ...], tuple[str, Frame]] = {}
    for uid, frames in usable.items():
        for frame in sorted(frames, key=lambda one: one.acquired_s or 0.0):
            before = newest.get(_place(frame))
            if before is None or (before[1].acquired_s or 0.0) <= (frame.acquired_s or 0.0):
                newest[_place(frame)] = uid, frame
    ordered = sorted(newest.values(), key=lambda one: (_place(one[1])[3:], _away_mm(one[1], heart)))
    wanted = min(len(ordered), MAXIMUM_LATE_IMAGES)
    steps = np.unique(np.rint(np.linspace(0, len(ordered) - 1, wanted)).astype(int))
    by_series: defaultdict[str, list[tuple[Frame, float]]] = defaultdict(list)
    for place in steps if ordered else ():
        uid, frame = ordered[int(place)]
        by_series[uid].append((frame, _late_share(frame)))
    images: list[ViewImage] = []
    readings = []
    for uid in usable:
        own = _decoded(role, by_series[uid])
        reason = LeftOut.UNREADABLE if by_series[uid] else LeftOut.ANOTHER_WAS_READ
        readings.append(ViewReading(role, uid, len(own), None if own else reason))
        images += own
    return images, readings


def _place(frame: Frame) -> tuple[object, ...]:
    """Return what images of the same place have in common, to a millimetre and a degree."""
    return (
        *(round(value) for value in frame.position_mm or ()),
        *(round(value, 2) for value in frame.orientation or ()),
    )


def _late_share(frame: Frame) -> float:
    time_ms, beat_ms = frame.trigger_time_ms, frame.rr_interval_ms
    if not time_ms or not beat_ms or not 0 < time_ms < beat_ms:
        return LATE_SHARE
    return time_ms / beat_ms


def _decoded(role: Role, chosen: Sequence[tuple[Frame, float]]) -> list[ViewImage]:
    """Return the images that can be decoded."""
    pixels = decode_frames([frame for frame, _ in chosen])
    return [
        ViewImage(role, pixels[frame], _affine(frame), share)
        for frame, share in chosen
        if frame in pixels
    ]


def _affine(frame: Frame) -> Float64Array:
    orientation, (row_mm, column_mm) = frame.orientation or (), frame.spacing_mm or (nan, nan)
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(orientation[:3]) * column_mm
    affine[:3, 1] = np.asarray(orientation[3:]) * row_mm
    affine[:3, 2] = normal_of(orientation)
    affine[:3, 3] = frame.position_mm
    return affine
