import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.worker.report.conftest import Reported


@pytest.fixture(params=["summary", "wall", "contours"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pixels_are_those_of_the_page(reported: Reported, kind: str) -> None:
    dataset = pydicom.dcmread(reported.files[kind].path)
    with Image.open(reported.folder / f"{kind}.png") as page:
        assert np.array_equal(dataset.pixel_array, np.asarray(page))
    assert dataset.pixel_array.shape[1] == 1536
    assert (dataset.BitsAllocated, dataset.PhotometricInterpretation) == (8, "RGB")


def test_object_says_what_it_is_and_that_nobody_verified_it(reported: Reported, kind: str) -> None:
    dataset = pydicom.dcmread(reported.files[kind].path, stop_before_pixels=True)
    assert dataset.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY"]
    assert (dataset.Modality, dataset.ConversionType) == ("OT", "WSD")
    assert dataset.BurnedInAnnotation == "YES"
    assert "not verified" in dataset.SeriesDescription
    assert "not verified by a physician" in dataset.DerivationDescription
    assert dataset.SeriesNumber > 9000
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("cmr-triage", "cmr-triage")
    assert dataset.PatientName == reported.loaded.reference.PatientName
    assert dataset.RequestAttributesSequence[0].RequestedProcedureID == "RP-9"
