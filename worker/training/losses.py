"""Losses: cross-entropy and soft Dice, also where only the LV cavity was drawn.

References
----------
Milletari et al., V-Net, 3DV 2016 (soft Dice). Bertels et al., Medical Image Analysis 67:101833,
2021 (volume bias of soft Dice).
"""

import torch
from torch import Tensor
from torch.nn import functional

LV_CAVITY = 3
_SMOOTH = 1.0


def segmentation_loss(
    scores: Tensor, labels: Tensor, lv_only: Tensor, *, dice_weight: float = 1.0
) -> Tensor:
    """Cross-entropy plus weighted soft Dice of the labelled classes.

    Soft Dice teaches the shape fast, but where a border is uncertain it rewards drawing it too far
    out (Bertels et al. 2021), so volumes and mass come out too large; cross-entropy does not.

    Parameters
    ----------
    scores
        Logits ``[batch, 4, row, column]``.
    labels
        int64 ``[batch, row, column]``, values 0 to 3.
    lv_only
        bool ``[batch]``: only the LV cavity was drawn, so the other three classes count as one
        ("not LV cavity") and nothing is said about which of them a pixel is.
    dice_weight
        Weight of the Dice term; the cross-entropy weighs 1.

    Returns
    -------
    torch.Tensor
        Scalar; images weigh alike in the cross-entropy, Dice is over the batch.
    """
    log_p = functional.log_softmax(scores.float(), dim=1)
    p = log_p.exp()
    truth = functional.one_hot(labels, scores.shape[1]).movedim(-1, 1).to(p.dtype)
    per_pixel = -(log_p * truth).sum(dim=1)
    if bool(lv_only.any()):
        log_rest = torch.logsumexp(log_p[:, :LV_CAVITY], dim=1)
        is_lv = truth[:, LV_CAVITY]
        partial = -(is_lv * log_p[:, LV_CAVITY] + (1 - is_lv) * log_rest)
        per_pixel = torch.where(lv_only[:, None, None], partial, per_pixel)
    known = torch.ones(labels.shape[0], scores.shape[1], device=p.device)
    known[lv_only, :LV_CAVITY] = 0.0
    weight = known[:, :, None, None]
    overlap = (p * truth * weight).sum(dim=(0, 2, 3))
    size = ((p + truth) * weight).sum(dim=(0, 2, 3))
    dice = (2 * overlap + _SMOOTH) / (size + _SMOOTH)
    return per_pixel.mean() + dice_weight * (1 - dice[1:]).mean()
