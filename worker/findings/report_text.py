"""The deterministic text of a report in any language.

The same assessment gives the same text, letter for letter. Knows which sentence is said of what;
the sentences are made by ``sentences`` from the language's file. "Within the reference range" is
only said of values that were measured and have one; the word normal is not used of a heart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugin.domain.findings import (
    Assessment,
    Certainty,
    Finding,
    Measurement,
    NotAssessed,
    QualityNote,
)
from worker.findings.language import Language
from worker.findings.sentences import Sentences, by_key, graded, number_of, sides_of

_INFORMATION = frozenset(
    {
        "beat_too_few_phases",
        "beat_without_times",
        "sex_unknown",
        "age_unknown",
        "under_18",
        "other_field_strength",
        "no_body_size",
        "no_heart_rate",
        "base_at_edge",
        "wording_replaced",
        "pattern_without_size",
        "pattern_without_right",
        "pattern_without_wall",
        "pattern_without_table",
    }
)
"""Notes that say what is absent or usual; they do not put the numbers in doubt."""

_VENTRICLES = ("lv", "rv")
FRACTION = "lv_ejection_fraction"
_WALL = "maximal_wall_thickness"
_PARTS = (
    "ejection_fraction",
    "end_diastolic_volume",
    "end_systolic_volume",
    "stroke_volume",
    "mass",
)
_CIRCULATION = ("heart_rate", "cardiac_output")


def impression(
    say: Sentences,
    measurements: Mapping[str, Measurement],
    findings: Sequence[Finding],
    quality: Sequence[QualityNote],
    *,
    adult: bool,
) -> tuple[str, ...]:
    """Few sentences: what is stated, what is borderline, what else is out of range, what is not.

    The LV ejection fraction is always among them: readers look for it first.
    """
    certain = [one for one in findings if one.certainty is Certainty.PRESENT]
    unsure = [one for one in findings if one.certainty is Certainty.UNDETERMINED]
    lines = [say.finding(one, measurements[one.basis[0]]) for one in (*certain, *unsure)]
    stated = {key for finding in findings for key in finding.basis}
    outside = [say.outside(one) for one in graded(measurements) if one.key not in stated]
    lines += [sentence for sentence in outside if sentence is not None]
    lines += _within(say, measurements, stated)
    if adult:
        lines += _fraction(say, measurements, stated)
    else:
        fraction = say.with_interval(measurements[FRACTION])
        lines.append(say.language.say("sentences", "ungraded", measured=fraction))
    if any(puts_numbers_in_doubt(note) for note in quality):
        lines.append(say.language.say("sentences", "see_quality"))
    lines.append(say.language.say("sentences", "scope"))
    return tuple(lines)


def puts_numbers_in_doubt(note: QualityNote) -> bool:
    """Whether a note is about images or contours that the numbers may suffer from."""
    return note.key not in _INFORMATION


def _lying_within(
    side: str, measurements: Mapping[str, Measurement], stated: set[str]
) -> list[Measurement]:
    """Graded values of a ventricle if all lie within their ranges and no finding is about it."""
    own = [one for one in graded(measurements) if one.key.startswith(f"{side}_")]
    in_doubt = any(key.startswith(f"{side}_") for key in stated)
    return [] if in_doubt or any(sides_of(one) != {"within"} for one in own) else own


def _within(
    say: Sentences, measurements: Mapping[str, Measurement], stated: set[str]
) -> Iterator[str]:
    """Name each ventricle whose graded values all lie within their ranges."""
    tables = say.language.tables
    for side in _VENTRICLES:
        own = _lying_within(side, measurements, stated)
        if not own:
            continue
        values = (
            say.language.say(
                "values",
                "measured",
                name=tables["parts"][one.key.removeprefix(f"{side}_")],
                number=number_of(one),
                unit=say.language.unit(one.unit),
            )
            for one in own
        )
        yield say.language.say(
            "sentences",
            "within",
            ventricle=tables["structures"][side],
            values=tables["joins"]["pair"].join(values),
        )


def _fraction(
    say: Sentences, measurements: Mapping[str, Measurement], stated: set[str]
) -> Iterator[str]:
    """State the LV ejection fraction where nothing else has said it."""
    fraction = measurements[FRACTION]
    sides = sides_of(fraction)
    if FRACTION in stated or sides - {"within"} or _lying_within("lv", measurements, stated):
        return
    form = "within" if sides else "fact"
    yield say.language.say("written", form, fact=say.with_interval(fraction))


def narrative(
    say: Sentences,
    measurements: Mapping[str, Measurement],
    quality: Sequence[QualityNote],
    not_assessed: Sequence[NotAssessed],
) -> tuple[str, ...]:
    """Report text: values by ventricle, what is out of range, quality, what was not assessed."""
    language, joins = say.language, say.language.tables["joins"]
    groups = {side: [f"{side}_{part}" for part in _PARTS] for side in _VENTRICLES}
    lines = []
    for structure, keys in {**groups, "circulation": list(_CIRCULATION)}.items():
        shown = [text for key in keys if (text := _shown(say, key, measurements)) is not None]
        if shown:
            title = language.tables["structures"][structure]
            values = joins["values"].join(shown)
            lines.append(language.say("sentences", "group", structure=title, values=values))
    if _WALL in measurements:
        wall = say.measured(measurements[_WALL])
        lines.append(language.say("sentences", "wall", measured=wall))
    outside = (say.outside(one) for one in graded(measurements))
    lines += [sentence for sentence in outside if sentence is not None]
    lines += [say.note(one) for one in quality]
    names = joins["names"].join(say.not_assessed_name(one) for one in not_assessed)
    lines.append(language.say("sentences", "not_assessed", names=names))
    lines.append(language.say("sentences", "disclaimer"))
    return tuple(lines)


def _shown(say: Sentences, key: str, measurements: Mapping[str, Measurement]) -> str | None:
    """``LV end-diastolic volume 152 ml, 80 ml/m²``."""
    measurement = measurements.get(key)
    if measurement is None:
        return None
    text = say.measured(measurement)
    indexed = measurements.get("cardiac_index" if key == "cardiac_output" else f"{key}_index")
    pair = say.language.tables["joins"]["pair"]
    return text if indexed is None else f"{text}{pair}{say.value(indexed)}"


@dataclass(frozen=True, slots=True)
class ReportText:
    """All sentences of one report in one language, in the order of the assessment's parts."""

    language: str
    impression: tuple[str, ...]
    narrative: tuple[str, ...]
    findings: tuple[str, ...]
    not_assessed: tuple[str, ...]
    quality: tuple[str, ...]
    strata: tuple[str, ...]
    pattern: tuple[str, ...]
    priority: str

    def lines(self) -> tuple[str, ...]:
        """Every sentence once, in reading order."""
        parts = (
            self.impression,
            self.narrative,
            self.findings,
            self.strata,
            self.pattern,
            self.quality,
            self.not_assessed,
        )
        return tuple(dict.fromkeys((*(line for part in parts for line in part), self.priority)))


def report_text(assessment: Assessment, language: Language) -> ReportText:
    """Say an assessment in a language; in English this is the text that the assessment holds."""
    say = Sentences(language)
    whole = by_key(assessment.measurements)
    adult = not any(note.key == "under_18" for note in assessment.quality)
    return ReportText(
        language.code,
        impression(say, whole, assessment.findings, assessment.quality, adult=adult),
        narrative(say, whole, assessment.quality, assessment.not_assessed),
        tuple(say.finding(one, whole[one.basis[0]]) for one in assessment.findings),
        tuple(say.not_assessed(one) for one in assessment.not_assessed),
        tuple(say.note(one) for one in assessment.quality),
        tuple(say.stratum(one, whole[one.basis[0]]) for one in assessment.strata),
        () if assessment.pattern is None else (say.pattern(assessment.pattern),),
        say.priority(assessment.priority, whole),
    )
