"""The part that all result objects share: patient, study, equipment, dates and UIDs.

Knows which attributes of the images' header are copied, and copies them as they are: an archive
matches a result to its patient by them, so a strange name stays strange. Knows no pixel and no
content item.

References
----------
DICOM PS3.3 C.7.1.1 (Patient), C.7.2.1 (General Study), C.7.2.2 (Patient Study), C.7.3.1 (General
Series), C.7.5.2 (Enhanced General Equipment), C.12.1 (SOP Common, with Contributing Equipment as
IHE AI Results asks for it).
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME, derive_uid
from worker.report.codes import PROCESSING_EQUIPMENT, concept, private_scheme_item
from worker.report.copying import copied_items, copy_attributes, empty_attributes
from worker.report.identity import AnalysisIdentity

IMPLEMENTATION_CLASS_UID = derive_uid("implementation", "cmr-triage")
IMPLEMENTATION_VERSION_NAME = "CMR_TRIAGE_1"

_REQUIRED = (  # type 2: written empty when the images do not have them
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
_OPTIONAL = (
    "IssuerOfPatientID",
    "OtherPatientIDsSequence",
    "PatientBirthTime",
    "EthnicGroup",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "IssuerOfAccessionNumberSequence",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "TimezoneOffsetFromUTC",
)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")


def result_dataset(  # noqa: PLR0913 - all of them are attributes of every object
    reference: Dataset,
    identity: AnalysisIdentity,
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    series_instance_uid: str,
    modality: str,
    series_number: int,
    series_description: str,
) -> Dataset:
    """Return a new object of the study that ``reference`` (an image header) belongs to.

    Text is UTF-8 (``ISO_IR 192``), so any name survives. Dates are ``identity.created_at`` in the
    images' time zone where they tell it, else in the local one.
    """
    dataset = Dataset()
    dataset.preamble = b"\x00" * 128
    dataset.file_meta = _file_meta(sop_class_uid, sop_instance_uid)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _copy_patient_and_study(reference, dataset)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.StudyInstanceUID = str(reference.StudyInstanceUID)
    dataset.SeriesInstanceUID = series_instance_uid
    dataset.Modality = modality
    dataset.SeriesNumber = series_number
    dataset.SeriesDescription = series_description
    dataset.InstanceNumber = 1
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL_NAME
    dataset.DeviceSerialNumber = identity.bundle_digest[:16] or "unknown"
    dataset.SoftwareVersions = [identity.software_version, identity.bundle[:64]]
    dataset.ContributingEquipmentSequence = [_algorithm_item(identity)]
    dataset.CodingSchemeIdentificationSequence = [private_scheme_item()]
    moment = local_time(identity.created_at, reference)
    for name in ("InstanceCreation", "Series", "Content"):
        setattr(dataset, f"{name}Date", moment.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", moment.strftime("%H%M%S"))
    return dataset


def local_time(moment: datetime, reference: Dataset) -> datetime:
    """Return ``moment`` in the time zone of the images (0008,0201), else in the machine's."""
    text = str(reference.get("TimezoneOffsetFromUTC") or "")
    match = _OFFSET.fullmatch(text.strip())
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if match is None:
        return aware.astimezone()
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return aware.astimezone(timezone(-offset if match[1] == "-" else offset))


def request_attributes(reference: Dataset) -> list[Dataset]:
    """Return copies of the images' Request Attributes items, empty when there are none."""
    return copied_items(reference, "RequestAttributesSequence")


def copied_text(reference: Dataset) -> str:
    """Return all that is copied, as one text: what a content digest has to cover."""
    shell = Dataset()
    _copy_patient_and_study(reference, shell)
    return str(shell.to_json(suppress_invalid_tags=True))


def _copy_patient_and_study(source: Dataset, target: Dataset) -> None:
    """Copy the attributes that say whose study it is."""
    copy_attributes(source, target, _REQUIRED + _OPTIONAL)
    empty_attributes(target, _REQUIRED)


def _algorithm_item(identity: AnalysisIdentity) -> Dataset:
    """Return what computed the result; another bundle or software is another device."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [concept(PROCESSING_EQUIPMENT)]
    item.Manufacturer = MANUFACTURER
    item.ManufacturerModelName = identity.bundle_name[:64]
    item.SoftwareVersions = [identity.software_version, identity.bundle[:64]]
    item.DeviceUID = derive_uid("device", identity.software_version, identity.bundle_digest[:16])
    return item


def _file_meta(sop_class_uid: str, sop_instance_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
