import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from worker.training.losses import segmentation_loss  # noqa: E402

pytestmark = pytest.mark.train

FULL, PARTIAL = torch.tensor([False]), torch.tensor([True])


def scores_for(label, size=8):
    scores = torch.zeros(1, 4, size, size)
    scores[:, label] = 10.0
    return scores


def test_loss_is_small_when_right_and_large_when_wrong():
    labels = torch.full((1, 8, 8), 2)
    right = segmentation_loss(scores_for(2), labels, FULL)
    wrong = segmentation_loss(scores_for(1), labels, FULL)
    assert right < 0.05
    assert wrong > 1.0


@pytest.mark.parametrize("predicted", [0, 1, 2])
def test_loss_lv_only_does_not_care_which_other_class_is_predicted(predicted):
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    loss = segmentation_loss(scores_for(predicted), labels, PARTIAL)
    assert float(loss) == pytest.approx(0.0, abs=1e-2)


def test_loss_lv_only_still_punishes_cavity_where_there_is_none():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    assert segmentation_loss(scores_for(3), labels, PARTIAL) > 5


def test_loss_lv_only_gives_no_gradient_between_other_classes():
    scores = torch.zeros(1, 4, 8, 8, requires_grad=True)
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    segmentation_loss(scores, labels, PARTIAL).backward()
    gradient = scores.grad[0, :3].sum(dim=(1, 2))
    assert torch.allclose(gradient, gradient[0].expand(3), atol=1e-6)


def test_loss_mixed_batch_treats_each_image_by_its_own_labels():
    labels = torch.stack([torch.full((8, 8), 2), torch.zeros(8, 8, dtype=torch.int64)])
    scores = torch.cat([scores_for(2), scores_for(1)])
    mixed = segmentation_loss(scores, labels, torch.tensor([False, True]))
    strict = segmentation_loss(scores, labels, torch.tensor([False, False]))
    assert mixed < 0.6 * strict


def test_loss_dice_weight_scales_the_dice_term_alone():
    labels = torch.full((1, 8, 8), 2)
    without, half, whole = (
        float(segmentation_loss(scores_for(1), labels, FULL, dice_weight=weight))
        for weight in (0.0, 0.5, 1.0)
    )
    assert without == pytest.approx(10.0, abs=0.01)  # cross-entropy of scores 10 apart
    assert half - without == pytest.approx((whole - without) / 2, rel=1e-3)
    assert whole > half
