"""Content items of the report: groups of measurements and evaluations.

Knows how an ``Assessment`` becomes content items in the order of their templates; knows nothing of
the document around them.

References
----------
DICOM PS3.16 TID 300 (Measurement), 310 (Properties), 312 (Normal Range), 315 (Equation), 1500,
1501 (Measurement Group), 4019 (Algorithm Identification).
"""

from collections.abc import Iterable, Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment, Certainty, Code, Finding
from plugin.domain.findings import Measurement as DomainMeasurement
from plugin.domain.identifiers import MODEL_NAME
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import Language
from worker.findings.sentences import Sentences
from worker.report import codes
from worker.report.codes import concept
from worker.report.identity import AnalysisIdentity, ResultUids
from worker.report.wording import digits, interval_text, plain_number, range_text, readable_unit
from worker.volume.types import CineStack

_MODIFIER = "HAS CONCEPT MOD"
_PROPERTY = "HAS PROPERTIES"
_INFERRED = "INFERRED FROM"
_CONTAINS = "CONTAINS"


def text(name: Code, value: str, relationship: str = _CONTAINS) -> TextContentItem:
    """Return a TEXT item."""
    return TextContentItem(concept(name), value, relationship_type=relationship)


def coded(name: Code, value: Code, relationship: str = _CONTAINS) -> CodeContentItem:
    """Return a CODE item."""
    return CodeContentItem(concept(name), concept(value), relationship_type=relationship)


def number(name: Code, value: float, ucum: str, relationship: str) -> NumContentItem:
    """Return a NUM item, rounded to what its unit deserves."""
    item = NumContentItem(
        concept(name), rounded(value, ucum), codes.unit(ucum), relationship_type=relationship
    )
    print_plainly(item, rounded(value, ucum))
    return item


def rounded(value: float, ucum: str) -> int | float:
    """Return the value as it is written: with the decimals of its unit, whole as an integer."""
    result = round(float(value), digits(ucum))
    return int(result) if result.is_integer() else result


def print_plainly(item: Dataset, value: float) -> None:
    """Write ``67`` where highdicom writes ``67.0``: readers show this text as it is."""
    item.MeasuredValueSequence[0].NumericValue = plain_number(value)


def measurement_groups(
    assessment: Assessment, identity: AnalysisIdentity, uids: ResultUids
) -> list[MeasurementsAndQualitativeEvaluations]:
    """Return one group per structure, then one for the wall by AHA segment."""
    by_site: dict[Code, list[DomainMeasurement]] = {}
    by_segment: dict[str, list[DomainMeasurement]] = {}
    for measurement in assessment.measurements:
        if measurement.segment is not None:
            by_segment.setdefault(measurement.key, []).append(measurement)
        else:
            by_site.setdefault(measurement.finding_site or codes.HEART, []).append(measurement)
    groups = [
        _group(site.meaning, site, _with_bsa(site, members, assessment), identity, uids)
        for site, members in by_site.items()
    ]
    if assessment.bsa_m2 is not None and codes.HEART not in by_site:
        bsa = _with_bsa(codes.HEART, [], assessment)
        groups.append(_group(codes.HEART.meaning, codes.HEART, bsa, identity, uids))
    for segments in by_segment.values():
        subject = f"{DEFINITIONS[segments[0].key].name} by AHA segment"
        items = [_measurement(m, assessment) for m in segments]
        groups.append(_group(subject, codes.MYOCARDIUM, items, identity, uids))
    return groups


def _with_bsa(
    site: Code, members: Iterable[DomainMeasurement], assessment: Assessment
) -> list[Measurement]:
    items = [_measurement(m, assessment) for m in members]
    known = any(m.code.value == codes.BODY_SURFACE_AREA.value for m in assessment.measurements)
    if site == codes.HEART and assessment.bsa_m2 is not None and not known:
        items.append(_bsa_measurement(assessment.bsa_m2, assessment.bsa_formula))
    return items


def _group(
    subject: str,
    site: Code,
    items: Sequence[Measurement],
    identity: AnalysisIdentity,
    uids: ResultUids,
) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            identifier=f"{MODEL_NAME}: {subject}", uid=uids.tracking(subject)
        ),
        finding_sites=[FindingSite(concept(site))],
        algorithm_id=algorithm(identity),
        measurements=items,
    )


def algorithm(identity: AnalysisIdentity) -> AlgorithmIdentification:
    """Return TID 4019: which network in which version, and the software around it."""
    return AlgorithmIdentification(
        name=identity.bundle_name,
        version=identity.bundle_version,
        parameters=[
            f"bundle sha256 {identity.bundle_digest}",
            f"{MODEL_NAME} {identity.software_version}",
        ],
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
    )


