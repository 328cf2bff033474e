"""The moving heart from true labels against the truth of generated hearts."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from tests.worker.findings.shapes import heart_of, heart_study, segmentation_of
from worker.findings import assess
from worker.findings.rates import peak_rates, volume_curve
from worker.phantom import truth
from worker.volume.types import PatientContext

N_PHASES = 25
KINDS = ("healthy", "dilated", "infarct")


@cache
def assessed(kind, n_phases=N_PHASES, seed=1):
    labels, stack = heart_study(kind, seed, n_phases=n_phases, pixel_mm=1.5, size=104)
    return assess(stack, segmentation_of(labels), PatientContext())


@cache
def true_volumes(kind):
    """LV volume at 400 moments of the beat, from 33 states of contraction."""
    heart = heart_of(kind)
    steps = np.linspace(0.0, 1.0, 33)
    ml = [truth.lv_cavity_ml(heart.shape, one, n_heights=96, n_angles=60) for one in steps]
    moments = np.arange(400) / 400
    coefficients = np.polyfit(steps, ml, 4)
    return moments, np.polyval(coefficients, [heart.contraction(one) for one in moments])


def true_rates(kind):
    """Steepest fall and rise in ml/s, and from smallest volume to the latter in ms."""
    moments, ml = true_volumes(kind)
    rr_ms = heart_of(kind).rr_interval_ms
    slope = (np.roll(ml, -1) - np.roll(ml, 1)) / (2.0 * rr_ms / moments.size / 1000.0)
    after = (np.argmax(slope) - np.argmin(ml)) % moments.size * rr_ms / moments.size
    return -slope.min(), slope.max(), after


def by_segment(found, key):
    return {one.segment: one.value for one in found.measurements if one.key == key}


@pytest.mark.parametrize("kind", KINDS)
def test_rates_of_true_volumes_are_those_of_the_heart(kind):
    moments, ml = true_volumes(kind)
    rr_ms = heart_of(kind).rr_interval_ms
    shown = slice(None, None, moments.size // N_PHASES)
    found = peak_rates(volume_curve(ml[shown], moments[shown] * rr_ms, rr_ms))
    ejection, filling, after_ms = true_rates(kind)
    assert found.ejection_ml_per_s == pytest.approx(ejection, rel=0.03)
    assert found.filling_ml_per_s == pytest.approx(filling, rel=0.03)
    assert found.filling_after_ms == pytest.approx(after_ms, abs=20.0)


@pytest.mark.parametrize("kind", KINDS)
def test_rates_of_contours_are_those_of_the_heart(kind):
    """A basal disc that comes and goes would be 79 % too much in the dilated heart."""
    found = assessed(kind)
    ejection, filling, after_ms = true_rates(kind)
    assert found.value("lv_peak_ejection_rate") == pytest.approx(ejection, rel=0.16)
    assert found.value("lv_peak_filling_rate") == pytest.approx(filling, rel=0.16)
    assert found.value("lv_time_to_peak_filling") == pytest.approx(after_ms, abs=45.0)
    per_volume = found.value("lv_peak_filling_rate") / found.value("lv_end_diastolic_volume")
    assert found.value("lv_peak_filling_rate_per_volume") == pytest.approx(per_volume)
    assert found.value("rv_peak_filling_rate") > 100.0


@pytest.mark.parametrize("kind", KINDS)
def test_segments_move_as_they_truly_do(kind):
    found, segments = assessed(kind), heart_of(kind).truth().segments
    thickening, inward = by_segment(found, "wall_thickening"), by_segment(found, "inward_motion")
    assert sorted(thickening) == sorted(inward) == list(range(1, 17))
    off_percent, off_mm = [], []
    for one in segments[:16]:
        true_percent = 100.0 * (one.thickness_es_mm / one.thickness_ed_mm - 1.0)
        off_percent.append(abs(thickening[one.number] - true_percent))
        off_mm.append(abs(inward[one.number] - one.excursion_mm))
    assert max(off_percent) < 15.0
    assert np.mean(off_percent) < 6.0
    assert max(off_mm) < 2.5
    assert np.mean(off_mm) < 1.2


@pytest.mark.parametrize("kind", ["healthy", "dilated"])
def test_walls_that_thicken_together_peak_together_at_end_systole(kind):
    found, heart = assessed(kind), heart_of(kind)
    times_ms = by_segment(found, "time_to_peak_thickening")
    assert set(times_ms) <= set(range(1, 17))
    end_systole_ms = heart.es_phase_fraction * heart.rr_interval_ms
    assert list(times_ms.values()) == pytest.approx([end_systole_ms] * len(times_ms), abs=30.0)
    spread = found.value("thickening_dyssynchrony")
    assert spread is None or spread < 1.5


def test_score_tells_the_infarcted_wall_from_the_rest():
    infarct = assessed("infarct", seed=3)  # a heart whose other walls move well
    score = by_segment(infarct, "wall_motion_score")
    graded = {one.number: one.motion for one in heart_of("infarct", 3).truth().segments[:16]}
    lost = [score[n] for n, motion in graded.items() if motion in ("akinetic", "dyskinetic")]
    kept = [score[n] for n, motion in graded.items() if motion == "normal"]
    assert min(lost) >= 2
    assert min(kept) == 1
    assert set(by_segment(assessed("healthy"), "wall_motion_score").values()) == {1.0}
    assert assessed("healthy").value("wall_motion_score_index") == 1.0
    assert infarct.value("wall_motion_score_index") == pytest.approx(np.mean(list(score.values())))


def test_heart_that_swings_in_the_chest_moves_no_wall():
    labels, stack = heart_study("infarct", n_phases=2, pixel_mm=1.5, size=104)
    swung = np.stack([labels[0], np.roll(labels[1], (3, -4), axis=(1, 2))])
    still, moved = (
        assess(stack, segmentation_of(one), PatientContext()) for one in (labels, swung)
    )
    assert by_segment(still, "inward_motion")
    for key in ("inward_motion", "wall_thickening"):
        assert by_segment(moved, key) == pytest.approx(by_segment(still, key), abs=0.05)


def test_few_phases_give_thickening_and_motion_but_no_rates_and_say_so():
    found = assessed("healthy", 10)
    keys = {one.key for one in found.measurements}
    assert {"wall_thickening", "inward_motion", "wall_motion_score"} <= keys
    assert not {"lv_peak_filling_rate", "time_to_peak_thickening", "thickening_dyssynchrony"} & keys
    assert found.segment_curves == ()
    (note,) = [one for one in found.quality if one.key == "beat_too_few_phases"]
    assert "10 phases" in note.sentence


def test_images_without_times_give_no_rates_and_say_so():
    labels, stack = heart_study("healthy", n_phases=12)
    timeless = dataclasses.replace(stack, trigger_times_ms=np.zeros(12))
    found = assess(timeless, segmentation_of(labels), PatientContext())
    assert found.value("lv_peak_ejection_rate") is None
    assert "beat_without_times" in {one.key for one in found.quality}


def test_right_ventricle_that_is_not_reported_has_no_rates():
    labels, stack = heart_study("healthy", n_phases=12)
    alone = np.where(labels == 1, 0, labels).astype(np.uint8)
    found = assess(stack, segmentation_of(alone), PatientContext())
    assert found.value("lv_peak_filling_rate") is not None
    assert found.value("rv_peak_filling_rate") is None
    assert by_segment(found, "wall_thickening") == {}


def test_curve_of_each_segment_goes_through_its_measured_thickness():
    found = assessed("healthy")
    relaxed, contracted = (by_segment(found, f"wall_thickness_{one}") for one in ("ed", "es"))
    assert [one.segment for one in found.segment_curves] == list(range(1, 17))
    for one in found.segment_curves:
        assert len(one.thickness_mm) == N_PHASES
        assert one.thickness_mm[found.ed_phase] == pytest.approx(relaxed[one.segment])
        assert one.thickness_mm[found.es_phase] == pytest.approx(contracted[one.segment])
