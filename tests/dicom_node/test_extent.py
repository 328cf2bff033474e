from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from dicom_node.extent import measure_extent
from tests.dicom_node.images import mr_image

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
]


def dataset_in(syntax) -> bytes:
    image = mr_image()
    item = Dataset()
    item.CodeValue = "1"
    item.ConceptNameCodeSequence = [Dataset()]
    image.ProcedureCodeSequence = [item, Dataset()]
    image.ProcedureCodeSequence.is_undefined_length = True
    item.is_undefined_length_sequence_item = True  # both kinds of items
    image.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEG2000Lossless:
        image.PixelData = encapsulate([b"\xff\x4f" * 200])
        image["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    return data[144 + int.from_bytes(data[140:144], "little") :]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_whole_dataset_is_not_cut(syntax):
    extent = measure_extent(BytesIO(dataset_in(syntax)), syntax)
    assert not extent.ends_early
    assert extent.native_pixel_bytes == (None if syntax == JPEG2000Lossless else 128)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("n_missing", [3, 7, 60, 127, 135])
def test_cut_dataset_is_noticed(syntax, n_missing):
    data = dataset_in(syntax)[:-n_missing]
    assert measure_extent(BytesIO(data), syntax).ends_early


def test_zeros_behind_the_last_element_are_padding():
    data = dataset_in(ExplicitVRLittleEndian) + bytes(501)
    assert not measure_extent(BytesIO(data), ExplicitVRLittleEndian).ends_early


def test_endless_nesting_ends():
    data = b"\x40\x00\x40\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000
    assert measure_extent(BytesIO(data), ExplicitVRLittleEndian).ends_early


def test_samples_of_all_encodings_are_whole_and_noticed_when_cut(samples):
    for path in sorted((samples / "mr_transfer_syntaxes").glob("*.dcm")):
        data = path.read_bytes()
        start = 144 + int.from_bytes(data[140:144], "little")
        syntax = str(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        assert not measure_extent(BytesIO(data[start:]), syntax).ends_early
        assert measure_extent(BytesIO(data[start:-1000]), syntax).ends_early
