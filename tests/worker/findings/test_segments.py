"""AHA segments: against the truth of generated hearts, images turned and mirrored."""

import dataclasses

import numpy as np
import pytest

from tests.worker.findings.shapes import heart_of, heart_study
from worker.findings.orientation import find_orientation
from worker.findings.segments import (
    maximal_thickness_mm,
    phase_walls,
    segment_map,
    segment_thickness_mm,
)

KINDS = ("healthy", "dilated", "hypertrophic_septal", "infarct", "right_ventricular")


def end_diastole(kind="healthy", seed=1):
    labels, stack = heart_study(kind, seed, n_phases=1)
    return labels[0], stack


def moved(stack, *, column_step, row_step, origin_shift):
    affine = stack.affine.copy()
    affine[:3, 0], affine[:3, 1] = column_step, row_step
    affine[:3, 3] += origin_shift
    return dataclasses.replace(
        stack, affine=affine, slice_origins_mm=stack.slice_origins_mm + origin_shift
    )


def turned(labels, stack, way):
    """Turn or mirror the images and move the coordinates with them, so that nothing changed."""
    n_rows, n_columns = labels.shape[1:]
    along, down = stack.affine[:3, 0].copy(), stack.affine[:3, 1].copy()
    last_column, last_row = along * (n_columns - 1), down * (n_rows - 1)
    if way == "mirror columns":
        return labels[:, :, ::-1], moved(
            stack, column_step=-along, row_step=down, origin_shift=last_column
        )
    if way == "mirror rows":
        return labels[:, ::-1], moved(
            stack, column_step=along, row_step=-down, origin_shift=last_row
        )
    if way == "turn 180":
        return labels[:, ::-1, ::-1], moved(
            stack, column_step=-along, row_step=-down, origin_shift=last_column + last_row
        )
    # np.rot90 by +90: the new rows run along the old columns from the last to the first.
    return np.rot90(labels, axes=(1, 2)), moved(
        stack, column_step=down, row_step=-along, origin_shift=last_column
    )


@pytest.mark.parametrize("kind", KINDS)
def test_segment_thickness_matches_the_truth_of_a_generated_heart(kind):
    labels, stack = end_diastole(kind)
    orientation = find_orientation(labels, stack)
    found = segment_thickness_mm(phase_walls(labels, stack), orientation.septum_deg)
    truth = {one.number: one.thickness_ed_mm for one in heart_of(kind).truth().segments}
    assert sorted(found) == list(range(1, 17))
    errors = [abs(found[n] - truth[n]) for n in found]
    assert max(errors) < 1.5  # the truth is radial, ours is across the wall: a bulge differs
    assert np.mean(errors) < 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_maximal_thickness_matches_the_truth_of_a_generated_heart(kind):
    labels, stack = end_diastole(kind)
    truth = heart_of(kind).truth().max_wall_thickness_ed_mm
    assert maximal_thickness_mm(phase_walls(labels, stack)) == pytest.approx(truth, abs=1.0)


@pytest.mark.parametrize("way", ["mirror columns", "mirror rows", "turn 180", "turn 90"])
def test_segments_do_not_depend_on_how_the_image_is_stored(way):
    labels, stack = end_diastole("hypertrophic_septal")
    before = segment_thickness_mm(
        phase_walls(labels, stack), find_orientation(labels, stack).septum_deg
    )
    other_labels, other = turned(labels, stack, way)
    orientation = find_orientation(other_labels, other)
    after = segment_thickness_mm(phase_walls(other_labels, other), orientation.septum_deg)
    assert orientation.problem is None
    assert after == pytest.approx(before, abs=0.15)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda labels: labels[:, :, ::-1],
        lambda labels: labels[:, ::-1, ::-1],
        lambda labels: np.rot90(labels, axes=(1, 2)),
        lambda labels: np.rot90(labels, 3, axes=(1, 2)),
    ],
    ids=["mirrored", "turned 180", "turned 90", "turned 270"],
)
def test_no_segment_when_image_and_coordinates_disagree(spoil):
    labels, stack = end_diastole()
    orientation = find_orientation(spoil(labels), stack)
    assert orientation.septum_deg is None
    assert "patient coordinates" in orientation.problem


