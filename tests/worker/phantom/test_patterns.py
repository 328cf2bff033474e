import numpy as np
import pytest

from worker.phantom.heart import (
    HeartTraits,
    Wall,
    WallMotion,
    sample_heart_with,
    sample_traits,
)
from worker.phantom.patterns import PATTERNS, TRAITS

SWITCHES = ("lv_dilated", "lv_weak", "rv_dilated", "rv_weak", "infarct")
N_DRAWN = 4000


@pytest.fixture(scope="module")
def drawn():
    """Return traits ``[heart, trait]`` as 0 and 1; the last column is a thick wall."""
    rng = np.random.default_rng(0)
    found = [sample_traits(rng) for _ in range(N_DRAWN)]
    return np.array(
        [[*(getattr(one, name) for name in SWITCHES), one.wall is not Wall.EVEN] for one in found],
        dtype=float,
    )


def test_no_trait_tells_of_another(drawn):
    likeness = np.corrcoef(drawn.T)
    np.fill_diagonal(likeness, 0.0)
    assert np.abs(likeness).max() < 4 / np.sqrt(N_DRAWN)


def test_every_trait_is_seen_with_and_without_every_other(drawn):
    for one in range(drawn.shape[1]):
        for other in range(one):
            pairs = 2 * drawn[:, one] + drawn[:, other]
            assert np.bincount(pairs.astype(int), minlength=4).min() > 0.05 * N_DRAWN


def test_kinds_are_traits_that_go_together():
    assert set(TRAITS) == set(PATTERNS)
    assert len(set(TRAITS.values())) == len(TRAITS)
    assert not any(one.rv_dilated and (one.lv_weak or one.lv_dilated) for one in TRAITS.values())


@pytest.mark.parametrize(
    "traits",
    [
        HeartTraits(),
        HeartTraits(lv_dilated=True, rv_weak=True),
        HeartTraits(lv_weak=True, wall=Wall.SEPTAL, rv_dilated=True),
        HeartTraits(lv_dilated=True, wall=Wall.CONCENTRIC, rv_dilated=True, rv_weak=True),
        HeartTraits(lv_weak=True, rv_weak=True, infarct=True),
        HeartTraits(lv_dilated=True, lv_weak=True, rv_dilated=True, rv_weak=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(2))
def test_heart_has_its_traits_and_no_others(traits, seed):
    heart = sample_heart_with(traits, np.random.default_rng(seed))
    truth = heart.truth()
    assert heart.kind is None
    assert (truth.lv_edv_ml / truth.bsa_m2 > 100) is traits.lv_dilated
    assert (truth.lv_ef_percent < 45) is traits.lv_weak
    assert (truth.rv_edv_ml / truth.bsa_m2 > 105) is traits.rv_dilated
    assert (truth.rv_ef_percent < 42) is traits.rv_weak
    assert (truth.max_wall_thickness_ed_mm > 12.5) is (traits.wall is not Wall.EVEN)
    still = [one for one in truth.segments[:16] if one.motion is not WallMotion.NORMAL]
    assert bool(still) or not traits.infarct


def test_same_state_gives_the_same_heart():
    traits = HeartTraits(lv_weak=True, infarct=True)
    one, same = (sample_heart_with(traits, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == same.shape