def _measurement(measurement: DomainMeasurement, assessment: Assessment) -> Measurement:
    """Return TID 300 with its children in template order."""
    item = Measurement(
        name=concept(measurement.code),
        value=rounded(measurement.value, measurement.unit),
        unit=codes.unit(measurement.unit),
    )
    print_plainly(item[0], rounded(measurement.value, measurement.unit))
    children: list[ContentItem] = []
    if measurement.phase in codes.CYCLE_POINTS:
        point = codes.CYCLE_POINTS[measurement.phase]
        children.append(coded(codes.CARDIAC_CYCLE_POINT, point, _MODIFIER))
    if measurement.method is not None:
        children.append(coded(codes.MEASUREMENT_METHOD, measurement.method, _MODIFIER))
    if measurement.segment is not None and measurement.finding_site is not None:
        children.append(coded(codes.FINDING_SITE, measurement.finding_site, _MODIFIER))
    children += _properties(measurement)
    if measurement.unit.endswith("/m2") and assessment.bsa_m2 is not None:
        children.append(number(codes.BODY_SURFACE_AREA, assessment.bsa_m2, "m2", _INFERRED))
    children.append(text(codes.METHOD_CITATION, measurement.definition, _INFERRED))
    children.append(text(codes.EQUIVALENT_MEANING, measurement.name, _MODIFIER))
    item[0].ContentSequence = ContentSequence(children)
    return item


def _bsa_measurement(bsa_m2: float, formula: str | None) -> Measurement:
    """Return body surface area with the equation it was computed by (TID 315)."""
    item = Measurement(
        name=concept(codes.BODY_SURFACE_AREA),
        value=rounded(bsa_m2, "m2"),
        unit=codes.unit("m2"),
    )
    print_plainly(item[0], rounded(bsa_m2, "m2"))
    if formula:
        citation = text(codes.METHOD_CITATION, formula, _INFERRED)
        equation = codes.BSA_EQUATIONS.get(formula.split()[0].casefold())
        if equation is not None:
            children = [coded(codes.EQUATION, equation, _PROPERTY)]
            citation.ContentSequence = ContentSequence(children)
        item[0].ContentSequence = ContentSequence([citation])
    return item


def _properties(measurement: DomainMeasurement) -> list[ContentItem]:
    """Return normal range and uncertainty: the items of TID 310 and 312, one level deeper.

    They hang below a text that says the same to people, because PixelMed's validator takes them for
    rows 2 and 9 of TID 300 when they stand directly below the NUM. TID 312 has room for one range:
    where two populations apply (sex unknown) the text names both and no limit is coded, so that no
    program takes the wrong one.
    """
    items: list[ContentItem] = []
    ucum, ranges = measurement.unit, measurement.normal_ranges
    if ranges:
        described = [f"{range_text(r)} {readable_unit(ucum)} ({r.population})" for r in ranges]
        item = text(codes.RANGE_DESCRIPTION, "; ".join(described), _PROPERTY)
        sides = {r.side(measurement.value) for r in ranges}
        side = sides.pop() if len(sides) == 1 else "undetermined"
        children: list[ContentItem] = [
            coded(codes.NORMALITY, codes.NORMALITY_VALUES[side], _PROPERTY)
        ]
        if len(ranges) == 1 and ranges[0].low is not None:
            children.append(number(codes.RANGE_LOW, ranges[0].low, ucum, _PROPERTY))
        if len(ranges) == 1 and ranges[0].high is not None:
            children.append(number(codes.RANGE_HIGH, ranges[0].high, ucum, _PROPERTY))
        sources = "; ".join(dict.fromkeys(r.source for r in ranges))
        children.append(text(codes.RANGE_AUTHORITY, sources, _PROPERTY))
        item.ContentSequence = ContentSequence(children)
        items.append(item)
    if measurement.interval is not None:
        low, high = measurement.interval
        words = f"{interval_text(measurement.interval, ucum)} {readable_unit(ucum)}".strip()
        item = text(codes.UNCERTAINTY, words, _PROPERTY)
        up, down = max(high - measurement.value, 0.0), max(measurement.value - low, 0.0)
        item.ContentSequence = ContentSequence(
            [
                number(codes.UNCERTAINTY_HIGH, up, ucum, _PROPERTY),
                number(codes.UNCERTAINTY_LOW, down, ucum, _PROPERTY),
            ]
        )
        items.append(item)
    return items


