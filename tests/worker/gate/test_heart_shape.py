"""What contours tell about the view: true ones of a generated heart, and wrong ones."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from plugin.domain.errors import SENTENCES, ModelError, Reason
from tests.generated import StandInBundle
from tests.worker.findings.shapes import heart_study, ring_labels, segmentation_of, stack_of
from worker.gate import Layer, Verdict, examine_contours, notes
from worker.gate.heart_shape import agreement_numbers, view_numbers


def rings(n_slices=8, shift_mm=0.0, aspect=1.0, n_phases=2):
    """Return a stack of rings, each moved sideways by so much more than the one before."""
    middle = (n_slices - 1) / 2
    slices = [
        ring_labels(96, 20, 30, 1.5, shift_mm=((s - middle) * shift_mm, 0.0), aspect=aspect)
        for s in range(n_slices)
    ]
    labels = np.repeat(np.stack(slices)[None], n_phases, axis=0)
    affine = np.diag([1.5, 1.5, 8.0, 1.0])
    return labels, stack_of(labels, affine)


def examined(labels, stack, confidence=0.95):
    found = segmentation_of(labels)
    found = dataclasses.replace(found, confidence=np.full(labels.shape[:2], confidence, np.float32))
    return examine_contours(stack, found, StandInBundle())


def refusal(labels, stack, **more):
    with pytest.raises(ModelError) as refused:
        examined(labels, stack, **more)
    return refused.value


def flagged(checks):
    return {one.quantity for one in checks if one.verdict is Verdict.FLAG}


@cache
def small_heart(kind="healthy"):
    return heart_study(kind, n_phases=6, spacing_mm=10.0, pixel_mm=2.4, size=64)


@pytest.mark.parametrize("kind", ["healthy", "dilated", "right_ventricular"])
def test_true_contours_of_any_heart_pass(kind):
    checks = examined(*small_heart(kind))
    assert not flagged(checks)
    assert notes(checks) == ()
    assert {one.layer for one in checks} == {Layer.VIEW, Layer.AGREEMENT}


def test_tilt_is_the_angle_between_axis_and_slices():
    labels, stack = rings(shift_mm=8.0)
    numbers = view_numbers(stack, segmentation_of(labels))
    assert numbers["axis_tilt_deg"] == pytest.approx(45.0, abs=1.0)
    assert numbers["axis_jump_mm"] < 1.0


def test_heart_cut_obliquely_is_no_short_axis():
    labels, stack = rings(n_slices=6, shift_mm=11.0)
    refused = refusal(labels, stack)
    assert refused.reason is Reason.NOT_A_SHORT_AXIS
    assert refused.detail.startswith("layer view: tilt")


def test_ring_that_is_open_is_no_short_axis():
    labels, stack = rings()
    labels[:, :, :48][labels[:, :, :48] == 2] = 0
    refused = refusal(labels, stack)
    assert refused.reason is Reason.NOT_A_SHORT_AXIS
    assert "outline" in refused.detail


def test_longish_ventricle_is_flagged_and_a_very_long_one_refused():
    labels, stack = rings(aspect=1.7)
    checks = examined(labels, stack)
    assert flagged(checks) == {"elongation"}
    assert [note.key for note in notes(checks)] == ["doubtful_view"]
    labels, stack = rings(aspect=2.3)
    assert refusal(labels, stack).reason is Reason.NOT_A_SHORT_AXIS


def test_ventricle_that_swells_twice_is_no_stack():
    labels, stack = small_heart()
    middle = labels.shape[1] // 2
    order = [s for pair in zip(range(middle), range(middle, 2 * middle), strict=True) for s in pair]
    refused = refusal(labels[:, order], dataclasses.replace(stack, frames=()))
    assert refused.reason is Reason.NOT_A_SHORT_AXIS


def test_unsure_contours_are_refused():
    refused = refusal(*small_heart(), confidence=0.5)
    assert refused.reason is Reason.CONTOURS_DISAGREE
    assert "contours 0.50, at least" in refused.detail


def test_contours_that_jump_between_phases_disagree():
    labels, stack = small_heart()
    moved = labels.copy()
    moved[3] = np.roll(labels[3], 20, axis=1)
    refused = refusal(moved, stack)
    assert refused.reason is Reason.CONTOURS_DISAGREE
    assert "phases" in refused.detail


def test_nothing_contoured_is_left_to_the_search_for_the_heart():
    labels, stack = rings()
    nothing = np.zeros_like(labels)
    assert view_numbers(stack, segmentation_of(nothing)) == {"heart_length_mm": 0.0}
    assert agreement_numbers(stack, segmentation_of(nothing)) == {}


def test_slices_that_beat_at_different_moments_are_flagged_then_refused():
    labels, stack = small_heart()
    together = agreement_numbers(stack, segmentation_of(labels))["slice_timing"]
    assert together < 0.06
    n_slices = labels.shape[1]

    def late(phases):
        shifted = [np.roll(labels[:, s], phases * (s % 2), axis=0) for s in range(n_slices)]
        return np.stack(shifted, axis=1), stack

    assert "slice_timing" in flagged(examined(*late(1)))
    assert refusal(*late(3)).reason is Reason.CONTOURS_DISAGREE
    assert "different moments" in SENTENCES[Reason.CONTOURS_DISAGREE]


def test_a_slice_that_hardly_moves_says_little_about_the_moment():
    labels, stack = small_heart()
    areas = (labels == 3).sum(axis=(2, 3))
    still = int(np.ptp(areas, axis=0).argmin())
    shifted = labels.copy()
    shifted[:, still] = np.roll(labels[:, still], 3, axis=0)
    numbers = agreement_numbers(stack, segmentation_of(shifted))
    assert numbers["slice_timing"] < 0.1
