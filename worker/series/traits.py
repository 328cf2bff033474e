"""What can be counted in one series: orientations, slices, phases, repeats, gating.

Knows frames. Does not know roles or words.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from worker.series import attributes as read
from worker.series.frames import Frame
from worker.series.geometry import group_positions, is_same_orientation, normal_of
from worker.series.sequence import SequenceTraits, sequence_traits

_ORIENTATION_TOLERANCE_DEGREES = 5.0
_GATED_OPTIONS = ("CG", "CARD", "ECG", "EKG", "PPG")


@dataclass(frozen=True, slots=True)
class SeriesTraits:
    """The facts that roles are decided by.

    Attributes
    ----------
    n_orientations
        Different plane orientations (more than 5 degrees apart); 0 without geometry.
    orientation
        The one that most frames share, None without geometry.
    n_slices
        Slice positions in that orientation (1 without geometry).
    n_phases
        Most phases seen at one position: different trigger times, else numbered phases.
    n_repeats
        Most frames at one position.
    phase_span_ms
        Range of trigger times at one position, 0 when unknown.
    repeat_span_s
        Range of acquisition times at one position.
    n_inversion_times
        Different inversion times at one position.
    inversion_time_ms
        The shortest one above zero.
    is_gated
        Whether the header speaks of cardiac gating or of a beat.
    """

    n_instances: int
    n_frames: int
    n_orientations: int
    orientation: tuple[float, ...] | None
    n_slices: int
    n_phases: int
    n_repeats: int
    phase_span_ms: float
    repeat_span_s: float
    n_inversion_times: int
    inversion_time_ms: float | None
    is_gated: bool
    is_magnitude: bool
    sequence: SequenceTraits


def series_traits(frames: Sequence[Frame]) -> SeriesTraits:
    """Count what one series holds (``frames`` not empty)."""
    orientations = _orientations(frames)
    orientation = orientations[0][0] if orientations else None
    members = orientations[0][1] if orientations else list(frames)
    slices = _slices(members, orientation)
    header = frames[0].instance.header
    times = [_different(f.trigger_time_ms for f in one) for one in slices]
    numbered = [{f.temporal_index for f in one} - {None} for one in slices]
    n_times, n_numbered = max(map(len, times)), max(map(len, numbered))
    acquired = [[f.acquired_s for f in one if f.acquired_s is not None] for one in slices]
    inversions = [_different(f.inversion_time_ms for f in one) for one in slices]
    sequence = sequence_traits(header, {token for f in frames for token in f.image_type})
    is_announced = (read.integer(header, "CardiacNumberOfImages") or 0) > 1
    is_cine_like = is_announced or (_is_gated(header) and sequence.is_balanced)
    counted = _frames_per_slice(slices) if is_cine_like else 1
    return SeriesTraits(
        n_instances=len({f.instance.sop_instance_uid for f in frames}),
        n_frames=len(frames),
        n_orientations=len(orientations),
        orientation=orientation,
        n_slices=len(slices),
        n_phases=n_times if n_times > 1 else max(n_numbered, counted, 1),
        n_repeats=max(map(len, slices)),
        phase_span_ms=max((max(t) - min(t) for t in times if t), default=0.0),
        repeat_span_s=max((max(a) - min(a) for a in acquired if a), default=0.0),
        n_inversion_times=max(map(len, inversions)),
        inversion_time_ms=min((t for one in inversions for t in one if t > 0), default=None),
        is_gated=_is_gated(header) or any(f.rr_interval_ms is not None for f in frames),
        is_magnitude=any(f.is_magnitude for f in frames),
        sequence=sequence,
    )


def _orientations(frames: Sequence[Frame]) -> list[tuple[tuple[float, ...], list[Frame]]]:
    """Group frames by orientation, the most frequent first."""
    groups: list[tuple[tuple[float, ...], list[Frame]]] = []
    for frame in frames:
        if frame.position_mm is None or frame.orientation is None:
            continue
        for orientation, members in groups:
            if is_same_orientation(orientation, frame.orientation, _ORIENTATION_TOLERANCE_DEGREES):
                members.append(frame)
                break
        else:
            groups.append((frame.orientation, [frame]))
    return sorted(groups, key=lambda group: -len(group[1]))


def _slices(frames: Sequence[Frame], orientation: tuple[float, ...] | None) -> list[list[Frame]]:
    if orientation is None:
        return [list(frames)]
    normal = normal_of(orientation)
    placed = [(f, f.position_mm) for f in frames if f.position_mm is not None]
    groups = group_positions([float(normal @ position) for _, position in placed])
    slices: defaultdict[int, list[Frame]] = defaultdict(list)
    for (frame, _), group in zip(placed, groups, strict=True):
        slices[group].append(frame)
    return list(slices.values())


def _different(values: object) -> set[float]:
    return {round(v, 1) for v in values if v is not None}  # type: ignore[attr-defined]


def _frames_per_slice(slices: Sequence[Sequence[Frame]]) -> int:
    """Count phases by images alone, for a cine whose timing was lost."""
    return Counter(len(one) for one in slices).most_common(1)[0][0]


def _is_gated(header: Dataset) -> bool:
    technique = read.text(header, "CardiacSynchronizationTechnique").upper()
    if technique not in {"", "NONE"} or (read.integer(header, "CardiacNumberOfImages") or 0) > 1:
        return True
    return any(o.startswith(_GATED_OPTIONS) for o in read.tokens(header, "ScanOptions"))
