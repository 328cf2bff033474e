"""Encapsulated PDF: the report as a document that any archive stores and most viewers open.

Knows the object; its pages are ``worker.report.figures.document``.

References
----------
DICOM PS3.3 A.45.1 (Encapsulated PDF IOD), C.24.2 (Encapsulated Document), PS3.16 CID 7020.
"""

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from plugin.domain.findings import Code
from plugin.domain.objects import SOP_CLASSES_OF_KIND
from worker.findings.language import load_language
from worker.report.codes import concept
from worker.report.evaluations import acquisition_text
from worker.report.figures.document import report_document
from worker.report.header import request_attributes, result_dataset
from worker.report.identity import NOT_VERIFIED
from worker.report.image_library import by_instance
from worker.report.material import Material
from worker.report.passages import with_worded_impression
from worker.report.references import instance_item
from worker.report.structures import ends_of_cycle

SERIES_NUMBER = 9923
SERIES_DESCRIPTION = "AI CMR report as PDF (not verified)"
_TITLE = Code("18748-4", "LN", "Diagnostic Imaging Report")  # CID 7020


def encapsulated_pdf(material: Material) -> Dataset:
    """Return the object; its text is in English, like the pictures in it."""
    english = load_language("en")
    printed = with_worded_impression(material.assessment, material.wording, english)
    content = report_document(
        material.pictures,
        printed,
        acquisition_text(material.stack, printed, english),
        material.identity,
    )
    dataset = result_dataset(
        material.reference,
        material.identity,
        sop_class_uid=EncapsulatedPDFStorage,
        sop_instance_uid=material.uids.instance("pdf"),
        series_instance_uid=material.uids.series("pdf"),
        modality="DOC",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
    )
    requests = request_attributes(material.reference)
    if requests:
        dataset.RequestAttributesSequence = requests
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.DocumentTitle = f"Report of an AI analysis. {NOT_VERIFIED}"
    dataset.ConceptNameCodeSequence = [concept(_TITLE)]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.SourceInstanceSequence = _sources(material)
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\x00" * (len(content) % 2)
    return dataset


def _sources(material: Material) -> list[Dataset]:
    """Return the report whose text it prints, and the images that it shows."""
    phases = [phase for _, phase in ends_of_cycle(material.assessment)]
    images = by_instance(material.stack, phases)
    return [
        instance_item(SOP_CLASSES_OF_KIND["sr"], material.uids.instance("sr")),
        *(instance_item(one[0].sop_class_uid, one[0].sop_instance_uid) for one in images),
    ]
