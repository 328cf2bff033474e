"""Small DICOM images for the node's tests, and a plain sender."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from dicom_node.answers import keep_answers

MR = "1.2.840.10008.5.1.4.1.1.4"


def mr_image(study: str | None = None, series: str | None = None, **changes) -> FileDataset:
    """Make a small cardiac MR image; ``changes`` are keywords, None deletes one."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MR
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = MR
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = study or generate_uid()
    dataset.SeriesInstanceUID = series or generate_uid()
    dataset.Modality = "MR"
    dataset.PatientName = "Secret^Person"
    dataset.PatientID = "P1"
    dataset.PatientBirthDate = "19700101"
    dataset.AccessionNumber = "A1"
    dataset.StudyDate = "20240102"
    dataset.BodyPartExamined = "HEART"
    dataset.ImagePositionPatient = [0.0, 0.0, 0.0]
    dataset.Rows = dataset.Columns = 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = np.arange(64, dtype="<u2").tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some tests want values that are not allowed
        for keyword, value in changes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", MR)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or "1.2.3"
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    """Write an image as a file."""
    dataset.save_as(path, enforce_file_format=True)
    return path


def dataset_bytes(path: Path) -> bytes:
    """Return the dataset of a Part 10 file as it lies there, without preamble and group 0002."""
    data = path.read_bytes()
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def encoded(dataset: Dataset) -> bytes:
    """Return the bytes of the dataset as a file would hold them."""
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    return data[144 + int.from_bytes(data[140:144], "little") :]


def associate(port: int, calling="ARCHIVE", called="CMRTRIAGE", contexts=((MR, None),)):
    """Open an association with a node on this machine."""
    entity = AE(ae_title=calling)
    for sop_class, syntaxes in contexts:
        entity.add_requested_context(sop_class, syntaxes or [ExplicitVRLittleEndian])
    association = entity.associate("127.0.0.1", port, ae_title=called)
    keep_answers(association)
    return association


def send(port: int, *datasets: Dataset, calling="ARCHIVE") -> list[int]:
    """Send images over one association and return the statuses."""
    classes = {dataset.SOPClassUID for dataset in datasets}
    association = associate(port, calling, contexts=[(uid, None) for uid in classes])
    assert association.is_established
    statuses = [association.send_c_store(dataset).Status for dataset in datasets]
    association.release()
    return statuses
