import math

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from worker.training.language.alignment import (  # noqa: E402
    AlignmentLoss,
    Features,
    Temperature,
    category_loss,
    same_findings,
    symmetric_info_nce,
)
from worker.training.language.anchors import AnchorBank  # noqa: E402

pytestmark = pytest.mark.train

X, Y = [1.0, 0.0], [0.0, 1.0]


def test_info_nce_of_two_pairs_is_what_one_computes_by_hand():
    images, texts = torch.tensor([X, Y]), torch.tensor([X, [0.6, 0.8]])
    # similarities 1, 0.6 / 0, 0.8; divided by the temperature 0.5: 2, 1.2 / 0, 1.6
    rows = -math.log(math.exp(2) / (math.exp(2) + math.exp(1.2)))
    rows += -math.log(math.exp(1.6) / (math.exp(0) + math.exp(1.6)))
    columns = -math.log(math.exp(2) / (math.exp(2) + math.exp(0)))
    columns += -math.log(math.exp(1.6) / (math.exp(1.2) + math.exp(1.6)))
    loss = symmetric_info_nce(images, texts, torch.eye(2, dtype=torch.bool), torch.tensor(0.5))
    assert loss.item() == pytest.approx((rows / 2 + columns / 2) / 2, abs=1e-6)


def test_info_nce_shares_the_target_between_alike_studies():
    features = torch.tensor([X, X, Y])
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    # rows 0 and 1: two positives with probability e/(2e+1) each; row 2: e/(e+2)
    e = math.e
    expected = (2 * math.log((2 * e + 1) / e) + math.log((e + 2) / e)) / 3
    loss = symmetric_info_nce(features, features, same, torch.tensor(1.0))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_info_nce_punishes_alike_studies_less_than_strangers():
    features = torch.tensor([X, X, Y])
    alike = same_findings(torch.tensor([[1], [1], [0]]))
    strangers = torch.eye(3, dtype=torch.bool)
    t = torch.tensor(0.07)
    assert symmetric_info_nce(features, features, alike, t) < symmetric_info_nce(
        torch.tensor([X, Y, Y]), features, strangers, t
    )


def two_anchors():
    """Make a bank of one category that sounds like X, its absence like Y."""
    bank = AnchorBank(["dilated"], 2)
    bank.refresh("dilated", torch.tensor([X]), present=True)
    bank.refresh("dilated", torch.tensor([Y]), present=False)
    return bank


@pytest.mark.parametrize("weights", [(1.0, 0.5, 0.5), (0.0, 0.5, 0.0), (0.0, 0.0, 2.0)])
def test_alignment_is_the_weighted_sum_of_its_terms(weights):
    right, wrong = torch.tensor([X, Y]), torch.tensor([Y, X])
    findings, alone = torch.tensor([[1], [0]]), torch.eye(2, dtype=torch.bool)
    loss = AlignmentLoss(*weights)
    t = torch.tensor(0.07)
    found = loss(Features(right, right), Features(wrong, right), findings, two_anchors(), t)
    expected = (
        weights[0] * symmetric_info_nce(right, wrong, alone, t)
        + weights[1] * symmetric_info_nce(right, right, alone, t)
        # margins: images +1 and -1, texts -1 and +1
        + weights[2]
        * (
            category_loss(torch.tensor([[1.0], [-1.0]]), findings, t)
            + category_loss(torch.tensor([[-1.0], [1.0]]), findings, t)
        )
        / 2
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)


def test_same_findings_needs_everything_known():
    findings = torch.tensor([[1, 0], [1, 0], [1, -1], [1, -1]])
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert same_findings(findings).int().tolist() == expected


@pytest.mark.parametrize(("start", "limit"), [(0.6, 0.5), (0.001, 0.01)])
def test_temperature_stays_inside_its_limits_and_can_leave_them_again(start, limit):
    temperature = Temperature(initial=start)
    value = temperature()
    assert value.item() == pytest.approx(limit, rel=1e-5)
    value.backward()
    assert temperature.log_value.grad != 0


def test_temperature_starts_where_it_should():
    assert Temperature()().item() == pytest.approx(0.07, rel=1e-5)


def test_category_loss_is_cross_entropy_of_what_is_known():
    margins = torch.tensor([[0.5, -0.2], [1.0, 9.0]])
    findings = torch.tensor([[1, 0], [0, -1]])
    by_hand = [
        math.log(1 + math.exp(-0.5 / 0.1)),
        math.log(1 + math.exp(-0.2 / 0.1)),
        math.log(1 + math.exp(1.0 / 0.1)),
    ]
    loss = category_loss(margins, findings, torch.tensor(0.1))
    assert loss.item() == pytest.approx(sum(by_hand) / 3, rel=1e-5)


def test_category_loss_of_a_batch_without_labels_is_zero():
    margins = torch.ones(2, 3, requires_grad=True)
    loss = category_loss(margins, torch.full((2, 3), -1), torch.tensor(0.1))
    loss.backward()
    assert loss.item() == 0
    assert not margins.grad.any()
