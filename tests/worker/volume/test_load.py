import dataclasses
import random
import time
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEGLSLossless, RLELossless

from plugin.domain.errors import Reason, StudyRejectedError
from tests.worker.volume.studies import CineSpec, cine, enhanced_cine, world_value, write
from worker.series import Role
from worker.volume import CineStack, LoadedStudy, load_study

SPEC = CineSpec()


def rejection(paths: list[Path]) -> StudyRejectedError:
    with pytest.raises(StudyRejectedError) as caught:
        load_study(paths)
    return caught.value


def note_keys(study: LoadedStudy) -> set[str]:
    return {note.key for note in study.stack.notes}


def assert_shows_the_world(stack: CineStack, rr_ms: float = SPEC.rr_ms) -> None:
    """Every voxel has the value of its own patient coordinate and time."""
    rows, columns = stack.pixels.shape[2:]
    i, j = np.mgrid[:rows, :columns]
    for s, origin in enumerate(stack.slice_origins_mm):
        points = origin + j[..., None] * stack.affine[:3, 0] + i[..., None] * stack.affine[:3, 1]
        for p, time_ms in enumerate(stack.trigger_times_ms):
            expected = world_value(points, time_ms / rr_ms)
            assert np.abs(stack.pixels[p, s] - expected).max() <= 1.0


def test_load_study_makes_stack_base_first_with_times_and_spacing(tmp_path: Path) -> None:
    study = load_study(write(cine(), tmp_path))

    stack = study.stack
    assert stack.pixels.shape == (8, 7, 14, 10)
    assert stack.pixels.dtype == np.float32
    assert stack.row_spacing_mm == pytest.approx(2.0)
    assert stack.column_spacing_mm == pytest.approx(1.5)
    assert stack.slice_spacing_mm == pytest.approx(9.0, abs=1e-4)
    assert stack.trigger_times_ms == pytest.approx([112.5 * p for p in range(8)])
    assert stack.rr_interval_ms == 900.0
    assert stack.apex_direction_certain
    assert stack.normal @ np.array([0.62, -0.55, -0.55]) > 0.9
    assert_shows_the_world(stack)
    assert [one.role for one in study.series] == [Role.SHORT_AXIS_CINE]


def test_load_study_gives_headers_without_pixels_for_the_report(tmp_path: Path) -> None:
    study = load_study(write(cine(), tmp_path))

    assert len(study.evidence) == 56
    assert all("PixelData" not in one for one in (*study.evidence, study.reference))
    assert [one.InstanceNumber for one in study.evidence] == list(range(1, 57))
    used = {f.sop_instance_uid for row in study.stack.frames for f in row}
    assert used == {one.SOPInstanceUID for one in study.evidence}
    assert study.stack.frames[0][0].frame_number is None


def test_load_study_is_the_same_in_any_order_of_arrival(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path)
    first = load_study(paths)
    random.Random(3).shuffle(paths)
    second = load_study(paths)

    assert np.array_equal(first.stack.pixels, second.stack.pixels)
    assert first.stack.frames == second.stack.frames
    assert first.input_digest == second.input_digest


@pytest.mark.parametrize(
    "changes",
    [
        {"from_apex": True},
        {"quarter_turns": 1},
        {"quarter_turns": 2},
        {"quarter_turns": 3, "from_apex": True},
        {"mirrored": True},
        {"mirrored": True, "quarter_turns": 1, "from_apex": True},
        {"series_per_slice": True},
        {"vendor": "GE MEDICAL SYSTEMS"},
    ],
    ids=str,
)
def test_load_study_gives_the_same_physics_for_any_layout(
    changes: dict[str, object], tmp_path: Path
) -> None:
    usual = load_study(write(cine(), tmp_path / "usual")).stack
    stack = load_study(write(cine(**changes), tmp_path / "changed")).stack

    assert_shows_the_world(stack)
    assert np.allclose(stack.normal, usual.normal, atol=1e-6)
    assert np.allclose(stack.slice_positions_mm, usual.slice_positions_mm, atol=1e-4)
    for s in range(usual.n_slices):  # the same set of values, slice by slice from the base
        assert np.array_equal(np.sort(stack.pixels[0, s], None), np.sort(usual.pixels[0, s], None))


