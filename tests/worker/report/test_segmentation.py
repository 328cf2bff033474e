"""The Segmentation read back by highdicom and compared with the labels that it was made from."""

from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.materials import STUDY_KINDS, material, sample
from tests.worker.report.programs import run_program
from worker.report.segmentation import segmentation
from worker.report.structures import STRUCTURES, ends_of_cycle
from worker.volume.types import FrameReference


@pytest.fixture(params=STUDY_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def drawn_on(frame: Dataset) -> FrameReference:
    """Return which image a frame of the Segmentation names."""
    (derivation,) = frame.DerivationImageSequence
    (image,) = derivation.SourceImageSequence
    return FrameReference(
        image.ReferencedSOPClassUID,
        image.ReferencedSOPInstanceUID,
        "",
        image.get("ReferencedFrameNumber"),
    )


def test_every_frame_is_the_label_on_the_image_that_it_names(kind: str, tmp_path: Path) -> None:
    loaded, labels = sample(kind)
    path = tmp_path / "seg.dcm"
    written = segmentation(material(loaded, labels))
    assert written is not None
    written.save_as(path, enforce_file_format=True)
    seg = highdicom.seg.segread(path)
    stack, assessment = loaded.stack, samples.assessment(labels)
    images = {
        (phase, replace(frame, series_instance_uid="")): z
        for _, phase in ends_of_cycle(assessment)
        for z, frame in enumerate(stack.frames[phase])
    }
    expected = np.zeros((6, *labels.shape[1:]), bool)
    for number, (phase, structure) in enumerate(
        (p, s) for _, p in ends_of_cycle(assessment) for s in STRUCTURES
    ):
        expected[number] = labels[phase] == structure.label
    found = np.zeros_like(expected)
    phases = [assessment.ed_phase] * 3 + [assessment.es_phase] * 3
    for pixels, frame in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        z = images[phases[number - 1], drawn_on(frame)]
        found[number - 1, z] = pixels
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(position, stack.slice_origins_mm[z], atol=1e-6)
    assert np.array_equal(found, expected)


def test_volume_in_the_patients_space_is_where_the_stack_is(kind: str) -> None:
    """What 3D Slicer and others build: one segment as a volume with its own affine."""
    loaded, labels = sample(kind)
    seg = highdicom.seg.Segmentation.from_dataset(segmentation(material(loaded, labels)))
    volume = seg.get_volume(segment_numbers=[1], combine_segments=True, skip_overlap_checks=True)
    ed_phase = samples.assessment(labels).ed_phase
    assert volume.array.sum() == (labels[ed_phase] == STRUCTURES[0].label).sum()
    z, row, column = (int(n) for n in np.argwhere(volume.array > 0)[0])
    place = volume.affine @ (z, row, column, 1.0)
    nearest = np.linalg.inv(loaded.stack.affine) @ place
    assert np.allclose(nearest, np.round(nearest), atol=1e-4)
    column, row, z = (round(float(n)) for n in nearest[:3])
    assert labels[ed_phase, z, row, column] == STRUCTURES[0].label


def test_each_referenced_series_lists_its_instances_once(kind: str) -> None:
    loaded, labels = sample(kind)
    seg = segmentation(material(loaded, labels))
    assert seg is not None
    n_series = {"a series per slice": 4, "one series": 1, "multi-frame": 1}[kind]
    assert len(seg.ReferencedSeriesSequence) == n_series
    uids = [
        item.ReferencedSOPInstanceUID
        for series in seg.ReferencedSeriesSequence
        for item in series.ReferencedInstanceSequence
    ]
    assert len(uids) == len(set(uids))
    assert set(uids) == {
        drawn_on(frame).sop_instance_uid for frame in seg.PerFrameFunctionalGroupsSequence
    }


def test_segments_say_what_they_are_and_who_drew_them(reported: Reported) -> None:
    seg = highdicom.seg.segread(reported.files["seg"].path)
    assert [one.segment_label for one in seg.SegmentSequence[:3]] == [
        "LV cavity, end-diastole",
        "LV myocardium, end-diastole",
        "RV cavity, end-diastole",
    ]
    assert [one.segmented_property_type.value for one in seg.SegmentSequence[:3]] == [
        "87878005",
        "49848007",
        "53085002",
    ]
    assert len({one.tracking_uid for one in seg.SegmentSequence}) == 6
    algorithm = seg.SegmentSequence[0].algorithm_identification[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("cmr-sax", "1.0.0")
    assert "not verified by a physician" in seg.ImageComments


def test_without_a_frame_of_reference_there_is_no_object() -> None:
    loaded, labels = sample("one series")
    stack = replace(loaded.stack, frame_of_reference_uid="")
    assert segmentation(material(replace(loaded, stack=stack), labels)) is None


def test_structure_that_is_absent_at_a_phase_has_a_segment_without_frames() -> None:
    loaded, labels = sample("one series")
    labels = labels.copy()
    labels[labels == 1] = 0
    seg = segmentation(material(loaded, labels))
    assert seg is not None
    assert len(seg.SegmentSequence) == 6
    numbers = {
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in seg.PerFrameFunctionalGroupsSequence
    }
    assert numbers == {1, 2, 4, 5}


def every_phase(kind: str) -> Dataset:
    loaded, labels = sample(kind)
    made = material(loaded, labels)
    identity = replace(made.identity, segmentation_phases="all")
    found = segmentation(replace(made, identity=identity))
    assert found is not None
    return found


def test_every_phase_has_its_segments_when_all_are_asked_for() -> None:
    _, labels = sample("one series")
    seg = highdicom.seg.Segmentation.from_dataset(every_phase("one series"))
    names = {samples.assessment(labels).ed_phase: "end-diastole"}
    names[samples.assessment(labels).es_phase] = "end-systole"
    assert [one.segment_label for one in seg.SegmentSequence] == [
        f"{structure.name}, {names.get(phase, f'phase {phase + 1}')}"
        for phase in range(len(labels))
        for structure in STRUCTURES
    ]
    counted = dict.fromkeys(range(1, 3 * len(labels) + 1), 0)
    for pixels, frame in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        counted[number] += int(pixels.sum())
    assert list(counted.values()) == [
        (one == structure.label).sum() for one in labels for structure in STRUCTURES
    ]
    loaded, labels = sample("one series")
    ends = segmentation(material(loaded, labels))
    assert ends is not None
    by_label = {one.SegmentLabel: one.TrackingUID for one in seg.SegmentSequence}
    for one in ends.SegmentSequence:
        assert by_label[one.SegmentLabel] == one.TrackingUID


@pytest.mark.system
def test_dciodvfy_finds_no_error_in_all_phases(tmp_path: Path) -> None:
    path = tmp_path / "seg.dcm"
    every_phase("multi-frame").save_as(path, enforce_file_format=True)
    said = run_program("dciodvfy", str(path))
    assert "Segmentation" in said
    assert "Error" not in said, said


@pytest.mark.system
def test_dciodvfy_finds_no_error(kind: str, tmp_path: Path) -> None:
    loaded, labels = sample(kind)
    path = tmp_path / "seg.dcm"
    written = segmentation(material(loaded, labels))
    assert written is not None
    written.save_as(path, enforce_file_format=True)
    said = run_program("dciodvfy", str(path))
    assert "Segmentation" in said
    assert "Error" not in said, said
