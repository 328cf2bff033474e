from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from pydantic import ValidationError  # noqa: E402

from plugin.domain.errors import ConfigurationError, Reason  # noqa: E402
from tests.worker.training.language.networks import tiny_choice, tiny_studies  # noqa: E402
from worker.training.language.connector import QueryConnector  # noqa: E402
from worker.training.language.parts import PartRegistry  # noqa: E402

pytestmark = pytest.mark.train


def test_each_part_is_trained_as_chosen():
    choice = tiny_choice(encoder={"adaptation": "frozen"}, decoder={"adaptation": "lora"})
    network = PartRegistry().build(choice)
    assert not any(p.requires_grad for p in network.encoder.parameters())
    assert all(p.requires_grad for p in network.connector.parameters())
    trained = [name for name, p in network.decoder.named_parameters() if p.requires_grad]
    assert trained
    assert all(name.endswith((".up", ".down")) for name in trained)


def test_another_connector_joins_by_its_name():
    class Doubled(QueryConnector):
        def forward(self, *tensors):
            tokens, attention = super().forward(*tensors)
            return 2 * tokens, attention

    ours = PartRegistry()
    connectors = {
        **ours.connectors,
        "doubled": lambda settings: Doubled(ours.connectors["query"](settings).settings),
    }
    theirs = replace(ours, connectors=connectors)
    torch.manual_seed(0)
    plain = ours.build(tiny_choice())
    torch.manual_seed(0)
    doubled = theirs.build(tiny_choice(connector={"name": "doubled"}))
    doubled.load_state_dict(plain.state_dict())
    n_marks = len(plain.image_marks)
    with torch.inference_mode():
        expected = 2 * plain.prefix(tiny_studies()).embeds[:, :-n_marks]
        found = doubled.prefix(tiny_studies()).embeds[:, :-n_marks]
    assert torch.equal(found, expected)


def test_weights_of_a_part_are_loaded(tmp_path):
    first = PartRegistry().build(tiny_choice())
    torch.save(first.decoder.state_dict(), tmp_path / "decoder.pt")
    second = PartRegistry().build(tiny_choice(decoder={"weights": tmp_path / "decoder.pt"}))
    weights = second.decoder.state_dict()
    assert all(torch.equal(weights[name], t) for name, t in first.decoder.state_dict().items())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"decoder": {"name": "gpt"}}, ["decoder", "gpt", "llama"]),
        ({"decoder": {"settings": {"vocabulary": 0}}}, ["decoder.settings.vocabulary"]),
        ({"encoder": {"settings": {"n_regions": 2, "n_features": 5, "depth": 3}}}, ["depth"]),
        ({"decoder": {"weights": "nowhere.pt"}}, ["decoder.weights", "nowhere.pt"]),
        ({"decoder": {"settings": {"vocabulary": 50}}}, ["connector.decoder_width", "256"]),
        (
            {"encoder": {"settings": {"n_regions": 2, "n_features": 5, "width": 32}}},
            ["connector.study_width", "32"],
        ),
    ],
)
def test_parts_that_cannot_be_built_are_named(parts, words):
    with pytest.raises(ConfigurationError) as caught:
        PartRegistry().build(tiny_choice(**parts))
    assert caught.value.reason is Reason.SETTING_INVALID
    assert all(word in caught.value.sentence for word in words)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    torch.save({"other": torch.zeros(1)}, tmp_path / "decoder.pt")
    with pytest.raises(ConfigurationError) as caught:
        PartRegistry().build(tiny_choice(decoder={"weights": tmp_path / "decoder.pt"}))
    assert "does not fit" in caught.value.sentence


def test_unknown_adaptation_is_refused():
    with pytest.raises(ValidationError):
        tiny_choice(decoder={"adaptation": "some"})
