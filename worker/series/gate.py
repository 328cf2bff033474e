"""Is this a cardiac MR study at all? Headers only, so that other studies cost nothing."""

from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset

from plugin.domain.errors import Reason
from worker.series import attributes as read
from worker.series.classify import ClassifiedSeries, classify
from worker.series.roles import CINE_ROLES, Role
from worker.series.sequence import description

_CARDIAC_PARTS = ("HEART", "CARDI", "MYOCARD", "HERZ", "COEUR", "CORONARY", "VENTRICLE")
_UNTOLD_PARTS = frozenset(
    {"", "CHEST", "THORAX", "THORAX_1HEART", "MEDIASTINUM", "AORTA", "WHOLEBODY", "BODY", "LUNG"}
)
_NEVER_PARTS = frozenset({"BRAIN", "HEAD", "SKULL", "HEADNECK", "NECK"})
_CARDIAC_WORDS = ("heart", "cardi", "kardi", "herz", "coeur", "cmr", "myocard", "ventric")


def reason_not_analysable(series: Sequence[ClassifiedSeries]) -> Reason | None:
    """Return why a study is no cardiac MR study, or None when it is one."""
    with_frames = [one for one in series if one.traits is not None]
    if not with_frames:
        return Reason.NOT_MR
    with read.without_complaints():
        is_cardiac = any(_is_cardiac(one) for one in with_frames)
    return None if is_cardiac else Reason.NOT_CARDIAC


def is_cardiac_mr(headers: Iterable[Dataset]) -> bool:
    """Tell whether a study is of cardiac MR, by its headers."""
    return reason_not_analysable(classify([(header, None) for header in headers])) is None


def _is_cardiac(series: ClassifiedSeries) -> bool:
    traits = series.traits
    if traits is None:
        return False
    header = series.frames[0].instance.header
    part = read.text(header, "BodyPartExamined").upper()
    if any(word in part for word in _CARDIAC_PARTS):
        return True
    if part in _NEVER_PARTS:
        return False
    if series.role is Role.SHORT_AXIS_CINE and traits.is_gated:
        return True  # the body part is often left at the protocol's default
    if part not in _UNTOLD_PARTS:
        return False
    words = f"{description(header)} {read.text(header, 'StudyDescription')}".lower()
    is_of_a_beat = traits.is_gated or (traits.n_phases > 1 and traits.phase_span_ms > 0.0)
    return (
        series.role in CINE_ROLES
        or (is_of_a_beat and not traits.sequence.is_echo_planar)
        or any(word in words for word in _CARDIAC_WORDS)
    )
