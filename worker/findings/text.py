"""Impression and narrative: fixed sentences around measured numbers.

The same assessment gives the same text, letter for letter. No sentence holds a number that is not a
measurement, its interval or a printed limit. "Within the reference range" is only said of values
that were measured and have one; the word normal is not used of a heart.
"""

from collections.abc import Iterator, Mapping

from plugin.domain.findings import Certainty, Finding, Measurement, QualityNote
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.wording import range_for_people, value_with_interval, value_with_unit

DISCLAIMER = "AI, not verified by a physician, not for diagnosis."

_INFORMATION = frozenset(
    {
        "sex_unknown",
        "age_unknown",
        "under_18",
        "other_field_strength",
        "no_body_size",
        "no_heart_rate",
        "base_at_edge",
    }
)
"""Notes that say what is absent or usual; they do not put the numbers in doubt."""

_VENTRICLES = {"lv": "Left ventricle", "rv": "Right ventricle"}
_WALL = "maximal_wall_thickness"
_PARTS = (
    "ejection_fraction",
    "end_diastolic_volume",
    "end_systolic_volume",
    "stroke_volume",
    "mass",
)
_CIRCULATION = ("heart_rate", "cardiac_output")


def _shown(key: str, measurements: Mapping[str, Measurement]) -> str | None:
    """``LV end-diastolic volume 152 ml, 80 ml/m²``."""
    measurement = measurements.get(key)
    if measurement is None:
        return None
    text = f"{measurement.name} {value_with_unit(measurement)}"
    indexed = measurements.get("cardiac_index" if key == "cardiac_output" else f"{key}_index")
    return text if indexed is None else f"{text}, {value_with_unit(indexed)}"


def _graded(measurements: Mapping[str, Measurement]) -> Iterator[Measurement]:
    """Measurements with a reference range; the absolute one only where its index has none."""
    for key, measurement in measurements.items():
        indexed = measurements.get(f"{key}_index")
        if measurement.normal_ranges and not (indexed is not None and indexed.normal_ranges):
            yield measurement


def _sides(measurement: Measurement) -> set[str]:
    return {normal.side(measurement.value) for normal in measurement.normal_ranges}


def _outside_sentence(measurement: Measurement) -> str | None:
    """Say that a value is outside the range of every population shown, or of one of the two."""
    sides = _sides(measurement) - {"within"}
    if not sides:
        return None
    outside = [
        normal for normal in measurement.normal_ranges if normal.side(measurement.value) in sides
    ]
    ranges = " and of ".join(range_for_people(normal, measurement.unit) for normal in outside)
    return (
        f"{measurement.name} {value_with_unit(measurement)} is {' or '.join(sorted(sides))} the "
        f"reference range of {ranges}."
    )


def _within_sentences(
    measurements: Mapping[str, Measurement], findings: tuple[Finding, ...]
) -> Iterator[str]:
    """Name each ventricle whose graded values all lie within their ranges."""
    stated = {key for finding in findings for key in finding.basis}
    for side, title in _VENTRICLES.items():
        graded = [one for one in _graded(measurements) if one.key.startswith(f"{side}_")]
        in_doubt = any(key.startswith(f"{side}_") for key in stated)
        if not graded or in_doubt or any(_sides(one) != {"within"} for one in graded):
            continue
        values = ", ".join(
            f"{one.name.removeprefix(side.upper()).strip()} {value_with_unit(one)}"
            for one in graded
        )
        yield f"{title} within the reference ranges: {values}."


def impression(
    measurements: Mapping[str, Measurement],
    findings: tuple[Finding, ...],
    quality: tuple[QualityNote, ...],
    *,
    adult: bool,
) -> tuple[str, ...]:
    """Few sentences: what is stated, what is borderline, what else is out of range, what is not."""
    lines = [one.sentence for one in findings if one.certainty is Certainty.PRESENT]
    lines += [one.sentence for one in findings if one.certainty is Certainty.UNDETERMINED]
    stated = {key for finding in findings for key in finding.basis}
    outside = [_outside_sentence(one) for one in _graded(measurements) if one.key not in stated]
    lines += [sentence for sentence in outside if sentence is not None]
    lines += _within_sentences(measurements, findings)
    if not adult:
        fraction = value_with_interval(measurements["lv_ejection_fraction"])
        lines.append(f"{fraction}; under 18 years nothing is graded.")
    if any(note.key not in _INFORMATION for note in quality):
        lines.append("See the notes on quality before using these numbers.")
    lines.append("Only the short-axis cine was measured; see what was not assessed.")
    return tuple(lines)


def narrative(
    measurements: Mapping[str, Measurement], quality: tuple[QualityNote, ...]
) -> tuple[str, ...]:
    """Report text: values by ventricle, what is out of range, quality, what was not assessed."""
    lines = []
    groups = {title: [f"{side}_{part}" for part in _PARTS] for side, title in _VENTRICLES.items()}
    for title, keys in {**groups, "Circulation": list(_CIRCULATION)}.items():
        shown = [text for key in keys if (text := _shown(key, measurements)) is not None]
        if shown:
            lines.append(f"{title}: {'; '.join(shown)}.")
    if _WALL in measurements:
        wall = measurements[_WALL]
        lines.append(f"{wall.name} {value_with_unit(wall)} at end-diastole.")
    outside = (_outside_sentence(one) for one in _graded(measurements))
    lines += [sentence for sentence in outside if sentence is not None]
    lines += [note.sentence for note in quality]
    lines.append(f"Not assessed: {', '.join(one.code.meaning for one in NOT_ASSESSED)}.")
    lines.append(DISCLAIMER)
    return tuple(lines)
