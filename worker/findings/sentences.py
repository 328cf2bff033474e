"""Single sentences about a heart in any language: numbers put into the sentences of a file.

No sentence holds a number that is not a measurement, its interval or a printed limit. Knows what
one statement needs; which statements a report makes is decided in ``report_text``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from plugin.domain.findings import (
    Certainty,
    Finding,
    Measurement,
    NormalRange,
    NotAssessed,
    PatternEstimate,
    Priority,
    PriorityReason,
    PrioritySuggestion,
    QualityNote,
    ReasonKind,
    Stratum,
)
from plugin.domain.rounding import rounded_beside
from plugin.domain.triage import Outcome
from worker.findings.definitions import DEFINITIONS, SEGMENT_KEYS, SEGMENT_NAMES
from worker.findings.language import Language, load_language
from worker.findings.limits import JUDGED_BY

_ENGLISH = load_language("en")


def digits(key: str, value: float) -> str:
    """Value with the digits of its definition, without unit."""
    return f"{value:.{DEFINITIONS[key].decimals}f}"


def number_of(measurement: Measurement) -> str:
    """Value as it is printed: with more digits where fewer would put it on or across a limit."""
    ends = (end for normal in measurement.normal_ranges for end in (normal.low, normal.high))
    limits = (*JUDGED_BY.get(measurement.key, ()), *(end for end in ends if end is not None))
    return rounded_beside(measurement.value, DEFINITIONS[measurement.key].decimals, limits)


def by_key(measurements: Iterable[Measurement]) -> dict[str, Measurement]:
    """Measurements of the whole heart by key."""
    return {one.key: one for one in measurements if one.segment is None}


def graded(measurements: Mapping[str, Measurement]) -> Iterator[Measurement]:
    """Measurements with a reference range; the absolute one only where its index has none."""
    for key, measurement in measurements.items():
        indexed = measurements.get(f"{key}_index")
        if measurement.normal_ranges and not (indexed is not None and indexed.normal_ranges):
            yield measurement


def sides_of(measurement: Measurement) -> set[str]:
    """On which sides of the ranges of its populations a value lies."""
    return {normal.side(measurement.value) for normal in measurement.normal_ranges}


def _name(language: Language, key: str, segment: int | None) -> str:
    name = language.tables["measurements"][key]
    if segment is None:
        return name
    place = language.tables["segments"][str(segment)]
    return language.say("segments", "name", measurement=name, segment=place)


def _named_in(english: str) -> Iterator[tuple[str, int | None]]:
    """Measurements in an English list of names; longer names first, they hold the shorter ones."""
    known = {_name(_ENGLISH, key, None): (key, None) for key in DEFINITIONS} | {
        _name(_ENGLISH, key, segment): (key, segment)
        for key in SEGMENT_KEYS
        for segment in SEGMENT_NAMES
    }
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return (known[match[0]] for match in re.finditer(names, english))


@dataclass(frozen=True, slots=True, eq=False)
class Sentences:
    """Says what is known of a heart in one language."""

    language: Language

    def name(self, measurement: Measurement) -> str:
        """``LV ejection fraction``; a segment's value says which segment."""
        return _name(self.language, measurement.key, measurement.segment)

    def value(self, measurement: Measurement) -> str:
        """``152 ml``."""
        return f"{number_of(measurement)}{self.language.unit(measurement.unit)}"

    def measured(self, measurement: Measurement, number: str | None = None) -> str:
        """``LV mass 120 g``; ``number`` where the value is written otherwise than usual."""
        return self.language.say(
            "values",
            "measured",
            name=self.name(measurement),
            number=number or number_of(measurement),
            unit=self.language.unit(measurement.unit),
        )

    def with_interval(self, measurement: Measurement) -> str:
        """``LV ejection fraction 34 % (28 to 40 %)``; the interval is about 90 %."""
        if measurement.interval is None:
            return self.measured(measurement)
        number = number_of(measurement)
        decimals = len(number.partition(".")[2])
        low, high = (f"{end:.{decimals}f}" for end in measurement.interval)
        return self.language.say(
            "values",
            "with_interval",
            name=self.name(measurement),
            number=number,
            unit=self.language.unit(measurement.unit),
            low=low,
            high=high,
        )

    def reference_range(self, normal: NormalRange, unit: str) -> str:
        """``52 to 73 % (men)``; field strength and method stay in the range itself."""
        population = normal.population.split(",")[0]
        places = {
            "unit": self.language.unit(unit),
            "population": self.language.tables["populations"].get(population, population),
        }
        if normal.low is not None:
            places["low"] = f"{normal.low:g}"
        if normal.high is not None:
            places["high"] = f"{normal.high:g}"
        form = "or_more" if normal.high is None else "up_to" if normal.low is None else "between"
        return self.language.say("values", form, **places)

    def statement(self, finding: Finding) -> str:
        """``mildly reduced left ventricular systolic function``."""
        graded_key = f"{finding.key} {finding.grade}"
        known = finding.grade is not None and self.language.has("statements", graded_key)
        return self.language.tables["statements"][graded_key if known else finding.key]

    def finding(self, finding: Finding, measurement: Measurement) -> str:
        """Sentence of a finding with the value that it rests on."""
        form = "present" if finding.certainty is Certainty.PRESENT else "undetermined"
        return self.language.say(
            "sentences",
            form,
            measured=self.with_interval(measurement),
            statement=self.statement(finding),
        )

    def stratum(self, stratum: Stratum, measurement: Measurement) -> str:
        """Say in which printed band a value lies, and whom that band is printed for."""
        sure = stratum.certainty is Certainty.PRESENT
        return self.language.say(
            "sentences",
            "stratum" if sure else "stratum_undetermined",
            measured=self.with_interval(measurement),
            band=self.language.tables["strata"][stratum.key],
        )

    def cited(self, stratum: Stratum) -> str:
        """Return the sentence of a stratum, in whatever language it is, with its printed source."""
        return self.language.say(
            "sentences", "cited", sentence=stratum.sentence, source=stratum.source
        )

    def pattern(self, estimate: PatternEstimate) -> str:
        """Say which group of patients the measured pattern resembles, how surely and by whom."""
        names = [self.language.tables["patterns"][key] for key in estimate.candidates]
        places = {"n_patients": str(estimate.n_patients)}
        if not names:
            return self.language.say("sentences", "pattern_none", **places)
        if estimate.confidence_percent is None:
            joined = self.language.tables["joins"]["groups"].join(names)
            return self.language.say("sentences", "pattern_several", patterns=joined, **places)
        return self.language.say(
            "sentences",
            "pattern",
            pattern=names[0],
            confidence=str(estimate.confidence_percent),
            **places,
        )

    def outside(self, measurement: Measurement) -> str | None:
        """Say that a value is outside the range of every population shown, or of one of the two."""
        sides = sides_of(measurement) - {"within"}
        if not sides:
            return None
        joins = self.language.tables["joins"]
        outside = [
            normal
            for normal in measurement.normal_ranges
            if normal.side(measurement.value) in sides
        ]
        return self.language.say(
            "sentences",
            "outside",
            measured=self.measured(measurement),
            sides=joins["sides"].join(self.language.tables["sides"][one] for one in sorted(sides)),
            ranges=joins["ranges"].join(
                self.reference_range(normal, measurement.unit) for normal in outside
            ),
        )

    def not_assessed(self, thing: NotAssessed) -> str:
        """Sentence of what was not looked at; that of the assessment where the file has none."""
        return self.language.tables["not_assessed"].get(thing.key, thing.sentence)

    def not_assessed_name(self, thing: NotAssessed) -> str:
        """Name of what was not looked at, as it stands in a list."""
        return self.language.tables["not_assessed_names"].get(thing.key, thing.code.meaning)

    def note(self, note: QualityNote) -> str:
        """Sentence of a note; its numbers are read from the English sentence it came with.

        A note whose sentence this version does not know is given as it came.
        """
        if not _ENGLISH.has("quality", note.key):
            return note.sentence
        places = _ENGLISH.read("quality", note.key, note.sentence)
        if places is None:
            return note.sentence
        if "problem" in places:
            key = _ENGLISH.key_of("problems", places["problem"])
            if key is not None:
                places["problem"] = self.language.tables["problems"][key]
        if "names" in places:
            places["names"] = self._names(places["names"])
        return self.language.say("quality", note.key, **places)

    def _names(self, english: str) -> str:
        """Names of measurements in a row, from those that an English sentence lists."""
        own = [_name(self.language, key, segment) for key, segment in _named_in(english)]
        return self.language.tables["joins"]["names"].join(own)

    def priority(
        self, suggestion: PrioritySuggestion, measurements: Mapping[str, Measurement]
    ) -> str:
        """Sentence of the suggested priority with what it rests on."""
        joins, reasons = self.language.tables["joins"], suggestion.reasons
        if not reasons:
            return self.language.tables["priority"]["none"]
        if suggestion.rule == Outcome.NEAR:
            near = (self._reason("near_reason", one, measurements) for one in reasons)
            return self.language.say("priority", "near", reasons=joins["pair"].join(near))
        said = joins["reasons"].join(
            dict.fromkeys(self._reason("reason", one, measurements) for one in reasons)
        )
        if suggestion.level is Priority.ROUTINE:
            return self.language.say("priority", "review", reasons=said)
        level = self.language.tables["priority"][suggestion.level.value]
        return self.language.say("priority", "promoted", level=level, reasons=said)

    def _reason(
        self, form: str, reason: PriorityReason, measurements: Mapping[str, Measurement]
    ) -> str:
        if reason.kind is not ReasonKind.MEASUREMENT:
            words = self.priority_words(reason)
            if form == "near_reason":
                return words
            return self.language.say("priority", "other_reason", words=words, source=reason.source)
        measurement = measurements[reason.key]
        limits = () if reason.threshold is None else (reason.threshold,)
        number = rounded_beside(measurement.value, DEFINITIONS[reason.key].decimals, limits)
        return self.priority_limit(form, reason, self.measured(measurement, number))

    def priority_limit(self, form: str, reason: PriorityReason, measured: str = "") -> str:
        """Say the limit of a policy behind what was measured; ``form`` is a key of ``priority``."""
        return self.language.say(
            "priority",
            form,
            measured=measured,
            side=self.language.tables["priority"][reason.side],
            threshold=f"{reason.threshold:g}",
            unit=self.language.unit(DEFINITIONS[reason.key].unit),
            source=reason.source,
        )

    def priority_words(self, reason: PriorityReason) -> str:
        """Say what a policy looked at besides numbers: ``the order speaks of chest pain``."""
        words = self.language.tables["priority_reasons"]
        match reason.kind:
            case ReasonKind.FINDING:
                return self.language.tables["statements"][reason.key]
            case ReasonKind.CHANGE:
                return self._change_words(reason)
            case ReasonKind.TEXT:
                return words["text"].format(flag=words[reason.key])
            case ReasonKind.PATIENT_CLASS:
                return words["patient_class"].format_map({"class": words[reason.key]})
            case ReasonKind.ORDER:
                return words["order"].format(priority=words[reason.key])
            case ReasonKind.WAITING:
                return words["waiting"].format(minutes=f"{reason.threshold:g}")
            case _:
                return words[reason.key]

    def _change_words(self, reason: PriorityReason) -> str:
        """``LV ejection fraction fell by 10 percentage points or more ...``."""
        words = self.language.tables["priority_reasons"]
        unit = DEFINITIONS[reason.key].unit
        points = self.language.tables["earlier"]["points"]
        since = words["since_earlier" if reason.within_days is None else "since_days"]
        return words[reason.side].format(
            name=self.language.tables["measurements"][reason.key],
            amount=f"{reason.threshold:g}{points if unit == '%' else self.language.unit(unit)}",
            since=since.format(days=reason.within_days),
        )
