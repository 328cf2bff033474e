"""The series of an analysed study and what became of them, as its page shows them.

Reads what ``result.json`` tells of series, of the measured stack and of further views. Which roles
and reasons there are is the worker's; their names for people are here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROLE_NAMES: Mapping[str, str] = {
    "short_axis_cine": "Short-axis cine",
    "two_chamber_cine": "Two-chamber cine",
    "three_chamber_cine": "Three-chamber cine",
    "four_chamber_cine": "Four-chamber cine",
    "lge": "Late enhancement",
    "t1_map": "T1 map",
    "t2_map": "T2 map",
    "perfusion": "Perfusion",
    "flow": "Flow",
    "localiser": "Localiser",
    "other": "Other",
}
"""Roles of a series in the order in which they are shown."""
LEFT_OUT: Mapping[str, str] = {
    "no_geometry": "its images do not tell where they lie",
    "other_frame_of_reference": "it has another frame of reference than the short axis",
    "beside_the_heart": "no image meets the left ventricle",
    "unreadable_pixels": "its images cannot be decoded",
    "another_was_read": "another series of this view was taken",
}
"""Why a further view was not read."""
_MEASURED = "short_axis_cine"
_NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """All series of one role: how many, of how many images, and what became of them."""

    name: str
    n_series: int
    n_images: int
    outcome: str
    is_measured: bool


def series_lines(raw: Mapping[str, Any]) -> tuple[SeriesLine, ...]:
    """Return a line for each role that a series of the study plays.

    Parameters
    ----------
    raw
        The content of ``result.json``.

    Raises
    ------
    KeyError, TypeError
        For a file of another version.
    """
    found = raw["series"]
    lines = []
    for role, name in ROLE_NAMES.items():
        own = [one for one in found if one["role"] == role]
        if own:
            n_images = sum(int(one["n_instances"]) for one in own)
            is_measured = role == _MEASURED
            readings = [one for one in raw["views"] if one["role"] == role]
            outcome = _stack(raw["stack"]) if is_measured else _reading(readings)
            lines.append(SeriesLine(name, len(own), n_images, outcome, is_measured))
    return tuple(lines)


def _stack(stack: Mapping[str, Any]) -> str:
    return f"measured: {stack['n_slices']} slices, {stack['n_phases']} phases"


def _reading(readings: Sequence[Mapping[str, Any]]) -> str:
    """Tell whether the language model read images of a view; nothing is measured in them."""
    n_images = sum(int(one["n_images"]) for one in readings)
    if n_images:
        images = "1 image" if n_images == 1 else f"{n_images} images"
        return f"{images} read by the language model, nothing measured"
    reasons = [LEFT_OUT[one["left_out"]] for one in readings if one["left_out"] in LEFT_OUT]
    return f"not read: {'; '.join(dict.fromkeys(reasons))}" if reasons else _NOT_LOOKED_AT
