"""What a value owes to slices, segments and phases of generated hearts."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from tests.worker.findings.shapes import heart_of, heart_study, segmentation_of
from worker.explain import PartKind, explain
from worker.explain.beat import WALL, Beat
from worker.findings import assess
from worker.volume.types import PatientContext

EF = "lv_ejection_fraction"


def patient_of(kind):
    person = heart_of(kind).person
    return PatientContext(
        person.sex.value, float(person.age_years), person.height_m * 100.0, person.weight_kg, 1.5
    )


@cache
def assessed(kind):
    labels, stack = heart_study(kind)
    return assess(stack, segmentation_of(labels), patient_of(kind))


@cache
def explained(kind, finding=None):
    """Explain one finding of a generated heart (the first one when None)."""
    labels, stack = heart_study(kind)
    assessment = assessed(kind)
    if finding is not None:
        (chosen,) = [one for one in assessment.findings if one.key == finding]
        assessment = dataclasses.replace(assessment, findings=(chosen,))
    return explain(stack, labels, assessment, patient_of(kind))


def own(explanation, kind):
    return {part.index: part.own for part in explanation.of(kind)}


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        ("healthy", None),
        ("dilated", "lv_systolic_dysfunction"),
        ("dilated", "lv_dilation"),
        ("right_ventricular", "rv_dilation"),
    ],
)
def test_explanation_own_values_of_the_parts_add_up_to_the_reported_value(kind, finding):
    found = explained(kind, finding)
    assert found.adds_up
    assert found.value == assessed(kind).value(found.measurement)
    assert sum(own(found, PartKind.SLICE).values()) == pytest.approx(found.value, rel=1e-9)
    segments = own(found, PartKind.SEGMENT)
    if found.measurement.startswith("lv"):
        assert sum(segments.values()) == pytest.approx(found.value, rel=1e-9)
        assert set(range(1, 17)) <= set(segments)
    else:
        assert not segments


def test_explanation_without_a_finding_is_of_the_ejection_fraction():
    assert assessed("healthy").findings == ()
    assert explained("healthy").finding is None
    assert explained("healthy").measurement == EF


def test_explanation_of_a_thick_wall_names_slice_and_segment_of_the_greatest_thickness():
    found = explained("hypertrophic_septal", "lv_wall_thickening")
    assert found.measurement == WALL
    assert not found.adds_up
    assert max(own(found, PartKind.SLICE).values()) == pytest.approx(found.value)
    segments = own(found, PartKind.SEGMENT)
    assert max(segments.values()) == pytest.approx(found.value)
    assert max(segments, key=segments.get) in (2, 3, 8, 9, 14)  # the septum is what is thick
    (thickest,) = [p for p in found.of(PartKind.SEGMENT) if p.own == max(segments.values())]
    assert thickest.without < found.value


def test_explanation_without_a_slice_is_what_the_other_slices_measure():
    labels, stack = heart_study("dilated")
    assessment, patient = assessed("dilated"), patient_of("dilated")
    phases = (assessment.ed_phase, assessment.es_phase)
    for part in explained("dilated", "lv_systolic_dysfunction").of(PartKind.SLICE):
        kept = [z for z in range(stack.n_slices) if z != part.index]
        fewer = dataclasses.replace(
            stack, pixels=stack.pixels[:, kept], slice_origins_mm=stack.slice_origins_mm[kept]
        )
        again = Beat.of(fewer, labels[:, kept], phases, patient).value(EF)
        assert part.without == pytest.approx(again)


def test_explanation_without_end_diastole_takes_the_next_best_phase():
    relaxed, contracted = explained("dilated", "lv_systolic_dysfunction").of(PartKind.PHASE)
    assessment = assessed("dilated")
    assert (relaxed.index, contracted.index) == (assessment.ed_phase, assessment.es_phase)
    value = assessment.value(EF)
    assert 0.0 <= value - relaxed.without < 8.0
    assert 0.0 <= value - contracted.without < 8.0


def test_explanation_a_segment_that_does_not_move_adds_less_to_the_ejection_fraction():
    """Freeze the cavity next to one wall: the contribution of its segments falls."""
    labels, stack = heart_study("healthy")
    assessment, patient = assessed("healthy"), patient_of("healthy")
    before = own(explained("healthy"), PartKind.SEGMENT)
    frozen = labels.copy()
    columns = np.flatnonzero((labels[assessment.ed_phase] == 3).any(axis=(0, 1)))
    lateral = int(columns.mean()) + 2
    frozen[:, :, :, lateral:] = labels[assessment.ed_phase][None, :, :, lateral:]
    found = assess(stack, segmentation_of(frozen), patient)
    after = own(explain(stack, frozen, found, patient), PartKind.SEGMENT)

    def kept(segments):
        return np.mean([after[n] / before[n] for n in segments])

    assert kept((5, 6, 11, 12)) < 0.2
    assert kept((2, 3, 8, 9)) > 0.8


def test_deleting_the_most_important_slices_first_moves_the_volume_faster_than_any_other_order():
    found = explained("dilated", "lv_dilation")
    labels, stack = heart_study("dilated")
    assessment, patient = assessed("dilated"), patient_of("dilated")
    beat = Beat.of(stack, labels, (assessment.ed_phase, assessment.es_phase), patient)

    def fallen(order):
        """Mean fall of the value while the discs of the slices are emptied one by one."""
        emptied, falls = beat.labels.copy(), []
        for z in order[:-1]:
            emptied[:, z] = 0
            left = dataclasses.replace(beat, labels=emptied).value(found.measurement)
            falls.append(found.value - (left or 0.0))
        return np.mean(falls)

    parts = own(found, PartKind.SLICE)
    ranked = sorted(parts, key=parts.get, reverse=True)
    rng = np.random.default_rng(0)
    others = [fallen(rng.permutation(ranked)) for _ in range(20)]
    assert fallen(ranked) > max(others)
    assert fallen(ranked[::-1]) < min(others)


def test_explanation_of_what_is_no_sum_and_no_maximum_is_none():
    assessment = assessed("dilated")
    odd = dataclasses.replace(assessment.findings[0], basis=("heart_rate",))
    labels, stack = heart_study("dilated")
    changed = dataclasses.replace(assessment, findings=(odd,))
    assert explain(stack, labels, changed, patient_of("dilated")) is None
