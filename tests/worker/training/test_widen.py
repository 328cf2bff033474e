"""More training with a wider network begins where the narrower one stopped."""

import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from worker.training.beginning import begin  # noqa: E402
from worker.training.network import N_INPUTS, SegmentationNetwork  # noqa: E402
from worker.training.recipe import Recipe, Stage  # noqa: E402
from worker.training.train import Trainer  # noqa: E402
from worker.training.widen import widened  # noqa: E402

NARROW, WIDE = (8, 16, 16), (8, 24, 40)


def scores(network):
    images = torch.rand(2, N_INPUTS, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return network.eval()(images)


def recipe(channels):
    stage = Stage(
        name="one", minutes=1, crop=32, batch=2, learning_rate_start=1e-3,
        learning_rate_end=1e-4, mix={"phantom": 1.0},
    )  # fmt: skip
    return Recipe(name="small", seed=3, channels=channels, stages=(stage,))


def test_a_wider_network_answers_as_the_narrow_one_and_learns_with_all_of_it():
    narrow = SegmentationNetwork(NARROW)
    wide = widened(narrow, WIDE)
    torch.testing.assert_close(scores(wide), scores(narrow))
    wide.train()
    optimiser = torch.optim.SGD(wide.parameters(), lr=0.1)
    before = wide.encoders[2][0][0].weight.detach().clone()
    for _ in range(2):
        optimiser.zero_grad()
        wide(torch.rand(1, N_INPUTS, 32, 32)).square().mean().backward()
        optimiser.step()
    changed = (wide.encoders[2][0][0].weight != before).flatten(1).any(dim=1)
    assert changed.all()


@pytest.mark.parametrize("channels", [(8, 8, 16), (8, 16), (8, 16, 16, 32)])
def test_a_network_that_would_lose_channels_is_refused(channels):
    with pytest.raises(ConfigurationError, match="does not fit") as caught:
        widened(SegmentationNetwork(NARROW), channels)
    assert caught.value.reason is Reason.SETTING_INVALID


def test_a_run_begins_with_the_averaged_weights_of_an_earlier_one(tmp_path):
    earlier = Trainer(recipe(NARROW), tmp_path / "earlier")
    earlier.average.head.bias.data.fill_(0.5)
    earlier.seen.add("phantom")
    earlier.save()
    begin(earlier.path, recipe(WIDE), tmp_path / "run")
    trainer = Trainer(recipe(WIDE), tmp_path / "run")
    torch.testing.assert_close(scores(trainer.network), scores(earlier.average))
    assert trainer.seen == {"phantom"}


def test_a_run_that_has_begun_keeps_what_it_learnt(tmp_path):
    other = Trainer(recipe(NARROW), tmp_path / "other")
    other.save()
    begun = Trainer(recipe(NARROW), tmp_path / "run")
    begun.network.head.bias.data.fill_(0.25)
    begun.save()
    begin(other.path, recipe(NARROW), tmp_path / "run")
    again = Trainer(recipe(NARROW), tmp_path / "run")
    assert (again.network.head.bias == 0.25).all()


def test_a_file_of_something_else_cannot_begin_a_run(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(ConfigurationError, match="neither pre-trained weights nor"):
        begin(path, recipe(NARROW), tmp_path / "run")
