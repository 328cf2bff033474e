"""The roles that a series can play in a cardiac MR study."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a series shows; exactly one per series."""

    SHORT_AXIS_CINE = "short_axis_cine"
    TWO_CHAMBER_CINE = "two_chamber_cine"
    THREE_CHAMBER_CINE = "three_chamber_cine"
    FOUR_CHAMBER_CINE = "four_chamber_cine"
    LGE = "lge"
    T1_MAP = "t1_map"
    T2_MAP = "t2_map"
    PERFUSION = "perfusion"
    FLOW = "flow"
    LOCALISER = "localiser"
    OTHER = "other"


CINE_ROLES = frozenset(
    {
        Role.SHORT_AXIS_CINE,
        Role.TWO_CHAMBER_CINE,
        Role.THREE_CHAMBER_CINE,
        Role.FOUR_CHAMBER_CINE,
    }
)


@dataclass(frozen=True, slots=True)
class SeriesRole:
    """The role of one series; ``reason`` is a sentence that tells what it was recognised by."""

    series_instance_uid: str
    role: Role
    reason: str
    n_instances: int
