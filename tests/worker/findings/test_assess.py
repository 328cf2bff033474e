"""The whole chain on generated hearts, and what it refuses or notes."""

import dataclasses
import re
from functools import cache

import numpy as np
import pytest

from plugin.domain.errors import ModelError, Reason
from plugin.domain.findings import Assessment, Certainty, Priority
from tests.worker.findings.shapes import heart_of, heart_study, segmentation_of
from worker.findings import assess
from worker.findings.beat_definitions import BEAT_DEFINITIONS
from worker.findings.checks import without_implausible
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import load_language
from worker.model.types import Segmentation
from worker.volume.types import PatientContext, StackNote

WITHOUT_INTERVAL = {  # read from the headers; no error against experts is known
    "heart_rate",
    *(one.key for one in BEAT_DEFINITIONS if one.key != "wall_thickening"),
}


def patient_of(heart):
    person = heart.person
    return PatientContext(
        person.sex.value, float(person.age_years), person.height_m * 100.0, person.weight_kg, 1.5
    )


@cache
def assessed(kind) -> Assessment:
    labels, stack = heart_study(kind)
    return assess(stack, segmentation_of(labels), patient_of(heart_of(kind)))


def again(labels=None, confidence=None, patient=None, **changes):
    """Assess the healthy heart with something changed."""
    own_labels, stack = heart_study()
    used = own_labels if labels is None else labels
    stack = dataclasses.replace(stack, **changes) if changes else stack
    sure = np.full(used.shape[:2], 0.95 if confidence is None else confidence, np.float32)
    return assess(stack, Segmentation(used, sure), patient or patient_of(heart_of()))


def keys(notes):
    return {note.key for note in notes}


@pytest.mark.parametrize("kind", ["healthy", "dilated", "hypertrophic_septal", "right_ventricular"])
def test_assess_measures_a_generated_heart(kind):
    truth, found = heart_of(kind).truth(), assessed(kind)
    assert found.value("lv_end_diastolic_volume") == pytest.approx(truth.lv_edv_ml, rel=0.03)
    assert found.value("lv_ejection_fraction") == pytest.approx(truth.lv_ef_percent, abs=3.0)
    assert found.value("lv_mass") == pytest.approx(truth.lv_mass_g, rel=0.04)
    assert found.value("rv_end_diastolic_volume") == pytest.approx(truth.rv_edv_ml, rel=0.04)
    assert found.value("rv_ejection_fraction") == pytest.approx(truth.rv_ef_percent, abs=4.0)
    assert found.value("heart_rate") == pytest.approx(truth.heart_rate_bpm)
    assert found.bsa_m2 == pytest.approx(truth.bsa_m2)
    assert found.bsa_formula == "Mosteller"


def test_assess_states_what_the_demo_hearts_show():
    def stated(kind):
        return {one.key: one.certainty for one in assessed(kind).findings}

    assert stated("dilated")["lv_systolic_dysfunction"] is Certainty.PRESENT
    assert stated("dilated")["lv_dilation"] is Certainty.PRESENT
    assert stated("hypertrophic_septal")["lv_wall_thickening"] is Certainty.PRESENT
    assert stated("right_ventricular")["rv_dilation"] is Certainty.PRESENT
    assert "lv_systolic_dysfunction" not in stated("healthy")
    assert "lv_dilation" not in stated("healthy")
    assert assessed("dilated").priority.level is Priority.URGENT
    assert assessed("healthy").priority.level is Priority.ROUTINE


def test_assess_is_the_same_every_time_and_survives_json():
    found = assessed("healthy")
    assert again() == found
    assert Assessment.from_json(found.to_json()) == found


