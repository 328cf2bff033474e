"""The table of what the network saw: distances, limits, and its way into a bundle and back."""

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("sklearn", reason="needs the extra train")

from plugin.domain.errors import ModelError, Reason
from tests.worker.bundle.small_bundle import write_manifest, write_small_bundle
from worker.bundle import load_bundle
from worker.gate import Verdict
from worker.gate.familiarity import TABLE_FILE, load_familiarity
from worker.model.regions import REGIONS, SHAPE_FEATURES
from worker.training.familiarity import add_table, fit, left_out_distances
from worker.training.generated_hearts import generated_stacks

pytestmark = pytest.mark.train

N_MAPS = 5


def studies(n=30, seed=0, offset=0.0, n_slices=8):
    """Patients whose maps are correlated and scaled differently, with shapes of their own."""
    rng = np.random.default_rng(seed)
    mix = (
        np.diag([1.0, 2.0, 0.5, 1.5, 1.0])
        @ np.linalg.qr(np.random.default_rng(9).normal(size=(N_MAPS, N_MAPS)))[0]
    )
    made = []
    for _ in range(n):
        maps = (rng.normal(size=(2, n_slices, len(REGIONS), N_MAPS)) + offset) @ mix
        shape = rng.uniform(100, 2000, (2, n_slices, len(REGIONS), len(SHAPE_FEATURES)))
        made.append(np.concatenate((maps, shape), axis=-1).astype(np.float32))
    return made


@pytest.fixture(scope="module")
def table():
    return fit(studies())


def test_hearts_like_those_of_training_lie_about_one_deviation_away(table):
    distances = [table.distance(study) for study in studies(seed=1, n=10)]
    # the median of the root of chi-square / 5 with five degrees of freedom is 0.93
    assert np.mean(distances) == pytest.approx(0.93, abs=0.12)
    assert {table.limit.verdict(d) for d in distances} == {Verdict.PASS}


def test_the_further_the_stranger(table):
    distances = [table.distance(studies(1, seed=2, offset=o)[0]) for o in (0.0, 1.5, 3.0, 6.0)]
    assert distances == sorted(distances)
    verdicts = [table.limit.verdict(distance) for distance in distances]
    assert verdicts[0] is Verdict.PASS
    assert verdicts[-1] is Verdict.REFUSE


def test_one_odd_slice_makes_no_stranger(table):
    (odd,) = studies(1, seed=3)
    usual = table.distance(odd)
    odd[:, 2] += 50.0
    assert table.distance(odd) < 1.2 * usual


def test_missing_regions_are_left_out_and_no_region_at_all_is_infinitely_far(table):
    (study,) = studies(1, seed=4)
    study[:, :3] = np.nan
    assert np.isfinite(table.distance(study))
    study[:] = np.nan
    assert table.distance(study) == np.inf


def test_left_out_patients_lie_further_than_those_of_the_table():
    few = studies(12)
    table = fit(few)
    inside = np.array([table.distance(study) for study in few])
    assert left_out_distances(few).mean() > inside.mean()


def test_table_goes_into_a_bundle_and_comes_back(table, tmp_path):
    folder = write_small_bundle(tmp_path / "small")
    assert load_familiarity(load_bundle(folder)) is None
    add_table(table, folder)
    read = load_familiarity(load_bundle(folder))
    (study,) = studies(1, seed=5)
    assert read.distance(study) == pytest.approx(table.distance(study), rel=1e-4)
    assert read.limit.flag_above == pytest.approx(table.limit.flag_above)
    assert read.limit.refuse_above == pytest.approx(table.limit.refuse_above)


def test_table_that_is_none_is_refused(tmp_path):
    folder = write_small_bundle(tmp_path / "small")
    (folder / "tables").mkdir()
    for content in (b"no table", b""):
        (folder / TABLE_FILE).write_bytes(content)
        write_manifest(folder)
        with pytest.raises(ModelError) as refused:
            load_familiarity(load_bundle(folder))
        assert refused.value.reason is Reason.BUNDLE_INVALID


def test_generated_hearts_are_the_same_every_time_and_differ():
    once, again = ([*generated_stacks(2, seed=5)] for _ in range(2))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[0].affine, once[1].affine)


def test_bundle_without_non_commercial_terms_gets_no_table_of_such_patients(tmp_path):
    commands = pytest.importorskip("worker.training.commands", reason="needs the extra train")
    folder = write_small_bundle(tmp_path / "free")
    write_manifest(folder, licence="Apache-2.0")
    arguments = ["familiarity", "--bundle", str(folder), "--data", str(tmp_path)]
    answer = CliRunner().invoke(commands.train, arguments)
    assert answer.exit_code
    assert "free of ACDC" in str(answer.exception)
    assert load_familiarity(load_bundle(folder)) is None
