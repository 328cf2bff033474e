"""Which series of a study plays which role, and why."""

from worker.series.classify import ClassifiedSeries, classify, classify_series
from worker.series.gate import is_cardiac_mr, reason_not_analysable
from worker.series.roles import CINE_ROLES, Role, SeriesRole

__all__ = [
    "CINE_ROLES",
    "ClassifiedSeries",
    "Role",
    "SeriesRole",
    "classify",
    "classify_series",
    "is_cardiac_mr",
    "reason_not_analysable",
]
