"""Whether a study could be analysed, from its headers alone: roles, the stack that would be taken.

The same steps in the same order as ``load``, without decoding a pixel, so what is only seen in
pixels (a damaged image, a heart that stands still) is not found here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series import SeriesRole, classify, reason_not_analysable
from worker.series import attributes as read
from worker.volume.files import read_headers
from worker.volume.load import without_pixels
from worker.volume.patient import check_one_patient
from worker.volume.plan import StackPlan
from worker.volume.select import select_stack


@dataclass(frozen=True, slots=True)
class SeenStudy:
    """What the headers of a study tell.

    Attributes
    ----------
    plan
        The stack that would be decoded; None with ``why_not``.
    """

    series: tuple[SeriesRole, ...]
    plan: StackPlan | None
    why_not: StudyRejectedError | None


def look_at_study(paths: Iterable[Path]) -> SeenStudy:
    """Read the headers of a study's files and say what an analysis would make of them."""
    with read.without_complaints():
        study = read_headers(paths)
        series = classify([(one.header, one.path) for one in study.headers])
        roles = tuple(one.summary for one in series)
        try:
            if not study.headers:
                raise StudyRejectedError(Reason.NO_READABLE_INSTANCE)  # noqa: TRY301
            reason = reason_not_analysable(series)
            if reason is not None:
                raise StudyRejectedError(reason)  # noqa: TRY301
            check_one_patient([one.header for one in study.headers])
            return SeenStudy(roles, select_stack(series, without_pixels(series, study)), None)
        except StudyRejectedError as error:
            return SeenStudy(roles, None, error)
