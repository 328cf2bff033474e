import numpy as np
import pydicom
import pytest

from worker.phantom import broken
from worker.phantom.cine import Protocol
from worker.phantom.study import generate, write_study

SMALL = Protocol(
    n_slices=5, n_phases=4, n_rows=48, n_columns=40, pixel_mm=4.0, slice_distance_mm=18.0
)


@pytest.fixture(scope="module")
def instances():
    return generate("healthy", 1, protocol=SMALL).instances()


def positions(instances):
    return {tuple(i.ImagePositionPatient) for i in instances}


@pytest.mark.parametrize("name", sorted(broken.BROKEN))
def test_every_broken_study_can_be_written_and_leaves_the_original_alone(name, instances, tmp_path):
    before = [i.to_json() for i in instances[:2]]
    changed = broken.BROKEN[name](instances)
    assert [i.to_json() for i in instances[:2]] == before
    paths = write_study(changed[:2] + changed[-2:], tmp_path)
    assert pydicom.dcmread(paths[0]).pixel_array.ndim == 2


def test_truncated_file_is_shorter(tmp_path, instances):
    path = write_study(instances[:1], tmp_path)[0]
    size = path.stat().st_size
    broken.truncate_file(path, 0.5)
    assert path.stat().st_size == size // 2


def test_one_slice_and_two_phases_keep_what_they_say(instances):
    assert len(positions(broken.only_one_slice(instances))) == 1
    assert len(broken.only_one_slice(instances)) == 4
    two = broken.only_two_phases(instances)
    assert len(two) == 10
    assert len({float(i.TriggerTime) for i in two}) == 2


def test_missing_slice_leaves_a_double_step(instances):
    left = broken.with_missing_slice(instances)
    steps = np.linalg.norm(np.diff(np.array(sorted(positions(left))), axis=0), axis=1)
    assert len(steps) == 3
    assert steps.max() == pytest.approx(2 * steps.min(), rel=1e-3)


def test_mixed_spacing_has_two_different_steps(instances):
    moved = broken.with_mixed_spacing(instances)
    steps = np.linalg.norm(np.diff(np.array(sorted(positions(moved))), axis=0), axis=1)
    assert steps.max() - steps.min() == pytest.approx(4.0, abs=1e-3)


def test_duplicate_uids_have_other_pixels(instances):
    changed = broken.with_duplicate_uids(instances, 2)
    assert len(changed) == len(instances) + 2
    assert changed[-1].SOPInstanceUID == instances[1].SOPInstanceUID
    assert changed[-1].PixelData != instances[1].PixelData


def test_mixed_patients_share_one_study(instances):
    changed = broken.with_mixed_patients(instances)
    assert len({i.PatientID for i in changed}) == 2
    assert len({i.StudyInstanceUID for i in changed}) == 1


def test_different_phase_counts_differ(instances):
    changed = broken.with_different_phase_counts(instances)
    counts = dict.fromkeys(positions(changed), 0)
    for instance in changed:
        counts[tuple(instance.ImagePositionPatient)] += 1
    assert set(counts.values()) == {2, 4}


def test_non_square_pixels_keep_the_field_of_view(instances):
    changed = broken.with_non_square_pixels(instances)[0]
    assert changed.Columns * float(changed.PixelSpacing[1]) == pytest.approx(40 * 4.0)
    assert changed.Rows * float(changed.PixelSpacing[0]) == pytest.approx(48 * 4.0)
    assert changed.pixel_array.shape == (48, 20)


def test_repeated_slice_is_later_and_has_new_uids(instances):
    changed = broken.with_repeated_slice(instances)
    again = changed[len(instances) :]
    assert len(again) == 4
    assert not {i.SOPInstanceUID for i in again} & {i.SOPInstanceUID for i in instances}
    assert all(str(i.AcquisitionTime) > str(instances[-1].AcquisitionTime)[:6] for i in again)


def test_shuffled_is_the_same_study_in_another_order(instances):
    mixed = broken.shuffled(instances)
    assert [i.SOPInstanceUID for i in mixed] != [i.SOPInstanceUID for i in instances]
    assert {i.SOPInstanceUID for i in mixed} == {i.SOPInstanceUID for i in instances}