@pytest.mark.parametrize("kind", KINDS)
def test_no_segment_when_base_and_apex_are_exchanged(kind):
    labels, stack = end_diastole(kind)
    orientation = find_orientation(labels[::-1], stack)
    assert orientation.septum_deg is None
    assert "base" in orientation.problem


def test_uncertain_apex_is_accepted_when_the_cavity_narrows_and_not_otherwise():
    labels, stack = end_diastole()
    uncertain = dataclasses.replace(stack, apex_direction_certain=False)
    assert find_orientation(labels, uncertain).problem is None
    widest = np.argmax(np.count_nonzero(labels == 3, axis=(1, 2)))
    tube = np.repeat(labels[widest : widest + 1], len(labels), axis=0)
    assert find_orientation(tube, stack).problem is None
    assert "base from apex" in find_orientation(tube, uncertain).problem


def test_no_segment_without_a_right_ventricle():
    labels, stack = end_diastole()
    orientation = find_orientation(np.where(labels == 1, 0, labels).astype(np.uint8), stack)
    assert orientation.septum_deg is None
    assert "insertions" in orientation.problem


def test_no_segment_when_the_right_ventricle_changes_sides():
    labels, stack = end_diastole()
    spoiled = labels.copy()
    spoiled[::2] = labels[::2, :, ::-1]
    assert find_orientation(spoiled, stack).septum_deg is None


def test_outflow_slices_with_an_open_ring_have_no_level():
    labels, stack = end_diastole()
    walls = phase_walls(labels, stack)
    opened = [index for index, wall in enumerate(walls.walls) if wall and not wall.closed]
    assert opened
    assert all(walls.level(index) is None for index in opened)


def test_maximal_thickness_leaves_out_outflow_and_apical_cap():
    labels, stack = end_diastole()
    walls = phase_walls(labels, stack)
    before = maximal_thickness_mm(walls)
    first = next(i for i, wall in enumerate(walls.walls) if wall is not None)
    last = max(i for i, wall in enumerate(walls.walls) if wall is not None)
    thick = list(walls.walls)
    for index in (first, last):
        wall = thick[index]
        thick[index] = dataclasses.replace(wall, thickness_mm=wall.thickness_mm + 30.0)
    assert maximal_thickness_mm(dataclasses.replace(walls, walls=tuple(thick))) == before


def test_thickness_of_one_failed_slice_does_not_make_a_thick_wall():
    labels, stack = end_diastole()
    walls = phase_walls(labels, stack)
    middle = len([wall for wall in walls.walls if wall]) // 2 + 1
    thick = list(walls.walls)
    thick[middle] = dataclasses.replace(
        thick[middle], thickness_mm=thick[middle].thickness_mm + 12.0
    )
    before = maximal_thickness_mm(walls)
    after = maximal_thickness_mm(dataclasses.replace(walls, walls=tuple(thick)))
    assert after == pytest.approx(before, abs=0.5)


def test_maximal_thickness_needs_a_slice_with_a_closed_ring():
    labels, stack = end_diastole()
    assert maximal_thickness_mm(phase_walls(np.zeros_like(labels), stack)) is None


def test_segment_map_covers_the_wall_of_closed_slices_with_sixteen_segments():
    labels, stack = end_diastole()
    numbers = segment_map(labels, stack, find_orientation(labels, stack).septum_deg)
    assert set(np.unique(numbers)) == set(range(17))
    assert not numbers[labels != 2].any()


def test_segment_map_puts_the_septum_next_to_the_right_ventricle():
    labels, stack = end_diastole()
    numbers = segment_map(labels, stack, find_orientation(labels, stack).septum_deg)
    middle = len(labels) // 2
    right_columns = np.nonzero(labels[middle] == 1)[1].mean()
    septal = np.nonzero(np.isin(numbers[middle], (8, 9)))[1].mean()
    lateral = np.nonzero(np.isin(numbers[middle], (11, 12)))[1].mean()
    assert right_columns < septal < lateral
    anterior = np.nonzero(numbers[middle] == 7)[0].mean()
    inferior = np.nonzero(numbers[middle] == 10)[0].mean()
    assert anterior < inferior
