import numpy as np
import pytest

from worker.phantom.heart import HeartKind, Label, WallMotion, sample_heart
from worker.phantom.segments import CENTRES_DEG, segment_of

KINDS = list(HeartKind)


def drawn(kind, seed=0):
    return sample_heart(kind, np.random.default_rng(seed))


def counted_ml(heart, phase_fraction, step_mm=2.5):
    """Volumes by counting labelled points of a dense grid in heart coordinates."""
    length = heart.shape.length_mm
    x, y = np.arange(-110, 60, step_mm), np.arange(-70, 70, step_mm)
    z = np.arange(-30, length + 8, step_mm)
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), -1)
    labels = heart.labels(heart.to_patient(points), phase_fraction)
    return np.bincount(labels.ravel(), minlength=4) * step_mm**3 / 1000.0


@pytest.mark.parametrize("kind", KINDS)
def test_labels_fill_the_true_volumes(kind):
    heart = drawn(kind, 3)
    phase = heart.es_phase_fraction if kind is HeartKind.HEALTHY else 0.0
    counted, true = counted_ml(heart, phase), heart.volumes(phase)
    assert counted[Label.LV_CAVITY] == pytest.approx(true.lv_cavity_ml, rel=0.03)
    assert counted[Label.LV_MYOCARDIUM] == pytest.approx(true.lv_myocardium_ml, rel=0.03)
    assert counted[Label.RV_CAVITY] == pytest.approx(true.rv_cavity_ml, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_myocardium_is_conserved_through_the_cycle(kind):
    heart = drawn(kind, 1)
    volumes = [heart.volumes(p).lv_myocardium_ml for p in np.linspace(0, 1, 9)]
    assert max(volumes) / min(volumes) < 1.05


def test_truth_matches_volumes_at_end_diastole_and_end_systole():
    heart = drawn(HeartKind.HEALTHY, 2)
    truth = heart.truth()
    curve = [heart.volumes(p).lv_cavity_ml for p in np.linspace(0, 1, 41)]
    assert truth.lv_edv_ml == pytest.approx(max(curve))
    assert truth.lv_esv_ml == pytest.approx(min(curve), rel=0.02)
    assert truth.lv_mass_g == pytest.approx(1.05 * heart.volumes(0.0).lv_myocardium_ml)
    assert truth.cardiac_output_l_per_min == pytest.approx(
        truth.lv_sv_ml * truth.heart_rate_bpm / 1000
    )


@pytest.mark.parametrize("seed", range(4))
def test_kinds_differ_as_their_names_say(seed):
    truths = {kind: drawn(kind, seed).truth() for kind in KINDS}
    healthy = truths[HeartKind.HEALTHY]
    assert 54 <= healthy.lv_ef_percent <= 70
    assert healthy.max_wall_thickness_ed_mm < 12
    dilated = truths[HeartKind.DILATED]
    assert dilated.lv_ef_percent < 40 < healthy.lv_ef_percent
    assert dilated.lv_edv_ml / dilated.bsa_m2 > 100 > healthy.lv_edv_ml / healthy.bsa_m2
    for kind in (HeartKind.HYPERTROPHIC_SEPTAL, HeartKind.HYPERTROPHIC_CONCENTRIC):
        assert truths[kind].max_wall_thickness_ed_mm > 14
        assert truths[kind].lv_mass_g > healthy.lv_mass_g
    right = truths[HeartKind.RIGHT_VENTRICULAR]
    assert right.rv_ef_percent < 42
    assert right.rv_edv_ml / right.bsa_m2 > 105


@pytest.mark.parametrize("seed", range(4))
def test_infarct_has_a_thin_segment_that_hardly_moves(seed):
    truth = drawn(HeartKind.INFARCT, seed).truth()
    still = [s for s in truth.segments[:16] if s.motion is not WallMotion.NORMAL]
    thick = np.mean([s.thickness_ed_mm for s in truth.segments[:16]])
    assert still
    assert min(s.thickness_ed_mm for s in still) < 0.8 * thick
    moving = [s.excursion_mm for s in truth.segments[:12] if s.motion is WallMotion.NORMAL]
    assert min(s.excursion_mm for s in still) < 0.5 * np.mean(moving)


def test_septal_hypertrophy_is_thickest_in_the_septum():
    truth = drawn(HeartKind.HYPERTROPHIC_SEPTAL, 0).truth()
    thickest = max(truth.segments[:12], key=lambda s: s.thickness_ed_mm)
    assert thickest.number in {1, 2, 3, 7, 8, 9}


def test_walls_thicken_in_systole_where_the_heart_is_healthy():
    truth = drawn(HeartKind.HEALTHY, 5).truth()
    for segment in truth.segments[:12]:
        assert segment.thickness_es_mm > 1.2 * segment.thickness_ed_mm


def test_segments_lie_where_the_aha_model_has_them():
    for number, (degrees, depth) in CENTRES_DEG.items():
        assert segment_of(np.array(depth), np.array(np.radians(degrees))) == number
    assert segment_of(np.array(1.01), np.array(0.3)) == 17


def test_apex_points_left_front_and_down_and_septum_faces_the_right_ventricle():
    heart = drawn(HeartKind.HEALTHY, 7)
    apex = heart.placement.axes[2]
    assert apex[0] > 0.3
    assert apex[1] < -0.2
    assert apex[2] < -0.2
    np.testing.assert_allclose(heart.placement.axes @ heart.placement.axes.T, np.eye(3), atol=1e-9)
    septal = heart.to_patient(np.array([-heart.shape.cavity_radius_mm - 18.0, 0.0, 30.0]))
    assert heart.labels(septal, 0.0) == Label.RV_CAVITY


def test_nothing_is_labelled_above_the_valve_or_below_the_apex():
    heart = drawn(HeartKind.HEALTHY, 4)
    grid = np.stack(np.meshgrid(np.arange(-90, 60, 3.0), np.arange(-60, 60, 3.0)), -1)
    for height in (-25.0, heart.shape.length_mm + 1.0):
        points = np.concatenate([grid, np.full((*grid.shape[:2], 1), height)], -1)
        assert not heart.labels(heart.to_patient(points), 0.0).any()
    below = np.concatenate([grid, np.full((*grid.shape[:2], 1), 2.0)], -1)
    systole = heart.labels(heart.to_patient(below), heart.es_phase_fraction)
    assert Label.LV_CAVITY not in systole


def test_ring_is_open_towards_the_outflow_at_the_base_only():
    heart = drawn(HeartKind.HEALTHY, 4)
    angle = np.radians(np.arange(0.0, 360.0, 2.0))
    for height, expected_open in ((0.5, True), (35.0, False)):
        radius = heart.shape.cavity_radius_mm + heart.shape.wall_mm * 0.5
        along = (height / heart.shape.length_mm) ** 2
        points = np.stack(
            [
                radius * np.cos(angle) + heart.shape.curve_x_mm * along,
                -radius * np.sin(angle) + heart.shape.curve_y_mm * along,
                np.full_like(angle, height),
            ],
            -1,
        )
        labels = heart.labels(heart.to_patient(points), 0.0)
        towards_outflow = labels[(angle > np.radians(125)) & (angle < np.radians(155))]
        assert (Label.LV_MYOCARDIUM not in towards_outflow) is expected_open


def test_same_seed_gives_the_same_heart():
    assert drawn(HeartKind.INFARCT, 9).shape == drawn(HeartKind.INFARCT, 9).shape
    assert drawn(HeartKind.INFARCT, 9).shape != drawn(HeartKind.INFARCT, 10).shape


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="leaky"):
        sample_heart("leaky", np.random.default_rng(0))
