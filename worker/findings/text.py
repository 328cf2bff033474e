"""Impression and narrative: fixed sentences around measured numbers.

The same assessment gives the same text, letter for letter. No sentence holds a number that is not a
measurement, its interval or a printed reference limit. "Normal" is only said of values that were
measured and have a reference range.
"""

from collections.abc import Mapping

from plugin.domain.findings import Certainty, Finding, Measurement, QualityNote
from worker.findings.not_assessed import NOT_ASSESSED
from worker.findings.wording import range_for_people, value_with_interval, value_with_unit

DISCLAIMER = "AI, not verified by a physician, not for diagnosis."

_INFORMATION = frozenset(
    {"sex_unknown", "age_unknown", "under_18", "no_body_size", "no_heart_rate", "base_at_edge"}
)
"""Notes that say what is absent or usual; they do not put the numbers in doubt."""

_NARRATIVE_KEYS = (
    ("Left ventricle", ("lv_ejection_fraction", "lv_end_diastolic_volume", "lv_end_systolic_volume",
                        "lv_stroke_volume", "lv_mass")),
    ("Right ventricle", ("rv_ejection_fraction", "rv_end_diastolic_volume",
                         "rv_end_systolic_volume", "rv_stroke_volume")),
    ("Circulation", ("heart_rate", "cardiac_output", "cardiac_index")),
)  # fmt: skip


def _shown(key: str, measurements: Mapping[str, Measurement]) -> str | None:
    """``LV end-diastolic volume 152 ml, 80 ml/m²``."""
    measurement = measurements.get(key)
    if measurement is None:
        return None
    text = f"{measurement.name} {value_with_unit(measurement)}"
    indexed = measurements.get(f"{key}_index")
    return text if indexed is None else f"{text}, {value_with_unit(indexed)}"


def _outside(measurements: Mapping[str, Measurement]) -> list[str]:
    """Sentences on values outside the reference range of every population shown."""
    sentences = []
    for measurement in measurements.values():
        sides = {normal.side(measurement.value) for normal in measurement.normal_ranges}
        if len(sides) != 1 or sides == {"within"}:
            continue
        ranges = " or ".join(
            range_for_people(normal, measurement.unit) for normal in measurement.normal_ranges
        )
        sentences.append(
            f"{measurement.name} {value_with_unit(measurement)} is {sides.pop()} the reference "
            f"range of {ranges}."
        )
    return sentences


def _normal_sentence(measurements: Mapping[str, Measurement]) -> str | None:
    """Say so when all that was measured lies within its range for every population shown."""
    graded = [one for one in measurements.values() if one.normal_ranges]
    if not graded or any(
        normal.side(one.value) != "within" for one in graded for normal in one.normal_ranges
    ):
        return None
    sides = (
        "Left and right ventricular"
        if "rv_ejection_fraction" in measurements
        else ("Left ventricular")
    )
    mass = " and LV mass" if "lv_mass_index" in measurements else ""
    return (
        f"{sides} volumes and ejection fraction{mass} are within their reference ranges "
        f"({_named_value('lv_ejection_fraction', measurements)})."
    )


def _named_value(key: str, measurements: Mapping[str, Measurement]) -> str:
    """``LV ejection fraction 61 %``."""
    return f"{measurements[key].name} {value_with_unit(measurements[key])}"


def impression(
    measurements: Mapping[str, Measurement],
    findings: tuple[Finding, ...],
    quality: tuple[QualityNote, ...],
    *,
    adult: bool,
) -> tuple[str, ...]:
    """Few sentences, the surest statements first."""
    present = [one.sentence for one in findings if one.certainty is Certainty.PRESENT]
    borderline = [one.sentence for one in findings if one.certainty is Certainty.UNDETERMINED]
    lines = [*present, *borderline]
    if not adult:
        lines.append(
            f"{value_with_interval(measurements['lv_ejection_fraction'])}; under 18 years nothing "
            "is graded."
        )
    elif not lines:
        normal = _normal_sentence(measurements)
        lines.append(
            normal
            or f"{value_with_interval(measurements['lv_ejection_fraction'])}; no rule for an "
            "abnormal finding is met, but not every value lies within its reference range."
        )
    if any(note.key not in _INFORMATION for note in quality):
        lines.append("See the notes on quality before using these numbers.")
    lines.append("Only the short-axis cine was measured; see what was not assessed.")
    return tuple(lines)


def narrative(
    measurements: Mapping[str, Measurement], quality: tuple[QualityNote, ...]
) -> tuple[str, ...]:
    """Report text: values by ventricle, what is out of range, quality, what was not assessed."""
    lines = []
    for title, keys in _NARRATIVE_KEYS:
        shown = [text for key in keys if (text := _shown(key, measurements)) is not None]
        if shown:
            lines.append(f"{title}: {'; '.join(shown)}.")
    wall = measurements.get("maximal_wall_thickness")
    if wall is not None:
        lines.append(f"{wall.name} {value_with_unit(wall)} at end-diastole.")
    lines += _outside(measurements)
    lines += [note.sentence for note in quality]
    lines += [one.sentence for one in NOT_ASSESSED]
    lines.append(DISCLAIMER)
    return tuple(lines)
