"""The role of each series: rules in order, the first that applies decides.

Geometry, timing and sequence attributes come first; descriptions decide only where those leave a
question open, and the reason says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from worker.series import attributes as read
from worker.series.enhanced import enhanced_frames
from worker.series.frames import (
    MR_IMAGE_CLASSES,
    Frame,
    classic_frames,
    is_enhanced,
    make_instance,
)
from worker.series.geometry import (
    SHORT_AXIS_COSINE,
    Vector,
    View,
    apex_cosine,
    normal_of,
    view_of,
)
from worker.series.roles import CINE_ROLES, Role, SeriesRole
from worker.series.traits import SeriesTraits, series_traits

_LONGEST_BEAT_MS = 2500.0
_PERFUSION_REPEATS = 15
_PERFUSION_SPAN_S = 12.0
_SAME_MOMENT_MS = 250.0
_FLOW_SLICES = 3
_STACK_SLICES = 5
_CERTAIN_STACK_COSINE = SHORT_AXIS_COSINE
_CERTAIN_SLICE_COSINE = 0.85
_CERTAIN_LONG_AXIS_COSINE = 0.35
_VIEW_ROLES = {
    View.SHORT_AXIS: Role.SHORT_AXIS_CINE,
    View.TWO_CHAMBER: Role.TWO_CHAMBER_CINE,
    View.THREE_CHAMBER: Role.THREE_CHAMBER_CINE,
    View.FOUR_CHAMBER: Role.FOUR_CHAMBER_CINE,
}


@dataclass(frozen=True, slots=True, eq=False)
class ClassifiedSeries:
    """A series with its frames, what was counted in it, and its role."""

    series_instance_uid: str
    frames: tuple[Frame, ...]
    traits: SeriesTraits | None
    role: Role
    reason: str
    n_instances: int

    @property
    def summary(self) -> SeriesRole:
        """Return what the report and the pages show."""
        return SeriesRole(self.series_instance_uid, self.role, self.reason, self.n_instances)


def classify_series(headers: Iterable[Dataset]) -> list[SeriesRole]:
    """Give every series of a study its role.

    Parameters
    ----------
    headers
        Datasets of all instances (pixels are not looked at), in any order.

    Returns
    -------
    list of SeriesRole
        By Series Instance UID.
    """
    return [one.summary for one in classify([(header, None) for header in headers])]


def classify(headers: Iterable[tuple[Dataset, Path | None]]) -> list[ClassifiedSeries]:
    """Group headers by series and give every series its role."""
    members: defaultdict[str, list[tuple[Dataset, Path | None]]] = defaultdict(list)
    for header, path in headers:
        members[read.text(header, "SeriesInstanceUID")].append((header, path))
    with read.without_complaints():
        found = [_classified(uid, members[uid]) for uid in sorted(members)]
    apex_direction = _apex_direction(found)
    if apex_direction is None:
        return found
    return [_renamed_view(one, apex_direction) for one in found]


def _classified(uid: str, members: Sequence[tuple[Dataset, Path | None]]) -> ClassifiedSeries:
    frames = tuple(
        frame for header, path in members if is_mr_image(header) for frame in _frames(header, path)
    )
    if not frames:
        return ClassifiedSeries(
            uid, (), None, Role.OTHER, "The series holds no MR image.", len(members)
        )
    traits = series_traits(frames)
    role, reason = _role(traits)
    return ClassifiedSeries(uid, frames, traits, role, reason, len(members))


def is_mr_image(header: Dataset) -> bool:
    """Tell whether an instance is a monochrome MR image."""
    return (
        read.text(header, "SOPClassUID") in MR_IMAGE_CLASSES
        and read.text(header, "Modality").upper() in {"MR", ""}
        and (read.integer(header, "SamplesPerPixel") or 1) == 1
    )


def _frames(header: Dataset, path: Path | None) -> tuple[Frame, ...]:
    instance = make_instance(header, path)
    return enhanced_frames(instance) if is_enhanced(header) else classic_frames(instance)


def _role(traits: SeriesTraits) -> tuple[Role, str]:
    for rule in (_by_kind, _by_repeats, _by_cine, _by_single_images):
        decided = rule(traits)
        if decided is not None:
            return decided
    described = traits.sequence.described
    if described is not None and described not in CINE_ROLES:
        return described, "By the description only; no attribute tells more."
    return Role.OTHER, "No rule of geometry, timing or sequence recognises it."


def _by_kind(traits: SeriesTraits) -> tuple[Role, str] | None:
    """Decide what the image type or the sequence says outright."""
    sequence = traits.sequence
    if sequence.is_localiser_type:
        return Role.LOCALISER, "Image Type says LOCALIZER."
    if sequence.map_role is not None:
        return sequence.map_role, "Image Type or real world values say that pixels are a map."
    if sequence.has_velocity or (traits.n_phases > 1 and not traits.is_magnitude):
        return Role.FLOW, "Velocity-encoded (phase contrast) images."
    if sequence.is_tagged:
        return Role.OTHER, "Cine with tagging lines."
    if traits.n_phases == 1 and traits.n_orientations > 1:
        return Role.LOCALISER, "Single images in several orientations."
    return None


def _by_repeats(traits: SeriesTraits) -> tuple[Role, str] | None:
    """Decide series that show one place again and again, beat after beat."""
    described = traits.sequence.described
    if traits.n_inversion_times > 2:  # noqa: PLR2004 - a map needs three points
        if described is Role.T1_MAP:
            return Role.T1_MAP, "Source images of a T1 map: several inversion times per slice."
        return Role.OTHER, "Several inversion times per slice (an inversion scout)."
    over_beats = (
        traits.n_repeats >= _PERFUSION_REPEATS
        and traits.repeat_span_s >= _PERFUSION_SPAN_S
        and traits.phase_span_ms < _LONGEST_BEAT_MS
    )
    # A repeated cine also spans minutes; it fills the beat, a first pass stays at one moment.
    is_one_moment = (
        traits.n_phases <= traits.n_repeats // 4 or traits.phase_span_ms < _SAME_MOMENT_MS
    )
    if over_beats and is_one_moment:
        return Role.PERFUSION, "One image per slice and beat over many beats (first pass)."
    if traits.sequence.is_saturation and traits.n_repeats >= _PERFUSION_REPEATS:
        return Role.PERFUSION, "Saturation-prepared images repeated over many beats."
    return None


def _by_cine(traits: SeriesTraits) -> tuple[Role, str] | None:
    """Decide what shows one beat in several phases."""
    if traits.n_phases < 2 or traits.sequence.is_echo_planar:  # noqa: PLR2004
        return None
    if not traits.is_gated and traits.phase_span_ms == 0.0:
        return None  # repeated images of something, but nothing tells of a beat
    if traits.sequence.is_inversion:
        return Role.OTHER, "Inversion-prepared cine (an inversion scout)."
    if traits.phase_span_ms > _LONGEST_BEAT_MS:
        return Role.OTHER, "The images run over several beats (real-time cine)."
    described = traits.sequence.described
    is_flow = described is Role.FLOW and not traits.sequence.is_balanced
    if is_flow and traits.n_slices <= _FLOW_SLICES:
        return Role.FLOW, "A cine of few slices that its description calls flow."
    return _by_view(traits)


def _by_view(traits: SeriesTraits) -> tuple[Role, str]:
    """Name the view of a cine by its orientation, by its description where that is unusual."""
    counted = f"{traits.n_phases} phases at {traits.n_slices} slice position(s)"
    described = traits.sequence.described
    named = described if described in CINE_ROLES else None
    if traits.orientation is None:
        return named or Role.OTHER, f"{counted}; geometry is missing, named by its description."
    view = view_of(traits.orientation)
    if named is not None and (view is View.OBLIQUE or _is_doubtful(traits)):
        return named, f"{counted}; the orientation is unusual, named by its description."
    if view is View.OBLIQUE:
        return Role.OTHER, f"{counted}; the orientation is no view of the left ventricle."
    by = "balanced sequence, " if traits.sequence.is_balanced else ""
    return _VIEW_ROLES[view], f"{counted}; {by}{view} by its orientation."


def _is_doubtful(traits: SeriesTraits) -> bool:
    """Tell whether the plane may as well be another view in an unusually placed heart.

    A whole stack that people call short axis is doubtful in any other orientation, because long
    axes are hardly ever acquired as stacks.
    """
    if traits.orientation is None:
        return True
    cosine = abs(apex_cosine(traits.orientation))
    if traits.n_slices >= _STACK_SLICES:
        is_called_short_axis = traits.sequence.described is Role.SHORT_AXIS_CINE
        return cosine < _CERTAIN_STACK_COSINE if is_called_short_axis else False
    return _CERTAIN_LONG_AXIS_COSINE < cosine < _CERTAIN_SLICE_COSINE


def _by_single_images(traits: SeriesTraits) -> tuple[Role, str] | None:
    """Decide what shows each place once."""
    sequence = traits.sequence
    if sequence.described in {Role.T1_MAP, Role.T2_MAP}:
        return None
    is_prepared = sequence.is_inversion or traits.inversion_time_ms is not None
    if is_prepared and traits.is_gated and traits.n_phases == 1:
        return Role.LGE, "Gated inversion-recovery images, one phase per slice."
    return None


def _apex_direction(found: Sequence[ClassifiedSeries]) -> Vector | None:
    """Return the patient's long axis by the largest short-axis cine."""
    stacks = [
        one.traits
        for one in found
        if one.role is Role.SHORT_AXIS_CINE and one.traits and one.traits.orientation is not None
    ]
    if not stacks:
        return None
    largest = max(stacks, key=lambda traits: traits.n_slices)
    if largest.orientation is None or abs(apex_cosine(largest.orientation)) < SHORT_AXIS_COSINE:
        return None
    normal = normal_of(largest.orientation)
    return normal if apex_cosine(largest.orientation) > 0 else -normal


def _renamed_view(one: ClassifiedSeries, apex_direction: Vector) -> ClassifiedSeries:
    """Name a long-axis view again, now that the patient's own axis is known."""
    if one.role not in CINE_ROLES - {Role.SHORT_AXIS_CINE} or one.traits is None:
        return one
    if one.traits.orientation is None or one.reason.endswith("description."):
        return one
    view = view_of(one.traits.orientation, apex_direction)
    if view in {View.SHORT_AXIS, View.OBLIQUE} or _VIEW_ROLES[view] is one.role:
        return one
    reason = f"{view} by its angle to the short-axis stack."
    return ClassifiedSeries(
        one.series_instance_uid,
        one.frames,
        one.traits,
        _VIEW_ROLES[view],
        reason[0].upper() + reason[1:],
        one.n_instances,
    )
