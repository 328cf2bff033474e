import random
import tracemalloc
import zlib
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
    JPIPHTJ2KReferencedDeflate,
)

from dicom_node import extent as module
from dicom_node.extent import (
    DEFLATED,
    EndsEarlyError,
    InflatesTooFarError,
    measure_extent,
    open_dataset,
)
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


def measured(data, syntax):
    return measure_extent(open_dataset(BytesIO(data), syntax), syntax)


def ends_early(data, syntax):
    try:
        return measured(data, syntax).ends_early
    except EndsEarlyError:
        return True


def deflated(data):
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
def test_whole_dataset_is_not_cut(syntax):
    extent = measured(dataset_in(syntax), syntax)
    assert not extent.ends_early
    assert extent.native_pixel_bytes == (None if syntax == JPEG2000Lossless else 128)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("n_missing", [3, 7, 60, 127, 135])
def test_cut_dataset_is_noticed(syntax, n_missing):
    data = dataset_in(syntax)[:-n_missing]
    assert ends_early(data, syntax)


def test_only_whole_datasets_are_inflated():
    """PS3.5 A.5 and the two JPIP Referenced Deflate; Deflated Image Frame Compression is none."""
    assert {
        DeflatedExplicitVRLittleEndian,
        JPIPHTJ2KReferencedDeflate,
        "1.2.840.10008.1.2.4.95",
    } == DEFLATED
    data = dataset_in(ExplicitVRLittleEndian)
    for syntax in DEFLATED:
        assert open_dataset(BytesIO(deflated(data)), syntax).read() == data
        with pytest.raises(EndsEarlyError):
            open_dataset(BytesIO(b"\xff" * 100), syntax)
    frames = dataset_in(JPEG2000Lossless)
    assert not measured(frames, "1.2.840.10008.1.2.8.1").ends_early


@pytest.mark.parametrize("n_bytes", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 18])
def test_inflating_in_pieces_changes_nothing(n_bytes):
    for data in (bytes(n_bytes), random.Random(7).randbytes(n_bytes)):
        found = open_dataset(BytesIO(deflated(data)), DeflatedExplicitVRLittleEndian)
        assert found.read() == data


def test_inflating_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_INFLATED_BYTES", 1 << 20)
    allowed, bomb = deflated(bytes(1 << 20)), deflated(bytes(64 << 20))
    assert len(bomb) < 100_000
    assert len(open_dataset(BytesIO(allowed), DeflatedExplicitVRLittleEndian).read()) == 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(InflatesTooFarError):
            open_dataset(BytesIO(bomb), DeflatedExplicitVRLittleEndian)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


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
        assert not ends_early(data[start:], syntax)
        assert ends_early(data[start:-1000], syntax)
