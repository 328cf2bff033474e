"""A result beside the earlier ones of the same person: which values changed, and by how much.

Plain immutable data. Who finds earlier results is ``plugin.registry.earlier``, who compares is
``worker.findings.compare``. A change is stated as a number beside the uncertainty of both values;
what it means for the patient is not said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

COMPARED: tuple[str, ...] = (
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_diastolic_volume_index",
    "lv_end_systolic_volume",
    "lv_end_systolic_volume_index",
    "lv_stroke_volume",
    "lv_stroke_volume_index",
    "lv_mass",
    "lv_mass_index",
    "maximal_wall_thickness",
    "rv_ejection_fraction",
    "rv_end_diastolic_volume",
    "rv_end_diastolic_volume_index",
    "rv_end_systolic_volume",
    "rv_end_systolic_volume_index",
    "rv_stroke_volume",
    "rv_stroke_volume_index",
)
"""Keys of what is compared with an earlier result, in the order in which it is told."""


class Verdict(StrEnum):
    """A difference beside what two measurements of an unchanged heart may differ by."""

    BEYOND = "beyond_uncertainty"
    WITHIN = "within_uncertainty"
    UNKNOWN = "uncertainty_unknown"


class Obstacle(StrEnum):
    """Why an earlier result, or one value of it, is not compared; also the key of its sentence."""

    OTHER_PERSON = "other_person"
    IDENTITY_UNCONFIRMED = "identity_unconfirmed"
    UNREADABLE = "unreadable"
    NOT_EARLIER = "not_earlier"
    ORDER_UNKNOWN = "order_unknown"
    SAME_STUDY = "same_study"
    UNRELATED = "unrelated"
    NOTHING_IN_COMMON = "nothing_in_common"


@dataclass(frozen=True, slots=True)
class Change:
    """One value of this study beside that of the latest earlier one.

    Attributes
    ----------
    now, before
        In ``unit``, with one decimal, as the report prints values; so the difference is that of the
        printed numbers.
    limit
        What two measurements of an unchanged heart rarely differ by (``worker.findings.compare``),
        in ``unit``; None where the uncertainty of either is not known.
    """

    key: str
    unit: str
    now: float
    before: float
    limit: float | None

    @property
    def difference(self) -> float:
        """Value of this study minus the earlier one."""
        return round(self.now - self.before, 1) + 0.0  # never -0.0

    @property
    def verdict(self) -> Verdict:
        """How the difference stands to the uncertainty of both."""
        if self.limit is None:
            return Verdict.UNKNOWN
        return Verdict.BEYOND if abs(self.difference) > self.limit else Verdict.WITHIN


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """One earlier result that could be read.

    Attributes
    ----------
    day
        Of the study, ``YYYY-MM-DD``; ``days`` before this one, 0 on the same day.
    job_id
        Of its analysis in this installation; empty where a person gave it as a folder.
    made_by
        Bundle and software that measured it; ``same_version`` as this one.
    is_doubtful
        A note of its report put its numbers in doubt.
    values
        By measurement key, in the unit of the definition, only what may be compared.
    """

    day: str
    days: int
    job_id: str
    made_by: str
    same_version: bool
    is_doubtful: bool
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What earlier results say beside this one.

    Attributes
    ----------
    results
        Oldest first; the last one is what ``changes`` compare with.
    defined_otherwise
        Keys of values that the latest earlier result has by another definition or in another unit.
    obstacles
        Why further results were not compared, each once.
    """

    results: tuple[EarlierResult, ...] = ()
    changes: tuple[Change, ...] = ()
    defined_otherwise: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def latest(self) -> EarlierResult | None:
        """The result that is compared with; None where there is none."""
        return self.results[-1] if self.results else None

    def with_verdict(self, verdict: Verdict) -> tuple[Change, ...]:
        """Return the changes of one verdict."""
        return tuple(one for one in self.changes if one.verdict is verdict)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``dataclasses.asdict`` gave."""
        return cls(
            tuple(EarlierResult(**one) for one in raw["results"]),
            tuple(Change(**one) for one in raw["changes"]),
            tuple(raw["defined_otherwise"]),
            tuple(Obstacle(one) for one in raw["obstacles"]),
        )


@dataclass(frozen=True, slots=True)
class Changed:
    """What a triage policy may look at of one change.

    Attributes
    ----------
    is_beyond
        Whether it is more than the uncertainty of both; None where that is not known.
    days
        Between the two studies.
    """

    difference: float
    unit: str
    is_beyond: bool | None
    days: int


def changed(comparison: Comparison | None) -> dict[str, Changed]:
    """Return by key what changed since the latest earlier result; empty without one."""
    if comparison is None or comparison.latest is None:
        return {}
    days = comparison.latest.days
    known = {Verdict.BEYOND: True, Verdict.WITHIN: False, Verdict.UNKNOWN: None}
    return {
        one.key: Changed(one.difference, one.unit, known[one.verdict], days)
        for one in comparison.changes
    }
