"""Secondary Capture: a page as an image that any viewer shows.

Knows the image object; the page comes as an RGB array. Uncompressed 8-bit RGB is the form that
every archive and viewer takes.

References
----------
DICOM PS3.3 A.8.1 (Secondary Capture IOD), C.8.6 (SC Equipment and Image), C.7.6.1 (General Image).
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from worker.report.figures.canvas import RgbArray
from worker.report.header import request_attributes, result_dataset
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity, ResultUids

SERIES = {  # kind: number, description
    "summary": (9902, "AI CMR summary (not verified)"),
    "contours": (9903, "AI CMR contours ED/ES (not verified)"),
    "wall": (9904, "AI CMR wall and volumes (not verified)"),
    "saliency": (9924, "AI CMR what the finding rests on (not verified)"),
}


def secondary_capture(
    kind: str,
    page: RgbArray,
    reference: Dataset,
    identity: AnalysisIdentity,
    uids: ResultUids,
) -> Dataset:
    """Return the page as a dataset ready to be written.

    Parameters
    ----------
    kind
        One of ``SERIES``.
    page
        uint8 ``[row, column, 3]``; must show no patient name.
    """
    dataset = capture_without_pixels(
        kind, SERIES[kind], SecondaryCaptureImageStorage, reference, identity, uids
    )
    dataset.LossyImageCompression = "00"
    set_pixel_form(dataset, page, "RGB")
    pixels = np.ascontiguousarray(page, dtype=np.uint8)
    dataset.add_new("PixelData", "OB", pixels.tobytes())
    return dataset


def capture_without_pixels(
    kind: str,
    series: tuple[int, str],
    sop_class_uid: str,
    reference: Dataset,
    identity: AnalysisIdentity,
    uids: ResultUids,
) -> Dataset:
    """Return all of a capture that does not depend on what it shows.

    Parameters
    ----------
    series
        Number and description of the series.
    """
    number, description = series
    dataset = result_dataset(
        reference,
        identity,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=uids.instance(kind),
        series_instance_uid=uids.series(kind),
        modality="OT",
        series_number=number,
        series_description=description,
    )
    requests = request_attributes(reference)
    if requests:
        dataset.RequestAttributesSequence = requests
    dataset.BodyPartExamined = "HEART"
    dataset.ConversionType = "WSD"
    dataset.SecondaryCaptureDeviceManufacturer = dataset.Manufacturer
    dataset.SecondaryCaptureDeviceManufacturerModelName = dataset.ManufacturerModelName
    dataset.SecondaryCaptureDeviceSoftwareVersions = dataset.SoftwareVersions
    dataset.DateOfSecondaryCapture = dataset.ContentDate
    dataset.TimeOfSecondaryCapture = dataset.ContentTime
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = ""
    dataset.DerivationDescription = f"{NOT_VERIFIED}. Drawn from the short-axis cine of this study."
    dataset.ImageComments = f"{NOT_VERIFIED} ({identity.bundle})"
    dataset.BurnedInAnnotation = "YES"
    dataset.RecognizableVisualFeatures = "NO"
    return dataset


def set_pixel_form(dataset: Dataset, page: RgbArray, photometric: str) -> None:
    """Set the Image Pixel module but for the pixels: 8-bit colour of the size of a page."""
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = (int(n) for n in page.shape)
    dataset.PhotometricInterpretation = photometric
    dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8
    dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