def test_derived_values_agree_with_each_other():
    found = assessed("healthy")
    edv, esv = found.value("lv_end_diastolic_volume"), found.value("lv_end_systolic_volume")
    assert found.value("lv_stroke_volume") == pytest.approx(edv - esv)
    assert found.value("lv_ejection_fraction") == pytest.approx(100 * (edv - esv) / edv)
    assert found.value("cardiac_output") == pytest.approx(
        (edv - esv) * found.value("heart_rate") / 1000
    )
    assert found.value("lv_end_diastolic_volume_index") == pytest.approx(edv / found.bsa_m2)
    assert found.curve.lv_ml[found.ed_phase] == pytest.approx(edv)
    assert found.curve.lv_ml[found.es_phase] == pytest.approx(esv)


def test_segments_carry_site_phase_and_no_apex():
    segments = [one for one in assessed("healthy").measurements if one.segment is not None]
    assert {one.segment for one in segments if one.key == "wall_thickness_ed"} == set(range(1, 17))
    assert {one.phase for one in segments} == {"ED", "ES", None}
    healthy = assessed("healthy").measurement("wall_thickness_ed", 7)
    assert healthy.finding_site.meaning == "left ventricle mid anterior segment"
    thickening = [one.value for one in segments if one.key == "wall_thickening_ratio"]
    assert np.mean(thickening) > 1.15


def test_text_holds_no_number_that_was_not_measured_or_printed():
    found = assessed("dilated")
    allowed = {"1.5", "3", "1", "2", "15", "30", "35", "37", "50"}
    for one in found.measurements:
        ends = [one.value, *(one.interval or ())]
        allowed |= {f"{end:.{digits}f}" for end in ends for digits in (0, 1)}
        allowed |= {f"{end:g}" for r in one.normal_ranges for end in (r.low, r.high)}
    for sentence in (*found.impression, *found.narrative):
        plain = re.sub(r"m²|T2\*|\bT[12]\b", "", sentence)
        assert set(re.findall(r"\d+(?:\.\d+)?", plain)) <= allowed, sentence


def test_narrative_says_that_a_machine_wrote_it_and_what_is_missing():
    narrative = assessed("healthy").narrative
    assert narrative[-1] == load_language("en").tables["sentences"]["disclaimer"]
    assert narrative[-2].startswith("Not assessed: Late Contrast Enhancement, Thrombus")


@pytest.mark.parametrize("kind", ["healthy", "dilated", "right_ventricular"])
def test_within_is_said_of_a_ventricle_only_when_all_its_values_are(kind):
    found = assessed(kind)
    for side, title in (("lv", "Left ventricle"), ("rv", "Right ventricle")):
        said = any(line.startswith(f"{title} within") for line in found.impression)
        indexed = {one.key for one in found.measurements if one.key.endswith("_index")}
        graded = [
            one
            for one in found.measurements
            if one.key.startswith(side) and one.normal_ranges and f"{one.key}_index" not in indexed
        ]
        inside = all(r.side(one.value) == "within" for one in graded for r in one.normal_ranges)
        stated = any(key.startswith(side) for one in found.findings for key in one.basis)
        assert said == (inside and not stated)
    assert not any("normal" in line.lower() for line in found.impression)


def test_blank_labels_are_no_heart():
    labels, _ = heart_study()
    with pytest.raises(ModelError) as failure:
        again(labels=np.zeros_like(labels))
    assert failure.value.reason is Reason.HEART_NOT_FOUND


def test_specks_of_heart_are_no_heart():
    labels = np.zeros_like(heart_study()[0])
    labels[:, 3:5, 40:44, 40:44] = 3
    with pytest.raises(ModelError) as failure:
        again(labels=labels)
    assert failure.value.reason is Reason.HEART_NOT_FOUND


def test_static_heart_is_implausible():
    labels, _ = heart_study()
    with pytest.raises(ModelError) as failure:
        again(labels=np.repeat(labels[:1], len(labels), axis=0))
    assert failure.value.reason is Reason.IMPLAUSIBLE_MEASUREMENT
    assert "ejection fraction" in failure.value.detail


