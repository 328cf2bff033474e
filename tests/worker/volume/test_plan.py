"""Stacks that are complete in an unusual way: several series, repeats, gaps in time."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from plugin.domain.identifiers import derive_uid
from tests.worker.volume.studies import CineSpec, cine, write
from tests.worker.volume.test_load import assert_shows_the_world, note_keys
from worker.series import Role
from worker.volume import load_study

SPEC = CineSpec()


def darkened(images: list[FileDataset]) -> list[FileDataset]:
    for ds in images:
        ds.PixelData = bytes(len(ds.PixelData))
    return images


def renumbered(images: list[FileDataset], name: str, first: int = 1) -> list[FileDataset]:
    for i, ds in enumerate(images):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = derive_uid(name, str(i))
        ds.InstanceNumber = first + i
    return images


@pytest.mark.parametrize("in_same_series", [True, False])
def test_stack_uses_the_newest_of_a_repeated_slice(tmp_path: Path, in_same_series: bool) -> None:
    old = darkened(cine(acquired="101000")[16:24])
    new = cine(series="cine" if in_same_series else "again")
    renumbered(old, "old")
    renumbered(new, "new", 9)
    if not in_same_series:
        for ds in old:
            ds.SeriesInstanceUID = derive_uid("series", "first")
    study = load_study(write(old + new, tmp_path))

    assert "repeated_slice" in note_keys(study)
    assert_shows_the_world(study.stack)


def test_stack_keeps_the_older_run_when_the_newer_was_aborted(tmp_path: Path) -> None:
    aborted = renumbered(darkened(cine(acquired="103000")[16:19]), "aborted", 100)
    study = load_study(write(cine() + aborted, tmp_path))

    assert_shows_the_world(study.stack)


def test_stack_recognises_a_repeat_with_another_rr_interval_in_one_series(tmp_path: Path) -> None:
    again = cine(acquired="102000", rr_ms=930.0)[16:24]
    study = load_study(write(cine() + renumbered(again, "again", 57), tmp_path))

    frames = {row[2].sop_instance_uid for row in study.stack.frames}
    assert frames == {ds.SOPInstanceUID for ds in again}


def test_stack_takes_two_reconstructions_of_one_acquisition_from_one_series(tmp_path: Path) -> None:
    normalised = cine(series="normalised", series_number=8)
    study = load_study(write(cine() + normalised, tmp_path))

    used = {f.series_instance_uid for row in study.stack.frames for f in row}
    assert used == {derive_uid("series", "normalised")}


def test_stack_bridges_a_missing_phase_with_its_neighbour(tmp_path: Path) -> None:
    images = cine(n_phases=20)
    del images[20 * 3 + 10]
    study = load_study(write(images, tmp_path))

    assert note_keys(study) == {"missing_phase"}
    pick = study.stack.frames[10][3]
    assert pick in {study.stack.frames[9][3], study.stack.frames[11][3]}
    assert study.stack.n_phases == 20


@pytest.mark.parametrize("n_other", [16, 25])
def test_stack_resamples_a_slice_with_another_number_of_phases(
    tmp_path: Path, n_other: int
) -> None:
    images = cine(n_phases=20, series_per_slice=True)
    other = cine(n_phases=n_other, series_per_slice=True)
    mixed = [ds for i, ds in enumerate(images) if i // 20 != 2]
    mixed += [ds for i, ds in enumerate(other) if i // n_other == 2]
    study = load_study(write(mixed, tmp_path))

    assert "phase_count" in note_keys(study)
    assert study.stack.n_phases == 20
    times = [_trigger_time_ms(mixed, row[2].sop_instance_uid) for row in study.stack.frames]
    assert np.abs(np.array(times) - study.stack.trigger_times_ms).max() <= 900.0 / n_other / 2 + 0.1


def _trigger_time_ms(images: list[FileDataset], uid: str) -> float:
    return next(float(ds.TriggerTime) for ds in images if uid == ds.SOPInstanceUID)


def test_stack_aligns_breath_holds_with_different_rr_by_phase(tmp_path: Path) -> None:
    slices = []
    for s in range(7):
        rr_ms = 850.0 + 20.0 * s
        slices += cine(rr_ms=rr_ms)[s * 8 : s * 8 + 8]
    stack = load_study(write(slices, tmp_path)).stack

    assert stack.rr_interval_ms == 910.0
    assert stack.trigger_times_ms == pytest.approx([910.0 / 8 * p for p in range(8)], abs=0.01)
    assert_shows_the_world(stack, 910.0)


def test_stack_leaves_out_an_end_slice_with_too_few_phases(tmp_path: Path) -> None:
    study = load_study(write(cine()[:-5], tmp_path))

    assert study.stack.n_slices == 6
    assert "incomplete_slice" in note_keys(study)


def test_stack_leaves_out_a_slice_between_two_others(tmp_path: Path) -> None:
    extra = cine(step_mm=SPEC.step_mm / 3.0, series="extra")[32:40]  # at 12 mm, between 9 and 18
    study = load_study(write(cine() + extra, tmp_path))

    assert study.stack.n_slices == 7
    assert_shows_the_world(study.stack)


def test_stack_orders_phases_without_trigger_times_by_instance_number(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        del ds.TriggerTime
    study = load_study(write(images, tmp_path))

    assert_shows_the_world(study.stack)
    assert study.stack.rr_interval_ms == 900.0


def test_stack_spaces_phases_evenly_and_says_so_without_any_time(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        del ds.TriggerTime, ds.NominalInterval, ds.CardiacNumberOfImages
    study = load_study(write(images, tmp_path))

    assert "nominal_times" in note_keys(study)
    assert study.stack.rr_interval_ms is None
    assert study.stack.trigger_times_ms == pytest.approx([125.0 * p for p in range(8)])


def test_stack_has_no_rr_interval_where_headers_contradict_themselves(tmp_path: Path) -> None:
    images = cine()
    for ds in images:
        ds.NominalInterval = 400
    study = load_study(write(images, tmp_path))

    assert study.stack.rr_interval_ms is None
    assert "contradicting_rr_interval" in note_keys(study)


def test_stack_of_one_series_per_slice_may_have_a_frame_of_reference_each(tmp_path: Path) -> None:
    images = cine(series_per_slice=True)
    for ds in images:
        ds.FrameOfReferenceUID = derive_uid("space", ds.SeriesInstanceUID)
    study = load_study(write(images, tmp_path))

    assert study.stack.n_slices == 7
    assert "frame_of_reference" in note_keys(study)


def test_stack_prefers_the_balanced_cine_to_a_spoiled_one(tmp_path: Path) -> None:
    spoiled = darkened(cine(series="spoiled", acquired="110000"))
    for ds in spoiled:
        ds.SequenceVariant, ds.SequenceName = "SP", "*fl2d1"
    study = load_study(write(cine() + spoiled, tmp_path))

    assert_shows_the_world(study.stack)
    assert "other_short_axis" in note_keys(study)


def test_stack_ignores_long_axis_and_phase_images(tmp_path: Path) -> None:
    long_axis = cine(n_slices=1, apex=(0.66, 0.75, 0.0), series="lax")
    phase_images = darkened(cine(series="phase", acquired="110000"))
    for ds in phase_images:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]
    study = load_study(write(cine() + long_axis + phase_images, tmp_path))

    assert_shows_the_world(study.stack)
    roles = {one.role for one in study.series}
    assert roles == {Role.SHORT_AXIS_CINE, Role.FLOW, Role.TWO_CHAMBER_CINE}


def test_stack_across_the_usual_axis_is_only_used_by_name_and_is_uncertain(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, apex=(0.6, 0.65, 0.35), description="cine SAX")
    study = load_study(write(cine(spec), tmp_path))

    assert not study.stack.apex_direction_certain
    assert study.stack.n_slices == 7


def test_stack_notes_slices_shifted_in_their_plane(tmp_path: Path) -> None:
    images = cine()
    for ds in images[16:24]:
        row = np.array(ds.ImageOrientationPatient[:3], dtype=float)
        moved = np.array(ds.ImagePositionPatient, dtype=float) + 8.0 * row
        ds.ImagePositionPatient = [f"{v:.4f}" for v in moved]
    study = load_study(write(images, tmp_path))

    assert "shifted_slices" in note_keys(study)
