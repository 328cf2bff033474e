from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import (  # noqa: E402
    VOCABULARY,
    tiny_network,
    tiny_studies,
)

pytestmark = pytest.mark.train
IDS = torch.randint(5, VOCABULARY, (2, 6), generator=torch.Generator().manual_seed(4))
MASK = torch.ones_like(IDS)


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@torch.inference_mode()
def run(network, studies, ids=IDS, mask=MASK):
    return network(studies, ids, mask)


def test_each_score_predicts_the_word_at_its_place(network):
    logits, _ = run(network, tiny_studies())
    changed = IDS.clone()
    changed[:, 3] = (changed[:, 3] + 1) % VOCABULARY
    other, _ = run(network, tiny_studies(), changed)
    assert logits.shape == (2, 6, VOCABULARY)
    assert torch.equal(logits[:, :4], other[:, :4])
    assert not torch.allclose(logits[:, 4], other[:, 4], atol=1e-3)


def test_words_follow_the_images(network):
    studies = tiny_studies()
    swapped = replace(studies, features=studies.features.flip(0))
    assert not torch.allclose(run(network, studies)[0], run(network, swapped)[0], atol=1e-3)


def test_image_features_do_not_depend_on_words_and_have_unit_length(network):
    _, beside = run(network, tiny_studies())
    with torch.inference_mode():
        alone = network.image_features(tiny_studies())
    assert torch.allclose(beside.whole, alone.whole, atol=1e-5)
    assert torch.allclose(beside.local, alone.local, atol=1e-5)
    assert torch.allclose(alone.whole.norm(dim=1), torch.ones(2), atol=1e-5)


def test_missing_measurement_is_as_if_it_had_no_place(network):
    studies = tiny_studies(n=1)
    mask = torch.tensor([[1, 0]])
    missing = replace(studies, measurement_mask=mask)
    logits, features = run(network, missing, IDS[:1], MASK[:1])
    with torch.inference_mode():
        prefix = network.prefix(missing)
        embeds = torch.cat((prefix.embeds, network.decoder.embed_tokens(IDS[:1])), dim=1)
        kept = torch.cat((prefix.mask, MASK[:1]), dim=1).bool()[0]
        there = torch.ones(1, int(kept.sum()), dtype=torch.int64)
        expected = network.decoder.read(embeds[:, kept], there).logits[:, -7:-1]
    assert torch.allclose(logits, expected, atol=1e-4)
    assert not torch.allclose(
        features.local, run(network, studies, IDS[:1], MASK[:1])[1].local, atol=1e-4
    )


def test_text_features_ignore_padding_and_hear_the_words(network):
    padded, mask = torch.cat((IDS, IDS), dim=1), torch.cat((MASK, 0 * MASK), dim=1)
    with torch.inference_mode():
        plain, same = network.text_features(IDS, MASK), network.text_features(padded, mask)
    assert torch.allclose(plain.whole, same.whole, atol=1e-5)
    assert torch.allclose(plain.local, same.local, atol=1e-5)
    assert not torch.allclose(plain.whole[0], plain.whole[1], atol=1e-3)


def test_every_part_learns_from_the_words():
    network = tiny_network().train()
    logits, _ = network(tiny_studies(), IDS, MASK)
    torch.nn.functional.cross_entropy(logits[MASK > 0], IDS[MASK > 0]).backward()
    silent = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # heads and temperature learn from features; the studies here miss no region
    recognition = ("image_heads.", "text_heads.", "temperature.")
    assert all(name.startswith(recognition) or "missing" in name for name in silent)
