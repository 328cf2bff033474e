"""Bad input: each is refused with the precise reason, or repaired with a note."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import CTImageStorage

from plugin.domain.errors import Reason, TransientError
from tests.worker.volume.studies import cine, enhanced_cine, write
from tests.worker.volume.test_load import assert_shows_the_world, note_keys, rejection
from worker.volume import files, load_study, pixels
from worker.volume.files import read_headers

BASE_TO_APEX = np.array([0.62, -0.55, -0.55]) / np.linalg.norm([0.62, -0.55, -0.55])


def without(images: list[FileDataset], *indices: int) -> list[FileDataset]:
    return [ds for i, ds in enumerate(images) if i not in indices]


def samples() -> Path:
    folder = os.environ.get("CMR_TRIAGE_DICOM_SAMPLES_DIR")
    if not folder:
        pytest.skip("CMR_TRIAGE_DICOM_SAMPLES_DIR is not set")
    return Path(folder)


def test_load_study_rejects_ct_as_not_mr(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
        ds.Modality = "CT"

    assert rejection(write(images, tmp_path)).reason is Reason.NOT_MR


def test_load_study_rejects_brain_mr_as_not_cardiac(tmp_path: Path) -> None:
    images = cine(n_phases=1)
    for ds in images:
        ds.BodyPartExamined, ds.SeriesDescription, ds.ScanOptions = "BRAIN", "t1_mprage", ""
        del ds.TriggerTime, ds.NominalInterval, ds.CardiacNumberOfImages

    assert rejection(write(images, tmp_path)).reason is Reason.NOT_CARDIAC


def test_load_study_rejects_a_cardiac_study_without_short_axis_cine(tmp_path: Path) -> None:
    images = cine(n_slices=1, apex=(0.66, 0.75, 0.0))

    assert rejection(write(images, tmp_path)).reason is Reason.NO_SHORT_AXIS_CINE


@pytest.mark.parametrize("n_slices", [1, 3])
def test_load_study_rejects_too_few_slices(tmp_path: Path, n_slices: int) -> None:
    error = rejection(write(cine(n_slices=n_slices), tmp_path))

    assert error.reason is Reason.TOO_FEW_SLICES
    assert f"{n_slices} slice(s)" in error.sentence


def test_load_study_rejects_two_phases(tmp_path: Path) -> None:
    error = rejection(write(cine(n_phases=2), tmp_path))

    assert error.reason is Reason.TOO_FEW_PHASES
    assert "2 phases" in error.sentence


def test_load_study_rejects_a_cine_without_geometry(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        del ds.ImagePositionPatient, ds.ImageOrientationPatient

    assert rejection(write(images, tmp_path)).reason is Reason.MISSING_GEOMETRY


def test_load_study_rejects_the_old_cine_without_geometry() -> None:
    paths = list((samples() / "odd").glob("*.dcm"))

    assert paths
    assert rejection(paths).reason is Reason.MISSING_GEOMETRY


def test_load_study_rejects_real_brain_studies_as_not_cardiac() -> None:
    for name in ("enhanced_mr", "mr_transfer_syntaxes"):
        paths = list((samples() / name).glob("*.dcm"))
        assert paths
        assert rejection(paths).reason is Reason.NOT_CARDIAC


@pytest.mark.parametrize("spacing", [None, [0.0, 1.5], [1.5, -1.5], [300.0, 300.0]], ids=str)
def test_load_study_rejects_invalid_pixel_spacing(
    tmp_path: Path, spacing: list[float] | None
) -> None:
    images = cine()
    for ds in images:
        ds.PixelSpacing = spacing

    assert rejection(write(images, tmp_path)).reason is Reason.INVALID_PIXEL_SPACING


def test_load_study_rejects_a_missing_slice_and_says_how_wide_the_gap_is(tmp_path: Path) -> None:
    error = rejection(write(without(cine(), *range(24, 32)), tmp_path))

    assert error.reason is Reason.MISSING_SLICE
    assert "18.0 mm" in error.sentence


def test_load_study_rejects_mixed_spacing(tmp_path: Path) -> None:
    images = cine()
    for i, ds in enumerate(images):
        move = 4.0 * max(i // 8 - 3, 0) * BASE_TO_APEX  # the apical slices lie 13 mm apart
        ds.ImagePositionPatient = [
            f"{v + m:.4f}" for v, m in zip(ds.ImagePositionPatient, move, strict=True)
        ]

    assert rejection(write(images, tmp_path)).reason is Reason.INCONSISTENT_STACK


def test_load_study_rejects_slices_of_different_matrix(tmp_path: Path) -> None:
    upper = [ds for ds in cine() if ds.InstanceNumber <= 32]
    lower = [ds for ds in cine(rows=20, columns=20) if ds.InstanceNumber > 32]

    assert rejection(write(upper + lower, tmp_path)).reason is Reason.INCONSISTENT_STACK


def test_load_study_rejects_mixed_patients(tmp_path: Path) -> None:
    images = cine()
    for ds in images[:10]:
        ds.PatientID, ds.PatientName = "P2", "Somebody^Else"
    error = rejection(write(images, tmp_path))

    assert error.reason is Reason.MIXED_PATIENTS
    assert "P2" not in error.sentence
    assert "Somebody" not in error.sentence


def test_load_study_accepts_a_corrected_name_of_one_patient(tmp_path: Path) -> None:
    images = cine()
    for ds in images[:10]:
        ds.PatientName = "TEST^ONE^^"

    assert load_study(write(images, tmp_path)).stack.n_slices == 7


def test_load_study_rejects_undecodable_pixels(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes()[:-50])

    assert rejection(paths).reason is Reason.UNREADABLE_PIXELS


def test_load_study_rejects_images_without_pixels(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        del ds.PixelData

    assert rejection(write(images, tmp_path)).reason is Reason.UNREADABLE_PIXELS


def test_load_study_bridges_one_truncated_image_with_a_note(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path)
    paths[19].write_bytes(paths[19].read_bytes()[:-50])
    study = load_study(paths)

    assert note_keys(study) >= {"unreadable_image", "missing_phase"}
    assert study.stack.pixels.shape[:2] == (8, 7)


@pytest.mark.parametrize("n_bytes", [140, 400, 900])
def test_load_study_survives_files_cut_anywhere_in_the_header(tmp_path: Path, n_bytes: int) -> None:
    paths = write(cine(), tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:n_bytes])

    assert "missing_phase" in note_keys(load_study(paths))


NO_FAULT_OF_THE_FILE = [
    OSError(errno.EIO, os.strerror(errno.EIO)),
    OSError(errno.ESTALE, os.strerror(errno.ESTALE)),
    PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
    MemoryError(),
]
"""What a disk, a share or a full memory does, whatever is in the file."""


def fails_at(path: Path, error: BaseException, work: Callable[..., Any]) -> Callable[..., Any]:
    def maybe(first: Any, *arguments: Any, **options: Any) -> Any:
        if (first if isinstance(first, Path) else Path(first.name)) == path:
            raise error
        return work(first, *arguments, **options)

    return maybe


@pytest.mark.parametrize("error", NO_FAULT_OF_THE_FILE, ids=repr)
@pytest.mark.parametrize("moment", ["open", "read", "age", "decode"])
def test_load_study_leaves_no_image_out_because_the_disk_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, moment: str
) -> None:
    """Whole slices would be missing in a measurement that looks complete."""
    paths = write(cine(), tmp_path / "a") + write(cine()[:1], tmp_path / "b")
    at = paths[0]
    if moment == "open":
        monkeypatch.setattr(Path, "open", fails_at(at, error, Path.open))
    if moment == "read":
        reader = files.pydicom.filereader
        monkeypatch.setattr(reader, "read_partial", fails_at(at, error, reader.read_partial))
    if moment == "age":
        monkeypatch.setattr(Path, "read_bytes", fails_at(at, error, Path.read_bytes))
    if moment == "decode":
        at = paths[9]
        monkeypatch.setattr(pixels, "iter_pixels", fails_at(at, error, pixels.iter_pixels))
    with pytest.raises(TransientError) as caught:
        load_study(paths)

    if isinstance(error, OSError):
        assert str(error.strerror) in caught.value.sentence
    monkeypatch.undo()
    assert load_study(paths).stack.n_slices == 7


def test_load_study_waits_for_a_file_that_is_named_and_not_there(tmp_path: Path) -> None:
    """A share that went away while the study was read looks like this."""
    paths = write(cine(), tmp_path)
    with pytest.raises(TransientError, match="No such file"):
        load_study([*paths, tmp_path / "missing.dcm"])


@pytest.mark.parametrize(
    "error", [OSError("broken data stream"), OSError(errno.EINVAL, "Invalid argument")], ids=repr
)
def test_load_study_leaves_out_what_the_file_itself_is_to_blame_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    paths = write(cine(), tmp_path)
    decode = pixels.iter_pixels

    def damaged(path: Path, **options: Any) -> Iterator[Any]:
        if path == paths[9]:
            raise error
        return decode(path, **options)

    monkeypatch.setattr(pixels, "iter_pixels", damaged)

    assert note_keys(load_study(paths)) >= {"unreadable_image", "missing_phase"}
    monkeypatch.setattr(Path, "open", fails_at(paths[3], error, Path.open))
    assert read_headers(paths).n_unreadable == 1


def test_load_study_rejects_a_cine_whose_phases_cannot_be_ordered(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        del ds.TriggerTime
        ds.InstanceNumber = 1

    assert rejection(write(images, tmp_path)).reason is Reason.MISSING_TIMING


def test_load_study_uses_the_newest_of_differing_images_with_one_uid(tmp_path: Path) -> None:
    changed = cine()[4]
    changed.PixelData = bytes(len(changed.PixelData))
    changed.ContentTime = "101400"  # older than the images of the study
    paths = write([changed], tmp_path / "a") + write(cine(), tmp_path / "b")
    study = load_study(paths)

    assert "duplicate_uid" in note_keys(study)
    assert_shows_the_world(study.stack)


def test_load_study_uses_the_last_received_where_times_are_equal(tmp_path: Path) -> None:
    changed = cine()[4]
    changed.PixelData = bytes(len(changed.PixelData))
    paths = write(cine(), tmp_path / "a") + write([changed], tmp_path / "b")
    os.utime(paths[-1], (2_000_000_000, 2_000_000_000))
    study = load_study(paths)

    assert "duplicate_uid" in note_keys(study)
    assert study.stack.pixels[4, 0].max() == 0.0


def test_load_study_says_nothing_of_identical_duplicates(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path / "a") + write(cine()[:5], tmp_path / "b")

    assert not note_keys(load_study(paths)) - {"few_phases"}


def test_load_study_survives_values_that_are_not_what_their_type_says(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path)
    for path in paths:
        data = path.read_bytes()
        path.write_bytes(
            data.replace(b"20260105", b"2026.1.5").replace(b"IS\x04\x00900 ", b"IS\x04\x0090.5")
        )

    assert load_study(paths).stack.n_phases == 8


def test_load_study_rejects_enhanced_mr_without_positions(tmp_path: Path) -> None:
    images = enhanced_cine()
    for groups in images[0].PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence

    assert rejection(write(images, tmp_path)).reason is Reason.MISSING_GEOMETRY
