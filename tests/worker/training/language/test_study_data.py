import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ModelError, Reason
from worker.findings.limits import WALL_THICKENED_MM
from worker.model.regions import REGIONS, SHAPE_FEATURES, pool_regions
from worker.model.types import Segmentation
from worker.phantom.heart import sample_traits
from worker.training.language import study_data
from worker.training.language.study_data import (
    MEASUREMENTS,
    make_studies,
    phantom_study,
    read_studies,
)

pytestmark = pytest.mark.train
N_MAPS = 2


class ExactTower:
    """Gives back the labels that were drawn, and flat maps."""

    def __init__(self, monkeypatch):
        self.n_calls = 0
        acquire = study_data.acquire

        def remembered(heart, protocol, rng):
            self.cine = acquire(heart, protocol, rng)
            return self.cine

        monkeypatch.setattr(study_data, "acquire", remembered)

    def segment(self, stack):
        self.n_calls += 1
        labels = self.cine.labels
        if stack.n_phases < len(labels):
            labels = labels[[self.cine.ed_phase, self.cine.es_phase]]
        one_hot = (labels[:, :, None] == np.arange(4)[:, None, None]).astype(np.float32)
        half = labels.shape[2] // 2
        maps = np.ones((labels.shape[1], N_MAPS, half, half), np.float32)
        regions = [pool_regions(phase, maps, stack.row_spacing_mm) for phase in one_hot]
        confidence = np.full(labels.shape[:2], 0.9, np.float32)
        return Segmentation(labels, confidence, np.stack(regions))


@pytest.fixture
def tower(monkeypatch):
    return ExactTower(monkeypatch)


def test_generated_study_has_truth_measurements_and_regions(tower):
    study = phantom_study(tower, seed=5, index=3)
    assert (study.group, study.kind) == ("HCM", "hypertrophic_concentric")
    n_phases, n_slices = study.features.regions.shape[:2]
    assert study.features.regions.shape[2:] == (len(REGIONS), N_MAPS + len(SHAPE_FEATURES))
    assert n_phases == 3
    assert study.features.level.shape == (n_slices,)
    wall = study.truth.value("maximal_wall_thickness")
    assert wall > WALL_THICKENED_MM
    assert "lv_wall_thickening" in {one.key for one in study.truth.findings}
    assert all(one.interval is None for one in study.truth.measurements)
    assert any(one.interval is not None for one in study.measured.measurements)
    assert study.features.measurements[MEASUREMENTS.index("maximal_wall_thickness")] == (
        pytest.approx(study.measured.value("maximal_wall_thickness"))
    )


def test_folder_is_filled_where_something_is_missing_and_read_back(tower, tmp_path):
    make_studies(tower, tmp_path, n_phantoms=2, seed=5, acdc=None)
    assert tower.n_calls == 2
    kept = read_studies(tmp_path)
    (tmp_path / "phantom-0001.npz").unlink()
    (tmp_path / "phantom-0001.part").write_bytes(b"stopped here")
    make_studies(tower, tmp_path, n_phantoms=2, seed=5, acdc=None)
    assert tower.n_calls == 3
    again = read_studies(tmp_path)
    assert [one.id for one in again] == ["phantom-0000", "phantom-0001"]
    for before, after in zip(kept, again, strict=True):
        assert before.truth == after.truth
        assert before.measured == after.measured
        for name in ("regions", "level", "slice_position", "phase_share", "measurements"):
            ours, theirs = getattr(before.features, name), getattr(after.features, name)
            np.testing.assert_array_equal(ours, theirs)


def test_mixed_heart_has_two_phases_no_group_and_keeps_its_traits(tower, tmp_path):
    make_studies(tower, tmp_path, n_phantoms=0, n_mixed=1, seed=5, acdc=None)
    (kept,) = read_studies(tmp_path)
    assert (kept.id, kept.cohort, kept.group, kept.kind) == ("mixed-0000", "mixed", "", "mixed")
    assert kept.features.regions.shape[0] == 2
    drawn = sample_traits(np.random.default_rng([5, 0, 1]))
    assert kept.traits == drawn
    assert (kept.truth.value("lv_ejection_fraction") < 45) is drawn.lv_weak


def test_what_the_tower_refuses_is_named_and_left_out(tower, tmp_path, monkeypatch):
    def refuse(_):
        raise ModelError(Reason.HEART_NOT_FOUND)

    monkeypatch.setattr(tower, "segment", refuse)
    assert make_studies(tower, tmp_path, n_phantoms=1, seed=5, acdc=None) == ("phantom-0000",)
    assert not read_studies(tmp_path)


def test_tower_without_features_is_an_error_not_an_empty_study(tower, monkeypatch):
    whole = tower.segment

    def blind(stack):
        found = whole(stack)
        return Segmentation(found.labels, found.confidence)

    monkeypatch.setattr(tower, "segment", blind)
    with pytest.raises(ValueError, match="no features"):
        phantom_study(tower, seed=5, index=0)
