import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import tiny_network  # noqa: E402
from worker.training.language.layers import FourierFeatures  # noqa: E402

pytestmark = pytest.mark.train
N_QUERIES = 6


@pytest.fixture
def connector():
    return tiny_network().connector


def inputs(**changes):
    draw = torch.Generator().manual_seed(3)
    whole = {
        "study_tokens": torch.randn(2, 7, 16, generator=draw),
        "study_mask": torch.ones(2, 7, dtype=torch.int64),
        "text_embeds": torch.randn(2, 4, 32, generator=draw),
        "text_mask": torch.ones(2, 4, dtype=torch.int64),
        "measurement_values": torch.tensor([[55.0, 140.0], [30.0, 260.0]]),
        "measurement_mask": torch.ones(2, 2, dtype=torch.int64),
    }
    return {**whole, **changes}


@torch.inference_mode()
def connect(connector, **changes):
    return connector(**inputs(**changes))


def test_padded_cells_are_not_looked_at(connector):
    mask = inputs()["study_mask"].clone()
    mask[:, 5:] = 0
    rubbish = inputs()["study_tokens"].clone()
    rubbish[:, 5:] = 1e3
    tokens, attention = connect(connector, study_mask=mask, study_tokens=rubbish)
    without, _ = connect(
        connector, study_mask=mask[:, :5], study_tokens=inputs()["study_tokens"][:, :5]
    )
    assert torch.allclose(tokens, without, atol=1e-5)
    assert not attention[:, :, 5:].any()
    assert torch.allclose(attention.sum(dim=2), torch.ones(2, N_QUERIES), atol=1e-5)


def test_text_changes_what_the_images_become(connector):
    other = inputs()["text_embeds"].flip(0)
    difference = connect(connector)[0] - connect(connector, text_embeds=other)[0]
    assert (difference[:, :N_QUERIES].abs().amax(dim=-1) > 1e-3).all()
    assert not difference[:, N_QUERIES:].any()


def test_order_of_the_words_matters(connector):
    turned = inputs()["text_embeds"].flip(1)
    assert not torch.allclose(
        connect(connector)[0], connect(connector, text_embeds=turned)[0], atol=1e-3
    )


def test_padded_words_are_not_read(connector):
    embeds, mask = inputs()["text_embeds"], inputs()["text_mask"].clone()
    mask[:, 2:] = 0
    tokens, _ = connect(connector, text_mask=mask)
    fewer, _ = connect(connector, text_embeds=embeds[:, :2], text_mask=mask[:, :2])
    assert torch.allclose(tokens, fewer, atol=1e-5)


def test_ablation_without_text_is_like_no_text(connector):
    silent, _ = connect(connector, text_mask=torch.zeros(2, 4, dtype=torch.int64))
    assert not torch.allclose(silent, connect(connector)[0], atol=1e-3)
    connector.use_text = False
    assert torch.equal(connect(connector)[0], silent)


def test_untrained_gate_lets_no_text_through(connector):
    for layer in connector.layers:
        layer.text_gate.data.zero_()
    silent, _ = connect(connector, text_mask=torch.zeros(2, 4, dtype=torch.int64))
    assert torch.equal(connect(connector)[0], silent)


def test_study_without_any_cell_gives_finite_tokens(connector):
    tokens, attention = connect(connector, study_mask=torch.zeros(2, 7, dtype=torch.int64))
    assert tokens.isfinite().all()
    assert not attention.any()


def test_missing_measurement_gives_zeros_and_is_masked(connector):
    values, mask = inputs()["measurement_values"].clone(), torch.tensor([[1, 0], [1, 1]])
    values[0, 1] = float("nan")
    tokens, _ = connect(connector, measurement_values=values, measurement_mask=mask)
    assert tokens.isfinite().all()
    assert not tokens[0, N_QUERIES + 1].any()
    assert connector.token_mask(mask).tolist() == [[1] * 7 + [0], [1] * 8]


def test_fourier_features_tell_neighbouring_values_apart():
    fourier = FourierFeatures()
    near = fourier(torch.tensor([0.50, 0.51]))
    assert near.shape == (2, fourier.n_features)
    assert (near[0] - near[1]).abs().max() > 0.5
