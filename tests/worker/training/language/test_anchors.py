import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from worker.training.language.anchors import AnchorBank  # noqa: E402

pytestmark = pytest.mark.train

X, Y, BETWEEN = [1.0, 0.0], [0.0, 1.0], [0.5**0.5, 0.5**0.5]


@pytest.fixture
def bank():
    bank = AnchorBank(["dilated", "hypertrophic"], 2, momentum=0.75)
    for name, here, not_here in (("dilated", X, Y), ("hypertrophic", Y, X)):
        bank.refresh(name, torch.tensor([here]), present=True)
        bank.refresh(name, torch.tensor([not_here]), present=False)
    return bank


def test_first_refresh_is_the_mean_direction_of_the_descriptions():
    bank = AnchorBank(["dilated"], 2)
    bank.refresh("dilated", torch.tensor([X, Y]), present=True)
    assert bank.anchors[0, 0].tolist() == pytest.approx(BETWEEN, abs=1e-6)
    assert not bank.anchors[0, 1].any()


def test_later_refresh_moves_the_anchor_by_its_share(bank):
    bank.refresh("dilated", torch.tensor([Y]), present=True)
    expected = torch.tensor([0.75, 0.25]) / (0.75**2 + 0.25**2) ** 0.5
    assert torch.allclose(bank.anchors[0, 0], expected, atol=1e-6)
    assert bank.anchors[1, 0].tolist() == Y


def test_margin_is_similarity_to_the_anchor_minus_that_to_its_negation(bank):
    margins = bank.margins(torch.tensor([X, BETWEEN]))
    assert torch.allclose(margins, torch.tensor([[1.0, -1.0], [0.0, 0.0]]), atol=1e-6)


def test_category_without_its_negation_is_named():
    bank = AnchorBank(["dilated", "hypertrophic"], 2)
    bank.refresh("dilated", torch.tensor([X]), present=True)
    bank.refresh("dilated", torch.tensor([Y]), present=False)
    with pytest.raises(ValueError, match="hypertrophic"):
        bank.margins(torch.tensor([X]))


def test_anchors_have_no_gradient_but_give_one(bank):
    features = torch.tensor([BETWEEN], requires_grad=True)
    bank.margins(features).sum().backward()
    assert features.grad is not None
    assert not list(bank.parameters())


def test_anchors_travel_with_the_state(bank):
    other = AnchorBank(bank.names, 2)
    other.load_state_dict(bank.state_dict())
    assert torch.equal(other.margins(torch.tensor([X])), bank.margins(torch.tensor([X])))
