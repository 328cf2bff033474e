import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import tiny_decoder  # noqa: E402
from worker.training.language.adaptation import adapt, merge_additions  # noqa: E402

pytestmark = pytest.mark.train
IDS, MASK = torch.tensor([[5, 9, 7]]), torch.ones(1, 3, dtype=torch.int64)


@pytest.fixture
def decoder():
    return tiny_decoder()


def logits(decoder):
    with torch.inference_mode():
        return decoder.read(decoder.embed_tokens(IDS), MASK).logits


def trained(decoder):
    return sorted(name for name, p in decoder.named_parameters() if p.requires_grad)


def one_step(decoder):
    """Take a large step down an arbitrary slope."""
    optimiser = torch.optim.SGD([p for p in decoder.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        decoder.read(decoder.embed_tokens(IDS), MASK).logits.square().mean().backward()
        optimiser.step()


def test_frozen_part_has_nothing_to_train(decoder):
    adapt(decoder, "frozen")
    assert not trained(decoder)


def test_full_part_trains_everything(decoder):
    adapt(decoder, "frozen")
    adapt(decoder, "full")
    assert len(trained(decoder)) == len(list(decoder.parameters()))


def test_low_rank_additions_start_as_nothing_and_are_all_that_is_trained(decoder):
    before = logits(decoder)
    adapt(decoder, "lora", rank=2)
    assert torch.equal(logits(decoder), before)
    names = trained(decoder)
    # up and down of four linear layers in each of three blocks
    assert len(names) == 3 * 4 * 2
    assert all(name.endswith((".up", ".down")) for name in names)
    weights = {name: p.clone() for name, p in decoder.named_parameters() if not p.requires_grad}
    one_step(decoder)
    assert not torch.allclose(logits(decoder), before, atol=1e-4)
    assert all(torch.equal(weights[n], p) for n, p in decoder.named_parameters() if n in weights)


def test_merged_part_answers_alike_and_is_plain_again(decoder):
    plain = set(decoder.state_dict())
    adapt(decoder, "lora", rank=2)
    one_step(decoder)
    before = logits(decoder)
    merge_additions(decoder)
    assert torch.allclose(logits(decoder), before, rtol=1e-4, atol=1e-3)
    assert set(decoder.state_dict()) == plain
