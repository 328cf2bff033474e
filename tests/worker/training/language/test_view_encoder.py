from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from plugin.domain.errors import ConfigurationError  # noqa: E402
from tests.worker.training.language.networks import (  # noqa: E402
    N_PHASES,
    N_SLICES,
    tiny_choice,
    tiny_network,
    tiny_studies,
    tiny_views,
    with_views,
)
from worker.series import Role  # noqa: E402
from worker.training.language.graphs import plans  # noqa: E402
from worker.training.language.parts import PartRegistry  # noqa: E402

pytestmark = pytest.mark.train
LATE, FOUR_CHAMBER = 3, 2


@pytest.fixture(scope="module")
def plain():
    return tiny_network()


@pytest.fixture(scope="module")
def viewed(plain):
    return with_views(plain)


def prefix(network, views=None, n=2):
    with torch.inference_mode():
        return network.prefix(replace(tiny_studies(n), views=views)).embeds


def test_study_without_further_views_is_read_as_by_the_encoder_of_the_short_axis(plain, viewed):
    assert torch.allclose(prefix(viewed), prefix(plain), atol=1e-5)


def test_further_images_are_study_tokens_behind_the_short_axis_and_are_looked_at(viewed):
    studies = tiny_studies()
    with torch.inference_mode():
        tokens = viewed.encoder(
            studies.features,
            studies.region_mask,
            studies.phase_share,
            studies.slice_position,
            studies.level,
            *tiny_views(n_images=5).tensors(),
        )
    assert tokens.shape[1] == N_PHASES * N_SLICES + 5
    assert (prefix(viewed, tiny_views()) - prefix(viewed)).abs().max() > 1e-3
    other = tiny_views()
    other.features[:, 1, 1] += 1.0
    assert (prefix(viewed, other) - prefix(viewed, tiny_views())).abs().max() > 1e-4


def test_order_of_images_and_images_that_are_not_there_change_nothing(viewed):
    whole = tiny_views(n_images=4)
    turned = replace(whole, **{one: getattr(whole, one).flip(1) for one in whole.__slots__})
    assert torch.allclose(prefix(viewed, turned), prefix(viewed, whole), atol=1e-5)
    padded = tiny_views(n_images=4)
    padded.region_mask[:, 2:] = 0
    fewer = replace(whole, **{one: getattr(whole, one)[:, :2] for one in whole.__slots__})
    assert torch.allclose(prefix(viewed, padded), prefix(viewed, fewer), atol=1e-5)


def test_views_that_were_not_learnt_are_not_read(plain, viewed):
    assert torch.allclose(prefix(viewed, tiny_views(kind=FOUR_CHAMBER)), prefix(plain), atol=1e-5)
    assert not tiny_views(kind=LATE).only((Role.TWO_CHAMBER_CINE,)).region_mask.any()


def test_what_an_image_shows_is_scaled_by_its_own_view(viewed):
    late, long_axis = tiny_views(n_images=40), tiny_views(n_images=40, seed=5, kind=0)
    late.features.mul_(50).add_(7)
    both = replace(
        late,
        **{
            one: torch.cat((getattr(late, one), getattr(long_axis, one)), dim=1)
            for one in late.__slots__
        },
    )
    encoder = with_views(tiny_network()).encoder
    encoder.views.fit_scale(both)
    spread = encoder.views.feature_spread
    assert 40 < spread[LATE].mean() < 60
    assert 0.8 < spread[0].mean() < 1.2
    assert (spread[FOUR_CHAMBER] == 1).all()


def test_graph_of_an_encoder_with_views_says_what_it_takes(plain, viewed):
    names = {
        network: next(one for one in plans(network) if one.role == "study_encoder").inputs
        for network in (plain, viewed)
    }
    assert not any(one.startswith("view_") for one in names[plain])
    assert [one for one in names[viewed] if one.startswith("view_")] == [
        "view_features",
        "view_mask",
        "view_kind",
        "view_phase_share",
        "view_position",
    ]


def test_an_encoder_without_any_view_to_learn_is_no_choice():
    choice = tiny_choice()
    sizes = {**choice.encoder.settings, "views": []}
    encoder = {"name": "axial_views", "settings": sizes}
    with pytest.raises(ConfigurationError, match="views"):
        PartRegistry().build(tiny_choice(encoder=encoder))
