"""The Structured Report by TID 1500, in two forms with the same content.

``sr`` is a Comprehensive 3D SR with contours in patient coordinates; ``sr_enhanced`` is an Enhanced
SR with the contours on their images, for archives that refuse the first. Knows the document
(observer, language, evidence, predecessor, flags); what it says is made by the modules beside this.

References
----------
DICOM PS3.3 A.35.2 and A.35.13 (Enhanced and Comprehensive 3D SR IOD), C.17.2 (SR Document General),
PS3.16 TID 1500.
"""

from dataclasses import dataclass

from highdicom.sr import (
    ContentSequence,
    LanguageOfContentItemAndDescendants,
    MeasurementReport,
    ObservationContext,
)
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import Comprehensive3DSRStorage, EnhancedSRStorage

from plugin.domain.findings import Assessment, Code
from worker.findings.language import Language, load_language
from worker.findings.worded import worded
from worker.report import codes
from worker.report.clinical_information import clinical_information
from worker.report.codes import concept
from worker.report.documents import observer, referenced_requests
from worker.report.earlier_result import change_items, compared_report, other_evidence
from worker.report.encoding import encoded, set_encoded
from worker.report.evaluations import evaluations
from worker.report.header import result_dataset
from worker.report.identity import EarlierReport, PredecessorReport
from worker.report.image_library import by_instance, image_library
from worker.report.material import Material, ReportContent
from worker.report.measurement_groups import measurement_groups
from worker.report.opening import opening
from worker.report.passages import passage_items, with_worded_impression, worded_by_rules
from worker.report.references import hierarchical, instance_item
from worker.report.regions import region_groups
from worker.report.temporal import compare, comparison_items, study_day, time_point
from worker.volume.types import CineStack

_CHILDREN = Tag("ContentSequence")


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the report; ``in_patient`` says where its contours lie."""

    sop_class_uid: str
    series_number: int
    series_description: str
    in_patient: bool


FORMS = {
    "sr": Form(
        Comprehensive3DSRStorage, 9901, "AI CMR measurements (not verified)", in_patient=True
    ),
    "sr_enhanced": Form(
        EnhancedSRStorage,
        9911,
        "AI CMR measurements, Enhanced SR (not verified)",
        in_patient=False,
    ),
}


def structured_report(kind: str, material: Material) -> Dataset:
    """Return the report as a dataset ready to be written.

    Parameters
    ----------
    kind
        One of ``FORMS``.
    """
    form, reference = FORMS[kind], material.reference
    dataset = result_dataset(
        reference,
        material.identity,
        sop_class_uid=form.sop_class_uid,
        sop_instance_uid=material.uids.instance(kind),
        series_instance_uid=material.uids.series(kind),
        modality="SR",
        series_number=form.series_number,
        series_description=form.series_description,
    )
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    study, predecessor = dataset.StudyInstanceUID, material.identity.predecessor
    requests = referenced_requests(reference)
    if requests:
        dataset.ReferencedRequestSequence = requests
    if predecessor is not None and not form.in_patient:
        predecessor = predecessor.enhanced or predecessor
    if predecessor is not None:
        dataset.PredecessorDocumentsSequence = [_predecessor(predecessor, study)]
    earlier = compared_report(material.assessment, material.identity)
    if earlier is not None:
        dataset.PertinentOtherEvidenceSequence = [other_evidence(earlier)]
    content = material.report or report_content(material)
    set_encoded(dataset, "CurrentRequestedProcedureEvidenceSequence", content.evidence)
    for element in _without_children(content.root):
        dataset[element.tag] = element
    set_encoded(dataset, "ContentSequence", _children(form, material, content))
    return dataset


def report_content(material: Material) -> ReportContent:
    """Make all but the contours: TID 1500 by highdicom, with the parts that it does not make."""
    language = load_language(material.identity.report_language)
    assessment = with_worded_impression(
        worded(material.assessment, language.code), material.wording, language
    )
    when = time_point(material.reference, material.clinical, assessment.comparison)
    earlier = compared_report(assessment, material.identity)
    made: Dataset = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(material.identity)),
        procedure_reported=concept(codes.PROCEDURE),
        imaging_measurements=measurement_groups(material, assessment, when),
        title=concept(codes.TITLE),
        language_of_content_item_and_descendants=_language_item(language),
    )[0]
    *before, measurements = made.ContentSequence
    before += opening(assessment, earlier, language)
    phases = sorted({assessment.ed_phase, assessment.es_phase})
    before.append(image_library(material.stack, phases))
    study = str(material.reference.StudyInstanceUID)
    return ReportContent(
        root=made,
        measurements=measurements,
        before=encoded(before),
        groups=encoded(measurements.get("ContentSequence", [])),
        after=encoded(_statements(material, assessment, earlier, language)),
        evidence=encoded([_evidence(material.stack, study)]),
    )


def _without_children(item: Dataset) -> Dataset:
    return Dataset({element.tag: element for element in item if element.tag != _CHILDREN})


def _children(form: Form, material: Material, content: ReportContent) -> bytes:
    """Return what is below the root, with the contours behind the other measurements."""
    regions = encoded(group[0] for group in region_groups(material, in_patient=form.in_patient))
    measurements = _without_children(content.measurements)
    set_encoded(measurements, "ContentSequence", content.groups + regions)
    return content.before + encoded([measurements]) + content.after


def _statements(
    material: Material,
    assessment: Assessment,
    earlier: EarlierReport | None,
    language: Language,
) -> ContentSequence:
    """Return what follows the measurements: evaluations, and what the study brought with it."""
    wording = material.wording or worded_by_rules(material.assessment, language)
    today = study_day(material.reference)
    comparisons = compare(assessment, material.clinical, today)
    more = [
        *change_items(assessment, earlier, language),
        *comparison_items(comparisons, language),
        *passage_items(wording, assessment, language),
    ]
    items = [evaluations(material, assessment, language, more)]
    information = clinical_information(material.clinical, language)
    if information is not None:
        items.append(information)
    return ContentSequence(items)


def _language_item(language: Language) -> LanguageOfContentItemAndDescendants:
    """Return TID 1204."""
    tag = Code(language.tag, "RFC5646", language.tables["report"]["language"])
    return LanguageOfContentItemAndDescendants(concept(tag))


def _evidence(stack: CineStack, study_instance_uid: str) -> Dataset:
    """Return all instances that the analysis used, by series."""
    by_series: dict[str, list[Dataset]] = {}
    for frames in by_instance(stack, range(stack.n_phases)):
        item = instance_item(frames[0].sop_class_uid, frames[0].sop_instance_uid)
        by_series.setdefault(frames[0].series_instance_uid, []).append(item)
    return hierarchical(study_instance_uid, by_series)


def _predecessor(predecessor: PredecessorReport, study_instance_uid: str) -> Dataset:
    item = instance_item(predecessor.sop_class_uid, predecessor.sop_instance_uid)
    return hierarchical(study_instance_uid, {predecessor.series_instance_uid: [item]})
