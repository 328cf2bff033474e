"""End-diastole and end-systole on curves with known turning points."""

from functools import cache

import numpy as np
import pytest

from tests.worker.findings.shapes import heart_of, heart_study
from worker.findings.cycle import find_cycle
from worker.findings.volumes import disc_volumes_ml
from worker.phantom.truth import lv_cavity_ml

N_MOMENTS = 120


def curve(n_phases=25, es_share=0.36, edv=150.0, esv=60.0):
    t = np.arange(n_phases) / n_phases
    down = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / es_share, 1.0))
    up = 0.5 - 0.5 * np.cos(np.pi * np.clip((t - es_share) / 0.45, 0.0, 1.0))
    return edv - (edv - esv) * (down - up), t * 900.0


def test_cycle_finds_largest_and_smallest_volume():
    volumes, times = curve()
    cycle = find_cycle(volumes, times, 900.0)
    assert cycle.es_phase == 9
    assert volumes[cycle.ed_phase] == pytest.approx(volumes.max(), rel=0.01)
    assert cycle.outlier_phases == ()


def test_cycle_is_periodic_when_acquisition_starts_in_systole():
    volumes, times = curve()
    shifted = np.roll(volumes, -6)
    cycle = find_cycle(shifted, times, 900.0)
    assert cycle.es_phase == 3
    assert shifted[cycle.ed_phase] == pytest.approx(150.0, rel=0.01)


@pytest.mark.parametrize("bad_phase", [2, 9, 14, 24])
@pytest.mark.parametrize("factor", [0.2, 1.8])
def test_cycle_ignores_one_failed_phase_and_names_it(bad_phase, factor):
    volumes, times = curve()
    volumes[bad_phase] *= factor
    cycle = find_cycle(volumes, times, 900.0)
    assert cycle.outlier_phases == (bad_phase,)
    assert bad_phase not in (cycle.ed_phase, cycle.es_phase)
    assert volumes[cycle.es_phase] == pytest.approx(60.0, abs=4.0)
    assert volumes[cycle.ed_phase] == pytest.approx(150.0, abs=4.0)


def test_cycle_stays_close_to_truth_in_noise():
    rng = np.random.default_rng(5)
    clean, times = curve()
    for _ in range(30):
        cycle = find_cycle(clean + rng.normal(0.0, 2.0, clean.size), times, 900.0)
        assert clean[cycle.es_phase] == pytest.approx(60.0, abs=5.0)
        assert clean[cycle.ed_phase] == pytest.approx(150.0, abs=3.0)


def test_cycle_takes_few_phases_as_they_are():
    cycle = find_cycle(np.array([140.0, 90.0, 55.0, 120.0]), np.arange(4) * 200.0)
    assert (cycle.ed_phase, cycle.es_phase) == (0, 2)


@pytest.mark.parametrize("times", [np.zeros(25), np.full(25, np.nan), np.arange(25)[::-1] * 30.0])
def test_cycle_needs_no_usable_times(times):
    volumes, _ = curve()
    assert find_cycle(volumes, times).es_phase == 9


@pytest.mark.parametrize("n_phases", [5, 8, 10, 12, 16, 20, 25, 30, 40])
@pytest.mark.parametrize("kind", ["healthy", "dilated", "hypertrophic_septal"])
def test_cycle_keeps_the_peak_of_a_generated_heart_at_any_number_of_phases(kind, n_phases):
    heart = heart_of(kind)
    volumes = np.array(
        [
            lv_cavity_ml(heart.shape, heart.contraction(p / n_phases), n_heights=40, n_angles=36)
            for p in range(n_phases)
        ]
    )
    cycle = find_cycle(volumes, np.arange(n_phases) * 900.0 / n_phases, 900.0)
    assert cycle.outlier_phases == ()
    assert volumes[cycle.ed_phase] == pytest.approx(volumes.max(), rel=0.01)
    assert volumes[cycle.es_phase] == pytest.approx(volumes.min(), rel=0.02)


@cache
def labelled_volumes_ml(kind):
    """LV volume by discs of the true labels at 120 moments of the beat, end-diastole first."""
    labels, stack = heart_study(
        kind, n_phases=N_MOMENTS, pixel_mm=4.0, size=36, spacing_mm=10.0, above_mm=6.0
    )
    return disc_volumes_ml(labels, stack).lv_ml


@pytest.mark.parametrize("n_phases", [6, 8, 10, 12, 15, 25, 30])
@pytest.mark.parametrize("kind", ["healthy", "dilated", "infarct"])
def test_cycle_is_right_on_true_labels_whatever_the_first_phase_shows(kind, n_phases):
    beat = labelled_volumes_ml(kind)
    offsets = np.rint(np.arange(n_phases) * N_MOMENTS / n_phases).astype(int)
    for first in range(N_MOMENTS):
        volumes = beat[(first + offsets) % N_MOMENTS]
        cycle = find_cycle(volumes, offsets * 900.0 / N_MOMENTS, 900.0)
        assert cycle.outlier_phases == ()
        assert volumes[cycle.ed_phase] == pytest.approx(volumes.max(), rel=0.01)
        assert volumes[cycle.es_phase] == pytest.approx(volumes.min(), rel=0.02)
