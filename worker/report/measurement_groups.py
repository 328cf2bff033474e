"""Groups of measurements: one for each structure, one for each segment of the wall.

What a group was measured on is its Finding Site. Readers that look for the place of a number only
there (dcmqi) would take the values of all segments for one another if a group held them all.

References
----------
DICOM PS3.16 TID 300 (Measurement), 1501 (Measurement Group), 4019 (Algorithm Identification).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from highdicom.sr import (
    AlgorithmIdentification,
    ContentSequence,
    FindingSite,
    MeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TimePointContext,
    TrackingIdentifier,
)
from highdicom.sr import Measurement as MeasurementItems

from plugin.domain.findings import Assessment, Code, Measurement
from plugin.domain.identifiers import MODEL_NAME
from worker.findings.definition import HEART
from worker.report import codes
from worker.report.codes import concept
from worker.report.identity import AnalysisIdentity, ResultUids
from worker.report.image_library import by_instance, frame_numbers
from worker.report.items import (
    INFERRED,
    MODIFIER,
    PROPERTY,
    add_children,
    coded,
    print_plainly,
    rounded,
    text,
)
from worker.report.material import Material
from worker.report.measurement_properties import modifiers, origin, properties
from worker.report.structures import ends_of_cycle

_WALL_MOTION_SCORE = "wall_motion_score"


def measurement_groups(
    material: Material, assessment: Assessment, time_point: TimePointContext | None
) -> list[MeasurementsAndQualitativeEvaluations]:
    """Return one group per structure and AHA segment, in the order of the measurements.

    Parameters
    ----------
    assessment
        With its sentences in the report's language.
    """
    by_site: dict[Code, list[Measurement]] = {}
    for measurement in assessment.measurements:
        by_site.setdefault(measurement.finding_site or HEART, []).append(measurement)
    if assessment.bsa_m2 is not None:
        by_site.setdefault(HEART, [])
    groups = []
    for site, members in by_site.items():
        items = _with_bsa(site, members, assessment)
        subject = tracked(site.meaning, site.value, material.uids)
        groups.append(_group(material, subject, site, members, items, time_point))
    return groups


def tracked(name: str, key: str, uids: ResultUids) -> TrackingIdentifier:
    """Return the tracking identifier of what ``key`` names: one UID in all reports of a study."""
    return TrackingIdentifier(identifier=f"{MODEL_NAME}: {name}", uid=uids.tracking(key))


@lru_cache(maxsize=1)
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


def _group(
    material: Material,
    subject: TrackingIdentifier,
    site: Code,
    members: Sequence[Measurement],
    items: Sequence[MeasurementItems],
    time_point: TimePointContext | None,
) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=subject,
        time_point_context=time_point,
        finding_sites=[FindingSite(concept(site))],
        algorithm_id=algorithm(material.identity),
        source_images=_source_images(material, members),
        measurements=items,
        qualitative_evaluations=[_grade(m) for m in members if m.key == _WALL_MOTION_SCORE],
    )


def _grade(score: Measurement) -> QualitativeEvaluation:
    """Return the grade of wall motion that a score stands for, with its segment."""
    grade = codes.WALL_MOTION_GRADES[round(score.value)]
    item = QualitativeEvaluation(concept(codes.WALL_MOTION), concept(grade))
    if score.finding_site is not None:
        add_children(item[0], [coded(codes.FINDING_SITE, score.finding_site, MODIFIER)])
    return item


def _source_images(
    material: Material, members: Iterable[Measurement]
) -> list[SourceImageForMeasurementGroup]:
    """Return the images that the values of a group were measured on.

    A value without a phase of its own is made from both; what else a value of the whole beat needs
    is in the evidence of the document.
    """
    ends = dict(ends_of_cycle(material.assessment))
    names = {name for one in members for name in ([one.phase] if one.phase else ends)}
    phases = sorted({ends[name] for name in names if name in ends})
    return [
        SourceImageForMeasurementGroup(
            frames[0].sop_class_uid, frames[0].sop_instance_uid, frame_numbers(frames)
        )
        for frames in by_instance(material.stack, phases)
    ]


def _measurement(measurement: Measurement, assessment: Assessment) -> MeasurementItems:
    """Return TID 300 with its children in template order."""
    item = _plain(measurement.code, measurement.value, measurement.unit)
    item[0].ContentSequence = ContentSequence(
        [*modifiers(measurement), *properties(measurement), *origin(measurement, assessment)]
    )
    return item


def _plain(code: Code, value: float, ucum: str) -> MeasurementItems:
    written = rounded(value, ucum)
    item = MeasurementItems(name=concept(code), value=written, unit=codes.unit(ucum))
    print_plainly(item[0], written)
    return item


def _with_bsa(
    site: Code, members: Iterable[Measurement], assessment: Assessment
) -> list[MeasurementItems]:
    items = [_measurement(one, assessment) for one in members]
    known = any(m.code.value == codes.BODY_SURFACE_AREA.value for m in assessment.measurements)
    if site == HEART and assessment.bsa_m2 is not None and not known:
        items.append(_bsa_measurement(assessment.bsa_m2, assessment.bsa_formula))
    return items


def _bsa_measurement(bsa_m2: float, formula: str | None) -> MeasurementItems:
    """Return body surface area with the equation it was computed by (TID 315)."""
    item = _plain(codes.BODY_SURFACE_AREA, bsa_m2, "m2")
    children = []
    if formula:
        citation = text(codes.METHOD_CITATION, formula, INFERRED)
        equation = codes.BSA_EQUATIONS.get(formula.split()[0].casefold())
        if equation is not None:
            citation.ContentSequence = ContentSequence([coded(codes.EQUATION, equation, PROPERTY)])
        children.append(citation)
    name = text(codes.EQUIVALENT_MEANING, codes.BODY_SURFACE_AREA.meaning, MODIFIER)
    item[0].ContentSequence = ContentSequence([*children, name])
    return item
