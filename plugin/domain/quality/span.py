"""The spans of time that the figures of quality are asked for."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from plugin.domain.quality.figures import Step


class Span(StrEnum):
    """How far back, and by which step; the first week or month is a whole one."""

    QUARTER = "13 weeks"
    HALF_YEAR = "26 weeks"
    YEAR = "12 months"
    THREE_YEARS = "36 months"

    @property
    def step(self) -> Step:
        """By what the time is divided."""
        return Step.WEEK if self.value.endswith("weeks") else Step.MONTH

    def since(self, now: datetime) -> datetime:
        """Return where the span begins that ends now."""
        n = int(self.value.split()[0])
        days = 7 * n if self.step is Step.WEEK else 365 * n // 12
        return datetime.combine(self.step.begin(now - timedelta(days=days)), time(), UTC)
