"""Patient, study and equipment attributes of a generated study, and its deterministic UIDs.

Knows the modules that every image of a study shares. Does not know pixels or frames.

References
----------
DICOM PS3.3 C.7.1 (patient), C.7.2 (study), C.7.3 (series), C.7.5 (equipment); PS3.5 B.2 (2.25).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from worker.phantom.anatomy import Person
from worker.phantom.vendors import MAKERS, Vendor

IMPLEMENTATION_CLASS_UID = UID("2.25.174062390541530190716331262370158204861")


@dataclass(frozen=True)
class PatientIdentity:
    """Who the generated patient is said to be."""

    name: str
    patient_id: str
    person: Person

    def birth_date(self, study_date: str) -> str:
        """Date of birth that fits the age, on the first of July."""
        return f"{int(study_date[:4]) - self.person.age_years - (study_date[4:] < '0701')}0701"


@dataclass(frozen=True)
class StudyIdentity:
    """Study-level attributes and the seed of every UID."""

    patient: PatientIdentity
    vendor: Vendor = Vendor.SIEMENS
    accession_number: str = "GEN0001"
    study_id: str = "1"
    study_date: str = "20260112"
    study_time: str = "101500"
    description: str = "MR heart, generated"
    field_strength_t: float = 1.5
    uid_seed: str = field(default="cmr-triage phantom")

    def uid(self, *parts: object) -> UID:
        """Return a UID that depends on the study and the given parts only."""
        text = "|".join(
            map(str, (self.uid_seed, self.patient.patient_id, self.accession_number, *parts))
        )
        digest = hashlib.sha256(text.encode()).digest()
        return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")

    @property
    def study_instance_uid(self) -> UID:
        """Study Instance UID."""
        return self.uid("study")


def file_meta(sop_class_uid: str, sop_instance_uid: str) -> FileMetaDataset:
    """File meta information for explicit little endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    return meta


def common_header(study: StudyIdentity, series_number: int, series_key: str) -> Dataset:
    """Attributes that all images of one series share.

    Parameters
    ----------
    series_key
        What makes the series' UID different from the others of the study.
    """
    person, maker = study.patient.person, MAKERS[study.vendor]
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.StudyDate = header.SeriesDate = study.study_date
    header.AcquisitionDate = header.ContentDate = study.study_date
    header.StudyTime = study.study_time
    header.AccessionNumber = study.accession_number
    header.Modality = "MR"
    header.Manufacturer = maker.manufacturer
    header.InstitutionName = "Generated data"
    header.ReferringPhysicianName = ""
    header.StationName = "PHANTOM"
    header.StudyDescription = study.description
    header.ManufacturerModelName = maker.model
    header.PatientName = study.patient.name
    header.PatientID = study.patient.patient_id
    header.PatientBirthDate = study.patient.birth_date(study.study_date)
    header.PatientSex = str(person.sex)
    header.PatientAge = f"{person.age_years:03d}Y"
    header.PatientSize = f"{person.height_m:.2f}"
    header.PatientWeight = f"{person.weight_kg:.1f}"
    header.BodyPartExamined = "HEART"
    header.MagneticFieldStrength = f"{study.field_strength_t:g}"
    header.DeviceSerialNumber = "000000"
    header.SoftwareVersions = maker.software
    header.PatientPosition = "HFS"
    header.StudyInstanceUID = study.study_instance_uid
    header.SeriesInstanceUID = study.uid("series", series_key)
    header.StudyID = study.study_id
    header.SeriesNumber = series_number
    header.FrameOfReferenceUID = study.uid("frame of reference")
    header.PositionReferenceIndicator = ""
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    return header


def clock(study: StudyIdentity, seconds_later: float) -> str:
    """Time of day some seconds into the examination, as a DICOM TM."""
    start = study.study_time
    total = int(start[:2]) * 3600 + int(start[2:4]) * 60 + int(start[4:6]) + seconds_later
    whole = int(total) % 86400
    return (
        f"{whole // 3600:02d}{whole % 3600 // 60:02d}{whole % 60:02d}.{int(total % 1 * 1000):03d}"
    )