def test_giant_heart_is_implausible():
    _, stack = heart_study()
    affine = stack.affine.copy()
    affine[:3, :2] *= 3.0
    with pytest.raises(ModelError) as failure:
        again(affine=affine)
    assert failure.value.reason is Reason.IMPLAUSIBLE_MEASUREMENT


def test_vanishing_myocardium_is_implausible():
    labels = heart_study()[0].copy()
    es = assessed("healthy").es_phase
    labels[es][labels[es] == 2] = 0
    labels[es, 5, 40, 40] = 2
    with pytest.raises(ModelError) as failure:
        again(labels=labels)
    assert "end-systole" in failure.value.detail


def test_missing_facts_leave_gaps_and_notes_not_defaults():
    found = again(patient=PatientContext(), rr_interval_ms=None)
    assert found.bsa_m2 is None
    assert found.bsa_formula is None
    for key in ("cardiac_output", "heart_rate", "lv_mass_index", "cardiac_index"):
        assert found.value(key) is None
    assert keys(found.quality) >= {"no_heart_rate", "no_body_size", "sex_unknown", "age_unknown"}
    assert len(found.measurement("lv_ejection_fraction").normal_ranges) == 2
    both = again(patient=dataclasses.replace(patient_of(heart_of()), sex=None))
    ranged = [one for one in both.measurements if one.normal_ranges]
    assert ranged
    for one in ranged:
        shown = [normal.population.split(",")[0] for normal in one.normal_ranges]
        assert shown == ["men", "women"]


def test_child_gets_values_without_grades():
    found = again(patient=PatientContext("F", 9.0, 130.0, 28.0))
    assert found.value("lv_ejection_fraction") is not None
    assert found.findings == ()
    assert all(one.normal_ranges == () for one in found.measurements)
    assert "under_18" in keys(found.quality)
    assert any("under 18" in line for line in found.impression)


def test_other_field_strength_gets_values_without_ranges():
    found = again(patient=dataclasses.replace(patient_of(heart_of()), field_strength_t=0.55))
    assert all(one.normal_ranges == () for one in found.measurements)
    assert "other_field_strength" in keys(found.quality)
    assert not any("within the reference" in line for line in found.impression)
    assert "other_field_strength" not in keys(assessed("healthy").quality)


@pytest.mark.parametrize("kind", ["healthy", "dilated", "hypertrophic_septal"])
def test_every_measurement_is_plausible_and_has_an_interval_around_it(kind):
    for one in assessed(kind).measurements:
        assert DEFINITIONS[one.key].is_plausible(one.value)
        assert one.definition
        if one.key not in WITHOUT_INTERVAL:
            assert one.interval[0] < one.value < one.interval[1]


def test_interval_of_the_thickening_ratio_follows_from_both_thicknesses():
    found = assessed("healthy")

    def share(key):
        one = found.measurement(key, 8)
        return (one.interval[1] - one.value) / one.value

    both = np.hypot(share("wall_thickness_ed"), share("wall_thickness_es"))
    assert share("wall_thickening_ratio") == pytest.approx(both)


def test_impossible_value_and_what_follows_from_it_are_left_out_and_named():
    found = again(rr_interval_ms=200.0)
    assert not {"heart_rate", "cardiac_output", "cardiac_index"} & {
        one.key for one in found.measurements
    }
    (note,) = [one for one in found.quality if one.key == "implausible_value"]
    assert note.sentence.endswith("Heart rate, Cardiac output, Cardiac index.")
    assert found.value("lv_ejection_fraction") == assessed("healthy").value("lv_ejection_fraction")
    assert "implausible_value" not in keys(assessed("healthy").quality)


