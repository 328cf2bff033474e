"""Facts from an assessment: what a text may say, with which words, and what its slots print.

The order of the facts depends on the assessment alone, so ids mean the same in every language.
Nothing is judged here: sides come from the reference ranges, grades and certainty from the findings
that the rules made. The causes to consider follow from the pattern of findings by a table; they are
what a reader thinks of, never a diagnosis.

References
----------
Patterns: Arbelo E et al., Eur Heart J 2023;44:3503-3626 (ESC cardiomyopathies: dilated and
hypertrophic phenotype, their causes and mimics); Humbert M et al., Eur Heart J 2022;43:3618-3731
(ESC/ERS pulmonary hypertension); which pattern brings which cause to mind is this project's choice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from plugin.domain.evidence import MAXIMUM_FACTS, Evidence, Fact, FactKind
from plugin.domain.findings import Assessment, Certainty, Finding, Measurement, Priority
from worker.findings.beat_definitions import BEAT_DEFINITIONS
from worker.findings.language import Language
from worker.findings.sentences import Sentences, by_key, number_of, sides_of
from worker.findings.written import load_phrases
from worker.model.language.vocabulary import LANGUAGES

_FINDING_TERMS = {
    "lv_systolic_dysfunction": ("reduced", "left"),
    "lv_dilation": ("dilated", "left"),
    "lv_hypertrophy": ("mass", "above", "left"),
    "rv_dilation": ("dilated", "right"),
    "rv_systolic_dysfunction": ("reduced", "right"),
    "lv_wall_thickening": ("thick", "left"),
}
_GRADE_TERMS = {
    "mildly reduced": ("mildly",),
    "severely reduced": ("severely",),
    "massive": ("massive",),
}


_OF_THE_MOTION = frozenset(one.key for one in BEAT_DEFINITIONS)
"""Stand in the report; a language model has not learnt to speak of them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Causes that come to mind when ``present`` are all stated and none of ``absent`` is."""

    present: tuple[str, ...]
    absent: tuple[str, ...]
    causes: tuple[str, ...]


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        ("lv_systolic_dysfunction", "lv_dilation"),
        ("lv_wall_thickening",),
        ("dilated_cardiomyopathy", "ischaemic_heart_disease", "myocarditis", "valve_disease"),
    ),
    Pattern(
        ("lv_systolic_dysfunction",),
        ("lv_dilation", "lv_wall_thickening"),
        ("ischaemic_heart_disease", "myocarditis"),
    ),
    Pattern(
        ("lv_wall_thickening",),
        (),
        (
            "hypertrophic_cardiomyopathy",
            "hypertensive_heart_disease",
            "aortic_stenosis",
            "cardiac_amyloidosis",
        ),
    ),
    Pattern(
        ("lv_dilation",),
        ("lv_systolic_dysfunction",),
        ("valve_disease", "athletes_heart"),
    ),
    Pattern(
        ("rv_dilation",),
        (),
        ("pulmonary_hypertension", "left_to_right_shunt", "arrhythmogenic_cardiomyopathy"),
    ),
    Pattern(
        ("rv_systolic_dysfunction",),
        ("rv_dilation",),
        ("pulmonary_hypertension", "arrhythmogenic_cardiomyopathy"),
    ),
)


def make_evidence(assessment: Assessment, language: Language) -> Evidence:
    """Return the facts of an assessment in a language, at most 64.

    Measurements of the whole heart, findings, rules, priority, causes to consider, scope and what
    was not assessed are always there; quality notes beyond the room left, and of the AHA segments
    all but the thickest and the thinnest, stand in the deterministic report only.
    """
    say = Sentences(language)
    facts = [
        *_measurement_facts(assessment, say),
        *_finding_facts(assessment, say),
        _priority_fact(assessment, say),
        *_consideration_facts(assessment, language),
        Fact("", FactKind.SCOPE, "scope", language.say("evidence", "scope"), ("not_assessed",)),
        *_not_assessed_facts(assessment, language),
    ]
    room = MAXIMUM_FACTS - len(facts)
    pattern = list(_pattern_facts(assessment, language))
    room -= len(pattern)
    facts += [*_quality_facts(assessment, say), *_segment_facts(assessment, say)][:room]
    facts += pattern
    restricted = tuple(sorted({word for words in language.words.values() for word in words}))
    evidence = Evidence(language.code, _numbered(facts, language), restricted)
    if language.code not in LANGUAGES:
        return evidence
    phrases = load_phrases(language.code)
    return replace(
        evidence,
        phrases=tuple(phrases.groups),
        governing=phrases.of("governing"),
        predicates=phrases.of("predicate"),
    )


def _numbered(facts: Sequence[Fact], language: Language) -> tuple[Fact, ...]:
    """Give ids, the words of the terms, and ids instead of keys in ``basis``."""
    ids = {
        (fact.kind, fact.key): f"E{index}"
        for index, fact in enumerate(facts)
        if fact.segment is None
    }
    return tuple(
        replace(
            fact,
            id=f"E{index}",
            words=tuple(dict.fromkeys(w for term in fact.terms for w in language.words[term])),
            basis=tuple(ids[_basis_kind(fact), key] for key in fact.basis),
        )
        for index, fact in enumerate(facts)
    )


def _basis_kind(fact: Fact) -> FactKind:
    resting_on_findings = (FactKind.CONSIDERATION, FactKind.RULE)
    return FactKind.FINDING if fact.kind in resting_on_findings else FactKind.MEASUREMENT


def _finding_terms(finding: Finding) -> tuple[str, ...]:
    """Terms of a finding; of an undetermined one only that it is borderline, and where."""
    terms = _FINDING_TERMS.get(finding.key, ())
    if finding.certainty is Certainty.UNDETERMINED:
        return ("borderline", *(term for term in terms if term in ("left", "right")))
    return (*terms, *_GRADE_TERMS.get(finding.grade or "", ()))


def _within_a_sentence(name: str) -> str:
    """Write the words of a name small, abbreviations aside (``maximal LV wall thickness``)."""
    words = (f"{one[0].lower()}{one[1:]}" if one[1:2].islower() else one for one in name.split(" "))
    return " ".join(words)


def _structure(key: str) -> tuple[str, ...]:
    return {"lv": ("left",), "rv": ("right",), "ma": ("left",)}.get(key[:2], ())


def _measurement_facts(assessment: Assessment, say: Sentences) -> Iterator[Fact]:
    stated = {key: one for one in assessment.findings for key in one.basis}
    for key, measurement in by_key(assessment.measurements).items():
        if key in _OF_THE_MOTION:
            continue
        finding = stated.get(key)
        sides = sides_of(measurement)
        agreed = tuple(sides) if len(sides) == 1 else ()  # men and women may differ
        terms = (*agreed, *_structure(key))
        if finding is not None:
            terms += _finding_terms(finding)
        yield Fact(
            "",
            FactKind.MEASUREMENT,
            key,
            _within_a_sentence(say.with_interval(measurement)),
            tuple(dict.fromkeys(terms)),
            number=number_of(measurement),
        )
    if assessment.bsa_m2 is not None:
        number, unit = f"{assessment.bsa_m2:.2f}", say.language.unit("m2")
        text = say.language.say("evidence", "body_surface_area", number=number, unit=unit)
        yield Fact("", FactKind.MEASUREMENT, "body_surface_area", text, number=number)


def _finding_facts(assessment: Assessment, say: Sentences) -> Iterator[Fact]:
    for finding in assessment.findings:
        statement = say.statement(finding)
        if finding.certainty is Certainty.UNDETERMINED:
            statement = say.language.say("evidence", "undetermined", statement=statement)
        yield Fact(
            "",
            FactKind.FINDING,
            finding.key,
            statement,
            _finding_terms(finding),
            certainty=finding.certainty,
            basis=finding.basis,
        )
    for finding in assessment.findings:
        text = say.language.tables["rules"][finding.key]
        yield Fact("", FactKind.RULE, finding.key, text, basis=(finding.key,))


def _priority_fact(assessment: Assessment, say: Sentences) -> Fact:
    suggestion = assessment.priority
    if suggestion.level is Priority.ROUTINE:
        key = "priority_near" if suggestion.rule == "near_threshold" else "priority_none"
        return Fact(
            "",
            FactKind.PRIORITY,
            key,
            say.language.say("evidence", key),
            basis=suggestion.basis,
        )
    level = say.language.tables["priority"][suggestion.level.value]
    text = say.language.say("evidence", "priority_promoted", level=level)
    terms = ("promoted",)
    return Fact("", FactKind.PRIORITY, "priority_promoted", text, terms, basis=suggestion.basis)


def _consideration_facts(assessment: Assessment, language: Language) -> Iterator[Fact]:
    """Causes by the pattern of what is stated for certain, each once, with the first pattern."""
    stated = {one.key for one in assessment.findings if one.certainty is Certainty.PRESENT}
    said: set[str] = set()
    for pattern in PATTERNS:
        if not stated.issuperset(pattern.present) or stated.intersection(pattern.absent):
            continue
        for cause in pattern.causes:
            if cause not in said:
                said.add(cause)
                text = language.tables["considerations"][cause]
                terms = ("consider",)
                yield Fact("", FactKind.CONSIDERATION, cause, text, terms, basis=pattern.present)


def _not_assessed_facts(assessment: Assessment, language: Language) -> Iterator[Fact]:
    names = language.tables["not_assessed_names"]
    for thing in assessment.not_assessed:
        text = _within_a_sentence(names.get(thing.key, thing.code.meaning))
        yield Fact("", FactKind.NOT_ASSESSED, thing.key, text, ("not_assessed",))


def _pattern_facts(assessment: Assessment, language: Language) -> Iterator[Fact]:
    """Return what the pattern resembles; the last fact, so that it moves no other's id."""
    estimate = assessment.pattern
    if estimate is None:
        return
    if estimate.confidence_percent is None:
        text = language.say("evidence", "pattern_indeterminate")
        yield Fact("", FactKind.PATTERN, "indeterminate", text)
        return
    (key,) = estimate.candidates
    number = str(estimate.confidence_percent)
    name = language.tables["patterns"][key]
    text = language.say("evidence", "pattern", pattern=name, confidence=number)
    yield Fact("", FactKind.PATTERN, key, text, number=number)


def _quality_facts(assessment: Assessment, say: Sentences) -> Iterator[Fact]:
    for note in assessment.quality:
        text = say.note(note).rstrip(".。")
        yield Fact("", FactKind.QUALITY, note.key, text, ("not_assessed",))


def _segment_facts(assessment: Assessment, say: Sentences) -> Iterator[Fact]:
    """Return the thickest and the thinnest AHA segment at end-diastole."""
    walls = [one for one in assessment.measurements if one.key == "wall_thickness_ed"]
    if not walls:
        return

    def thickness(one: Measurement) -> float:
        return one.value

    for chosen in (max(walls, key=thickness), min(walls, key=thickness)):
        yield Fact(
            "",
            FactKind.MEASUREMENT,
            chosen.key,
            _within_a_sentence(say.with_interval(chosen)),
            ("left",),
            number=number_of(chosen),
            segment=chosen.segment,
        )