def opening(assessment: Assessment, language: Language) -> list[ContentItem]:
    """Return what a reader must see before the numbers: that it is AI, and the impression.

    They stand at the top of the document (TID 1500 is extensible), because viewers print it from
    top to bottom and some hundred lines of measurements follow.
    """
    return [
        text(codes.NOTICE, language.say("sentences", "disclaimer")),
        *(text(codes.IMPRESSION, sentence) for sentence in assessment.impression),
    ]


def evaluations(
    stack: CineStack, assessment: Assessment, language: Language
) -> ContainerContentItem:
    """Return the Qualitative Evaluations of TID 1500: coded items first, then text.

    A finding is ``(finding) = (present | undetermined)``; what was not looked at is
    ``(thing) = (not assessed)``. The priority is there only when the study is promoted; its reason
    also when a value lies so near a threshold that a physician should look.
    """
    say = Sentences(language)
    items: list[ContentItem] = []
    priority = codes.PRIORITY_VALUES.get(assessment.priority.level)
    if priority is not None:
        items.append(coded(codes.PRIORITY, priority))
    for finding in assessment.findings:
        present = finding.certainty is Certainty.PRESENT
        items.append(coded(finding.code, codes.PRESENT if present else codes.UNDETERMINED))
    items += _pattern(assessment)
    items += [coded(thing.code, codes.NOT_ASSESSED) for thing in assessment.not_assessed]
    if assessment.priority.basis:
        items.append(text(codes.PRIORITY_REASON, assessment.priority.sentence))
    items += [text(codes.FINDING, _finding_text(one, language)) for one in assessment.findings]
    items += [text(codes.RISK_STRATUM, say.cited(stratum)) for stratum in assessment.strata]
    if assessment.pattern is not None:
        items.append(text(codes.PATTERN_NOTE, assessment.pattern.sentence))
    items += [text(codes.NARRATIVE, words) for words in _narrative(stack, assessment, language)]
    items += [text(codes.QUALITY_NOTE, note.sentence) for note in assessment.quality]
    if assessment.not_assessed:
        sentences = " ".join(thing.sentence for thing in assessment.not_assessed)
        items.append(text(codes.NOT_ASSESSED_NOTE, sentences))
    container = ContainerContentItem(
        concept(codes.QUALITATIVE_EVALUATIONS), relationship_type=_CONTAINS
    )
    container.ContentSequence = ContentSequence(items)
    return container


def _pattern(assessment: Assessment) -> list[ContentItem]:
    """Return which group the pattern resembles; undetermined with several candidates or none."""
    estimate = assessment.pattern
    if estimate is None:
        return []
    single = estimate.confidence_percent is not None
    value = codes.PATTERN_VALUES[estimate.candidates[0]] if single else codes.UNDETERMINED
    return [coded(codes.PATTERN, value)]


def _finding_text(finding: Finding, language: Language) -> str:
    """Return the finding with its grade and its rule; the numbers are in the impression."""
    words = language.tables["report"]
    grade = language.tables["grades"].get(finding.grade or "", finding.grade)
    return language.say(
        "report",
        "finding" if grade is None else "graded_finding",
        name=language.tables["finding_names"].get(finding.key, finding.code.meaning),
        certainty=words[finding.certainty.value],
        source=finding.source,
        **({} if grade is None else {"grade": grade}),
    )


def _narrative(stack: CineStack, assessment: Assessment, language: Language) -> list[str]:
    """Return what was measured on which images, without what has its own item in the report."""
    say = Sentences(language)
    names = (say.not_assessed_name(thing) for thing in assessment.not_assessed)
    listed = language.tables["joins"]["names"].join(names)
    said = {
        *assessment.impression,
        *(note.sentence for note in assessment.quality),
        *(thing.sentence for thing in assessment.not_assessed),
        language.say("sentences", "not_assessed", names=listed),
        language.say("sentences", "disclaimer"),
    }
    return [
        acquisition_text(stack, assessment, language),
        *(words for words in assessment.narrative if words not in said),
    ]


def acquisition_text(stack: CineStack, assessment: Assessment, language: Language) -> str:
    """Return slices, phases, RR interval and which phases are end-diastole and end-systole."""
    rr = ""
    if stack.rr_interval_ms is not None:
        rr = language.say("report", "rr_interval", rr_ms=f"{stack.rr_interval_ms:.0f}")
    ed, es = assessment.ed_phase, assessment.es_phase
    return language.say(
        "report",
        "acquisition",
        n_slices=str(stack.n_slices),
        spacing_mm=f"{stack.slice_spacing_mm:.1f}",
        n_phases=str(stack.n_phases),
        rr_interval=rr,
        ed=str(ed + 1),
        ed_ms=f"{stack.trigger_times_ms[ed]:.0f}",
        es=str(es + 1),
        es_ms=f"{stack.trigger_times_ms[es]:.0f}",
    )
