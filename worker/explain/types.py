"""What an explanation is, as plain data for ``result.json`` and for pictures."""

from dataclasses import dataclass
from enum import StrEnum


class PartKind(StrEnum):
    """What a part of the heart is; its index is a slice (0 at the base), AHA segment or phase."""

    SLICE = "slice"
    SEGMENT = "segment"
    PHASE = "phase"


@dataclass(frozen=True, slots=True)
class Part:
    """What a value owes to one part.

    Attributes
    ----------
    index
        Segment 0 is everything in slices that have no AHA segments.
    own
        What the part itself gives, in the value's unit. The slices' add up to the value, and so do
        the segments'; of a greatest thickness the largest is the value. None for phases.
    without
        The value from the rest: slices as if the image had not been acquired (its neighbours close
        the gap), segments as if they were no part of the ventricle, phases with the next best
        phase. None where the rest gives no value.
    """

    kind: PartKind
    index: int
    own: float | None
    without: float | None


@dataclass(frozen=True, slots=True)
class Hidden:
    """The value after the pixels of a part were replaced by their mean, and the tower ran again.

    Attributes
    ----------
    value
        With the new contours of both phases; None when no heart was found.
    through_ed, through_es
        With the new contours of one phase and the old ones of the other.
    """

    kind: PartKind
    index: int
    value: float | None
    through_ed: float | None
    through_es: float | None


@dataclass(frozen=True, slots=True)
class Occlusion:
    """How the value answers to the images.

    Attributes
    ----------
    unhidden
        The value of the same run with nothing hidden: end-diastole and end-systole alone, cut to
        the heart. It may differ a little from the reported one, and is what to compare with.
    n_passes
        How often the tower looked at the two phases.
    """

    unhidden: float
    parts: tuple[Hidden, ...]
    n_passes: int

    def moved(self, part: Hidden) -> float | None:
        """Return how far hiding a part moved the value; None when no heart was found."""
        return None if part.value is None else part.value - self.unhidden


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the first finding of a study rests on, or without a finding the LV ejection fraction.

    Attributes
    ----------
    finding, measurement
        Keys; ``finding`` is None when nothing was found.
    adds_up
        Whether the parts' own values add up to ``value``; if not, the largest is the value.
    parts
        Slices with heart, segments 1..16 (LV values only), end-diastole and end-systole.
    """

    finding: str | None
    measurement: str
    value: float
    unit: str
    adds_up: bool
    parts: tuple[Part, ...]
    occlusion: Occlusion | None = None

    def of(self, kind: PartKind) -> tuple[Part, ...]:
        """Return the parts of one kind, in the order of their indices."""
        return tuple(part for part in self.parts if part.kind is kind)