@pytest.mark.parametrize("series_per_slice", [False, True])
def test_load_study_reads_enhanced_mr(tmp_path: Path, series_per_slice: bool) -> None:
    paths = write(enhanced_cine(series_per_slice=series_per_slice), tmp_path)
    study = load_study(paths)

    assert study.stack.pixels.shape == (8, 7, 14, 10)
    assert_shows_the_world(study.stack)
    assert study.stack.rr_interval_ms == 900.0
    # Phase 2 of slice 1: frame 3 of its own instance, or the third of the second eight.
    assert study.stack.frames[2][1].frame_number == (3 if series_per_slice else 11)
    assert len(study.evidence) == (7 if series_per_slice else 1)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_load_study_decodes_compressed_images_to_the_same_digest(
    tmp_path: Path, syntax: str
) -> None:
    plain = load_study(write(cine(n_phases=6, n_slices=5), tmp_path / "plain"))
    packed = cine(n_phases=6, n_slices=5)
    for ds in packed:
        ds.compress(syntax, generate_instance_uid=False)
    study = load_study(write(packed, tmp_path / "packed"))

    assert np.array_equal(study.stack.pixels, plain.stack.pixels)
    assert study.input_digest == plain.input_digest


def test_input_digest_ignores_demographics_and_other_series(tmp_path: Path) -> None:
    plain = load_study(write(cine(), tmp_path / "plain"))
    corrected = cine(patient_name="Other^Spelling", patient_id="P2")
    lge = cine(n_phases=1, series="lge", description="LGE")
    for ds in lge:
        ds.ScanningSequence, ds.InversionTime, ds.PatientID = ["GR", "IR"], 280, "P2"
    study = load_study(write(corrected + lge, tmp_path / "corrected"))

    assert study.input_digest == plain.input_digest
    assert {one.role for one in study.series} == {Role.SHORT_AXIS_CINE, Role.LGE}


def test_input_digest_changes_with_one_pixel_a_position_or_a_time(tmp_path: Path) -> None:
    digests = {load_study(write(cine(), tmp_path / "plain")).input_digest}
    for change in ("pixel", "position", "time"):
        images = cine()
        if change == "pixel":
            data = bytearray(images[20].PixelData)
            data[10] ^= 1
            images[20].PixelData = bytes(data)
        elif change == "position":
            for ds in images[-8:]:
                ds.ImagePositionPatient = [float(v) + 0.1 for v in ds.ImagePositionPatient]
        else:
            images[20].TriggerTime = float(images[20].TriggerTime) + 1.0
        digests.add(load_study(write(images, tmp_path / change)).input_digest)

    assert len(digests) == 4


def test_load_study_passes_over_files_that_are_no_images(tmp_path: Path) -> None:
    paths = write(cine(), tmp_path)
    (tmp_path / "README.txt").write_text("not DICOM, but long enough to be looked at" * 10)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "preamble").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    extra = [tmp_path / name for name in ("README.txt", "empty", "preamble")]
    study = load_study([*extra, *paths])

    assert study.stack.pixels.shape == (8, 7, 14, 10)


def test_load_study_rejects_a_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x" * 300)

    assert rejection([tmp_path / "notes.txt"]).reason is Reason.NO_READABLE_INSTANCE


def test_load_study_is_fast_enough(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, n_slices=10, n_phases=25, rows=64, columns=64)
    paths = write(cine(spec), tmp_path)
    start = time.process_time()
    load_study(paths)

    assert time.process_time() - start < 4.0  # about 0.8 s on an idle core


def test_load_study_reads_clinical_text_of_the_whole_study(tmp_path: Path) -> None:
    images = cine()
    images[0].SpecificCharacterSet = "ISO_IR 100"
    other = cine(series="other", series_number=2, n_slices=1)
    for image in other:
        image.SpecificCharacterSet = "ISO_IR 100"  # wrong: the text below is UTF-8
        image.add_new(0x001021B0, "LT", "Test One, Müdigkeit".encode())
    loaded = load_study(write([*images, *other], tmp_path))
    assert [one.text for one in loaded.clinical.texts] == ["[name], Müdigkeit"]
