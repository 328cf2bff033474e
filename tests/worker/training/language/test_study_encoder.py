import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import (  # noqa: E402
    N_PHASES,
    N_SLICES,
    tiny_network,
    tiny_studies,
)
from worker.training.language.study_encoder import cell_mask  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def encoder():
    return tiny_network().encoder


@torch.inference_mode()
def encode(encoder, studies):
    tokens = encoder(
        studies.features,
        studies.region_mask,
        studies.phase_share,
        studies.slice_position,
        studies.level,
    )
    return tokens.unflatten(1, (studies.phase_share.shape[1], studies.level.shape[1]))


def with_padding(studies):
    """Add one slice and one phase of rubbish, masked."""

    def grown(tensor, axis, value):
        extra = torch.full_like(tensor.narrow(axis, 0, 1), value)
        return torch.cat((tensor, extra), dim=axis)

    rubbish = float("nan")
    return replace(
        studies,
        features=grown(grown(studies.features, 1, rubbish), 2, rubbish),
        region_mask=grown(grown(studies.region_mask, 1, 0), 2, 0),
        phase_share=grown(studies.phase_share, 1, 0.5),
        slice_position=grown(studies.slice_position, 1, 9.0),
        level=grown(studies.level, 1, 1),
    )


def test_padded_slices_and_phases_change_nothing_and_give_zeros(encoder):
    studies = tiny_studies()
    alone, padded = encode(encoder, studies), encode(encoder, with_padding(studies))
    assert torch.allclose(padded[:, :N_PHASES, :N_SLICES], alone, atol=1e-5)
    assert not padded[:, N_PHASES:].any()
    assert not padded[:, :, N_SLICES:].any()
    assert cell_mask(with_padding(studies).region_mask).sum() == 2 * N_PHASES * N_SLICES


def test_every_cell_hears_of_every_other(encoder):
    studies = tiny_studies(n=1)
    changed = studies.features.clone()
    changed[0, 2, 3] += 1
    difference = encode(encoder, studies) - encode(encoder, replace(studies, features=changed))
    assert (difference.abs().amax(dim=-1) > 1e-6).all()


@pytest.mark.parametrize("field", ["phase_share", "slice_position", "level"])
def test_place_and_time_matter(encoder, field):
    studies = tiny_studies(n=1)
    other = replace(studies, **{field: getattr(studies, field).flip(1)})
    assert not torch.allclose(encode(encoder, studies), encode(encoder, other), atol=1e-3)


def test_missing_region_is_told_from_one_of_zeros():
    encoder = tiny_network().encoder
    torch.nn.init.normal_(encoder.region_missing)
    studies = tiny_studies(n=1)
    features, mask = studies.features.clone(), studies.region_mask.clone()
    features[..., 0, :] = 0
    mask[..., 0] = 0
    zeros, missing = replace(studies, features=features), replace(studies, region_mask=mask)
    assert not torch.allclose(encode(encoder, zeros), encode(encoder, missing), atol=1e-3)


def test_scale_makes_units_of_features_not_matter(encoder):
    studies = tiny_studies(n=4, seed=5)
    studies.region_mask[1, 0] = 0
    other = studies.features * torch.linspace(0.1, 900, studies.features.shape[-1]) + 7
    other = torch.where(studies.region_mask[..., None].bool(), other, float("nan"))
    encoded = []
    for features in (studies.features, other):
        scaled = copy.deepcopy(encoder)
        scaled.fit_scale(features, studies.region_mask)
        encoded.append(encode(scaled, replace(studies, features=features)))
    assert torch.allclose(*encoded, atol=1e-3)
    assert not torch.allclose(encoded[0], encode(encoder, studies), atol=1e-3)
