"""The Structured Report: a Comprehensive 3D SR by TID 1500 that any archive can read.

Knows the document (observer, language, evidence, predecessor, flags); what it says is made by
``worker.report.content``.

References
----------
DICOM PS3.3 A.35.13 (Comprehensive 3D SR IOD), C.17.2 (SR Document General), PS3.16 TID 1500.
"""

from highdicom.sr import (
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.uid import Comprehensive3DSRStorage

from plugin.domain.findings import Assessment, Code
from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME, derive_uid
from plugin.domain.wording import Wording
from worker.clinical import ClinicalContext
from worker.findings.language import Language, load_language
from worker.findings.worded import worded
from worker.report import codes, content
from worker.report.clinical_information import clinical_information
from worker.report.codes import concept
from worker.report.copying import copied_items, copy_attributes, empty_attributes
from worker.report.header import request_attributes, result_dataset
from worker.report.identity import (
    AnalysisIdentity,
    PredecessorReport,
    ResultUids,
)
from worker.report.image_library import by_instance, image_library
from worker.report.passages import passage_items, with_worded_impression
from worker.volume.types import CineStack

SERIES_NUMBER = 9901
SERIES_DESCRIPTION = "AI CMR measurements (not verified)"
_REQUEST_TYPE_2 = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)


def structured_report(
    reference: Dataset,
    stack: CineStack,
    assessment: Assessment,
    identity: AnalysisIdentity,
    uids: ResultUids,
    clinical: ClinicalContext,
    wording: Wording | None = None,
) -> Dataset:
    """Return the report as a dataset ready to be written.

    Parameters
    ----------
    reference
        Header of one image of the study; patient, study and request attributes are copied from it.
    assessment
        With its English sentences; the report says them in ``identity.report_language``.
    clinical
        Shown for the reader in a section of its own; nothing else depends on it.
    wording
        What a language model worded, in the language of the report; None: nothing.
    """
    dataset = result_dataset(
        reference,
        identity,
        sop_class_uid=Comprehensive3DSRStorage,
        sop_instance_uid=uids.instance("sr"),
        series_instance_uid=uids.series("sr"),
        modality="SR",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
    )
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    requests = _referenced_requests(reference, dataset.StudyInstanceUID)
    if requests:
        dataset.ReferencedRequestSequence = requests
    dataset.CurrentRequestedProcedureEvidenceSequence = [_evidence(stack, dataset.StudyInstanceUID)]
    if identity.predecessor is not None:
        dataset.PredecessorDocumentsSequence = [
            _predecessor(identity.predecessor, dataset.StudyInstanceUID)
        ]
    for element in _tree(stack, assessment, identity, uids, clinical, wording):
        dataset[element.tag] = element
    return dataset


def _tree(
    stack: CineStack,
    assessment: Assessment,
    identity: AnalysisIdentity,
    uids: ResultUids,
    clinical: ClinicalContext,
    wording: Wording | None,
) -> Dataset:
    """Return the root content item: TID 1500 by highdicom, with the parts that it does not make."""
    language = load_language(identity.report_language)
    assessment = with_worded_impression(worded(assessment, language.code), wording, language)
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_observer(identity)),
        procedure_reported=concept(codes.PROCEDURE),
        imaging_measurements=content.measurement_groups(assessment, identity, uids),
        title=concept(codes.TITLE),
        language_of_content_item_and_descendants=_language_item(language),
    )
    root: Dataset = report[0]
    measurements = root.ContentSequence.pop()
    root.ContentSequence.extend(content.opening(assessment, language))
    phases = sorted({assessment.ed_phase, assessment.es_phase})
    root.ContentSequence.append(image_library(stack, phases))
    root.ContentSequence.append(measurements)
    evaluations = content.evaluations(stack, assessment, language)
    evaluations.ContentSequence.extend(passage_items(wording, language))
    root.ContentSequence.append(evaluations)
    information = clinical_information(clinical, language)
    if information is not None:
        root.ContentSequence.append(information)
    return root


def _language_item(language: Language) -> LanguageOfContentItemAndDescendants:
    """Return TID 1204."""
    tag = Code(language.tag, "RFC5646", language.tables["report"]["language"])
    return LanguageOfContentItemAndDescendants(concept(tag))


def _observer(identity: AnalysisIdentity) -> ObserverContext:
    """Return the device observer (TID 1004); one UID per version of software and bundle."""
    return ObserverContext(
        observer_type=dictionary.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", identity.software_version, identity.bundle_digest),
            name=MODEL_NAME,
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
            serial_number=f"{identity.software_version} {identity.bundle}",
        ),
    )


def _evidence(stack: CineStack, study_instance_uid: str) -> Dataset:
    """Return all instances that the analysis used, by series."""
    by_series: dict[str, list[Dataset]] = {}
    for frames in by_instance(stack, range(stack.n_phases)):
        item = Dataset()
        item.ReferencedSOPClassUID = frames[0].sop_class_uid
        item.ReferencedSOPInstanceUID = frames[0].sop_instance_uid
        by_series.setdefault(frames[0].series_instance_uid, []).append(item)
    return _reference_item(study_instance_uid, by_series)


def _predecessor(predecessor: PredecessorReport, study_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = predecessor.sop_class_uid
    item.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    return _reference_item(study_instance_uid, {predecessor.series_instance_uid: [item]})


def _reference_item(study_instance_uid: str, by_series: dict[str, list[Dataset]]) -> Dataset:
    """Return a Hierarchical SOP Instance Reference (PS3.3 C.17.2.1)."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = []
    for series_instance_uid, items in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID = series_instance_uid
        series.ReferencedSOPSequence = items
        study.ReferencedSeriesSequence.append(series)
    return study


def _referenced_requests(reference: Dataset, study_instance_uid: str) -> list[Dataset]:
    """Return Referenced Request items for the requests that the images name."""
    requests = []
    for attributes in request_attributes(reference):
        request = Dataset()
        request.StudyInstanceUID = study_instance_uid
        request.ReferencedStudySequence = []
        copy_attributes(reference, request, ("AccessionNumber",))
        copy_attributes(attributes, request, _REQUEST_TYPE_2)
        empty_attributes(request, _REQUEST_TYPE_2)
        request.RequestedProcedureCodeSequence = copied_items(
            attributes, "RequestedProcedureCodeSequence"
        )
        requests.append(request)
    return requests