def test_impossible_thickness_of_a_segment_takes_its_ratio_along():
    measured = [
        dataclasses.replace(one, value=0.4)
        if (one.key, one.segment) == ("wall_thickness_ed", 8)
        else one
        for one in assessed("healthy").measurements
    ]
    kept, (note,) = without_implausible(measured)
    gone = {(one.key, one.segment) for one in measured} - {(one.key, one.segment) for one in kept}
    followers = {"wall_thickening_ratio", "wall_thickening", "wall_motion_score"}
    assert gone == {("wall_thickness_ed", 8), *((key, 8) for key in followers)}
    assert "mid anteroseptal" in note.sentence


def test_unusable_right_ventricle_is_left_out_and_noted():
    labels = heart_study()[0].copy()
    labels[labels == 1] = 0
    found = again(labels=labels)
    assert not any(one.key.startswith("rv_") for one in found.measurements)
    assert keys(found.quality) >= {"right_ventricle_not_reported", "segments_not_placed"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda labels: labels[..., ::-1],
        lambda labels: labels[..., ::-1, ::-1],
        lambda labels: np.rot90(labels, axes=(2, 3)),
        lambda labels: np.rot90(labels, 3, axes=(2, 3)),
        lambda labels: labels[:, ::-1],
    ],
    ids=["mirrored", "turned 180", "turned 90", "turned 270", "base for apex"],
)
def test_image_that_contradicts_its_coordinates_reports_no_segment(spoil):
    found = again(labels=spoil(heart_study()[0]).copy())
    assert not any(one.segment for one in found.measurements)
    assert found.value("maximal_wall_thickness") is not None
    assert "segments_not_placed" in keys(found.quality)
    assert any("AHA segments were not placed" in line for line in found.narrative)
    assert "segments_not_placed" not in keys(assessed("healthy").quality)


def test_stack_cut_at_the_apex_is_noted():
    labels, stack = heart_study()
    last = np.flatnonzero((labels[0] == 3).any(axis=(1, 2)))[-3]
    keep = slice(0, last + 1)
    found = again(labels=labels[:, keep], slice_origins_mm=stack.slice_origins_mm[keep])
    assert "apex_not_covered" in keys(found.quality)
    assert "apex_not_covered" not in keys(assessed("healthy").quality)


def test_stack_cut_at_the_base_is_noted():
    labels, stack = heart_study()
    first = np.flatnonzero((labels[0] == 3).any(axis=(1, 2)))[2]
    found = again(labels=labels[:, first:], slice_origins_mm=stack.slice_origins_mm[first:])
    assert "base_at_edge" in keys(found.quality)


def test_stroke_volume_mismatch_is_noted():
    labels = heart_study()[0].copy()
    es = assessed("healthy").es_phase
    fuller = (labels[0] == 1) & (labels[es] == 0)
    fuller[:, ::3] = False
    labels[es][fuller] = 1
    assert "stroke_volume_mismatch" in keys(again(labels=labels).quality)
    assert "stroke_volume_mismatch" not in keys(assessed("healthy").quality)


def test_low_confidence_and_notes_of_the_stack_are_passed_on():
    found = again(confidence=0.6, notes=(StackNote("repaired", "One image was repeated."),))
    assert keys(found.quality) >= {"low_confidence", "repaired"}
    assert "One image was repeated." in found.narrative


def test_failed_phase_is_noted_and_not_used():
    labels = heart_study()[0].copy()
    labels[8][labels[8] == 3] = 2
    found = again(labels=labels)
    assert "phase_outlier" in keys(found.quality)
    assert found.es_phase == assessed("healthy").es_phase


def test_other_standard_errors_change_the_interval_only():
    from worker.findings.uncertainty import STANDARD_ERRORS, StandardError

    labels, stack = heart_study()
    narrow = {**STANDARD_ERRORS, "lv_ejection_fraction": StandardError(1.0, 0.0, "test")}
    found = assess(
        stack, segmentation_of(labels), patient_of(heart_of()), standard_errors=narrow
    ).measurement("lv_ejection_fraction")
    assert found.value == assessed("healthy").value("lv_ejection_fraction")
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * 1.645)
