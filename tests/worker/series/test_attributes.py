import logging
import warnings
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from worker.series import attributes as read


def with_raw(replacements: dict[bytes, bytes]) -> Dataset:
    """Make a dataset whose stored bytes were changed after writing."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        MRImageStorage,
        "1.2.3",
    )
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.NominalInterval, ds.TriggerTime, ds.PixelSpacing = 900, "12.5", [1.5, 1.25]
    ds.PatientBirthDate = "19700101"
    target = BytesIO()
    ds.save_as(target, enforce_file_format=True)
    data = target.getvalue()
    for old, new in replacements.items():
        assert old in data
        data = data.replace(old, new)
    return dcmread(BytesIO(data))


def test_number_reads_what_the_type_does_not_allow() -> None:
    ds = with_raw({b"900 ": b"90.5"})
    with read.without_complaints():
        assert read.number(ds, "NominalInterval") == 90.5


@pytest.mark.parametrize("damage", [b"abcd", b"nan ", b"inf ", b"    ", b"1e99"])
def test_number_is_none_for_what_is_no_finite_number(damage: bytes) -> None:
    ds = with_raw({b"12.5": damage})
    with read.without_complaints():
        value = read.number(ds, "TriggerTime")

    assert value is None or damage == b"1e99"


def test_numbers_needs_exactly_the_count() -> None:
    ds = with_raw({})

    assert read.numbers(ds, "PixelSpacing", 2) == (1.5, 1.25)
    assert read.numbers(ds, "PixelSpacing", 3) is None
    assert read.numbers(ds, "ImagePositionPatient", 3) is None
    with read.without_complaints():
        assert read.numbers(with_raw({b"1.5\\1.25": b"1.5\\x.25"}), "PixelSpacing", 2) is None


def test_seconds_orders_moments_and_reads_old_forms() -> None:
    ds = Dataset()
    with read.without_complaints():
        ds.ContentDate, ds.ContentTime = "1995.06.26", "11:20:00"
        ds.AcquisitionDateTime = "19950626112000.5"
        pair = ("ContentDate", "ContentTime")
        old, new = read.seconds(ds, pair), read.seconds(ds, "AcquisitionDateTime")

    assert old is not None
    assert new is not None
    assert new - old == pytest.approx(0.5)
    assert read.seconds(Dataset(), pair) is None


def test_without_complaints_keeps_values_out_of_warnings_and_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ds = with_raw({b"19700101": b"SECRET-1"})
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        with read.without_complaints():
            assert read.text(ds, "PatientBirthDate") == "SECRET-1"

    assert "SECRET" not in caplog.text
    assert not logging.getLogger("pydicom").disabled
