from dataclasses import replace

import numpy as np
import pytest

from tests.worker.findings.shapes import heart_study
from worker.findings.assess import assess
from worker.model.language.study import phases_read, study_features
from worker.model.regions import REGIONS, SHAPE_FEATURES, pool_regions
from worker.model.types import Segmentation
from worker.volume.types import PatientContext

KEYS = ("lv_ejection_fraction", "lv_mass_index", "maximal_wall_thickness")
PIXEL_MM = 1.6


@pytest.fixture(scope="module")
def analysed():
    """Return stack, segmentation with regions pooled over exact contours, and assessment."""
    labels, stack = heart_study("dilated", seed=3, pixel_mm=PIXEL_MM)
    maps = np.zeros((labels.shape[1], 1, 48, 48), np.float32)
    one_hot = (labels[:, :, None] == np.arange(4)[:, None, None]).astype(np.float32)
    regions = np.stack([pool_regions(phase, maps, PIXEL_MM) for phase in one_hot])
    confidence = np.full(labels.shape[:2], 0.95, np.float32)
    segmentation = Segmentation(labels, confidence, regions)
    return stack, segmentation, assess(stack, segmentation, PatientContext())


def test_three_moments_are_read_with_their_times(analysed):
    stack, segmentation, assessment = analysed
    study = study_features(stack, segmentation, assessment, KEYS)
    ed, es = assessment.ed_phase, assessment.es_phase
    phases = phases_read(assessment, stack.n_phases)
    assert len(phases) == 3
    assert {ed, es} < set(phases)
    (filling,) = set(phases) - {ed, es}
    assert es < filling < stack.n_phases + ed
    np.testing.assert_allclose(study.phase_share, np.array(phases) / stack.n_phases, atol=1e-6)
    assert study.regions.shape == (3, stack.n_slices, len(REGIONS), 1 + len(SHAPE_FEATURES))
    np.testing.assert_array_equal(study.regions[0], segmentation.regions[phases[0]])


def test_two_phases_are_read_once_each(analysed):
    _, _, assessment = analysed
    assert phases_read(replace(assessment, ed_phase=1, es_phase=0), 2) == (0, 1)
    assert phases_read(replace(assessment, ed_phase=0, es_phase=0), 1) == (0,)
    # end-systole late in the list, end-diastole early in the next beat
    assert phases_read(replace(assessment, ed_phase=2, es_phase=9), 12) == (0, 2, 9)


def test_levels_go_from_base_to_apex_over_the_slices_with_a_wall(analysed):
    stack, segmentation, assessment = analysed
    study = study_features(stack, segmentation, assessment, KEYS)
    there = np.isfinite(segmentation.regions[assessment.ed_phase][:, :2]).all(axis=(1, 2))
    assert set(study.level[there]) == {1, 2, 3}
    assert (np.diff(study.level[there]) >= 0).all()
    assert (study.level[~there] == 0).all()
    away_mm, share = study.slice_position.T
    np.testing.assert_allclose(np.diff(away_mm), stack.slice_spacing_mm, rtol=1e-5)
    assert away_mm[there][0] == pytest.approx(stack.slice_spacing_mm / 2)
    assert 0 < share[there][0] < share[there][-1] < 1


def test_measurements_are_in_the_order_asked_for_and_missing_ones_not_numbers(analysed):
    stack, segmentation, assessment = analysed
    study = study_features(stack, segmentation, assessment, KEYS)
    assert study.measurements[0] == pytest.approx(assessment.value(KEYS[0]))
    assert np.isnan(study.measurements[1])  # nobody told the size of the patient
    assert study.measurements[2] == pytest.approx(assessment.value(KEYS[2]))
    turned = study_features(stack, segmentation, assessment, KEYS[::-1])
    np.testing.assert_array_equal(turned.measurements, study.measurements[::-1])


def test_times_that_tell_nothing_become_even_steps(analysed):
    stack, segmentation, assessment = analysed
    standing = replace(stack, trigger_times_ms=np.zeros(stack.n_phases))
    study = study_features(standing, segmentation, assessment, KEYS)
    phases = phases_read(assessment, stack.n_phases)
    np.testing.assert_allclose(study.phase_share, np.array(phases) / stack.n_phases, atol=1e-6)


def test_heart_without_a_wall_lies_nowhere(analysed):
    stack, segmentation, assessment = analysed
    bare = np.full_like(segmentation.regions, np.nan)
    study = study_features(stack, replace(segmentation, regions=bare), assessment, KEYS)
    assert not study.level.any()
    assert not study.slice_position.any()


def test_tower_without_features_gives_no_study(analysed):
    stack, segmentation, assessment = analysed
    assert study_features(stack, replace(segmentation, regions=None), assessment, KEYS) is None
