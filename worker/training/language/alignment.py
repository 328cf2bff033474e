"""Losses that bring images and reports together: DFAT and the category guidance of DKAM.

As reconstructed from LLaVA-RadZ: global and local features of images and texts come from the same
causal decoder (`network`), symmetric InfoNCE pulls those of one study together, and of studies with
the same findings too; anchors made of category descriptions (`anchors`) guide both.

References
----------
LLaVA-RadZ, arXiv:2503.07487 (DFAT, DKAM). Oord et al., arXiv:1807.03748 (InfoNCE). Khosla et al.,
Supervised Contrastive Learning, NeurIPS 2020 (several positives).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.training.language.anchors import AnchorBank


@dataclass(frozen=True, slots=True)
class Features:
    """L2-normalised features of images or texts, each ``[batch, feature]``.

    Attributes
    ----------
    whole
        From the special tokens, which have seen everything ("global").
    local
        Pooled over the tokens of the image or the text themselves.
    """

    whole: Tensor
    local: Tensor


class Temperature(nn.Module):
    """A learnt temperature that cannot leave its limits.

    It is kept as a logarithm; at a limit the gradient still leads back inside.
    """

    def __init__(self, initial: float = 0.07, low: float = 0.01, high: float = 0.5) -> None:
        super().__init__()
        self.log_value = nn.Parameter(torch.tensor(math.log(initial)))
        self.log_limits = math.log(low), math.log(high)

    def forward(self) -> Tensor:
        """Return the temperature, a scalar."""
        with torch.no_grad():
            self.log_value.clamp_(*self.log_limits)
        return self.log_value.exp()


@dataclass(frozen=True, slots=True)
class AlignmentLoss:
    """DFAT and DKAM, weighted; a weight of 0 is the ablation of its term.

    Attributes
    ----------
    whole, local
        Weights of the global and the local contrast between images and texts (DFAT).
    category
        Weight of the category guidance (DKAM).
    """

    whole: float = 1.0
    local: float = 0.5
    category: float = 0.5

    def __call__(
        self,
        images: Features,
        texts: Features,
        findings: Tensor,
        bank: AnchorBank,
        temperature: Tensor,
        said: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch, a scalar.

        Parameters
        ----------
        images, texts
            Row i of both from one study.
        findings
            int64 ``[batch, category]`` in the order of the bank: 1 present, 0 absent, -1 not known.
        bank
            Anchors of the seen categories; never a held-out bank.
        temperature
            Scalar, of all three terms.
        said
            What the texts speak of, as ``findings``; all of it when None.
        """
        same = same_findings(findings)
        whole = symmetric_info_nce(images.whole, texts.whole, same, temperature)
        local = symmetric_info_nce(images.local, texts.local, same, temperature)
        told = ((images, findings), (texts, findings if said is None else said))
        sides = [category_loss(bank.margins(one.whole), of, temperature) for one, of in told]
        return self.whole * whole + self.local * local + self.category * (sides[0] + sides[1]) / 2


def symmetric_info_nce(images: Tensor, texts: Tensor, same: Tensor, temperature: Tensor) -> Tensor:
    """Contrast each image with all texts of the batch and each text with all images.

    Parameters
    ----------
    images, texts
        L2-normalised ``[batch, feature]``, row i of both from one study.
    same
        bool ``[batch, batch]``, symmetric, True on the diagonal: these two studies count as
        alike. The positives of a row share its target evenly.
    temperature
        Scalar.
    """
    scores = images @ texts.T / temperature
    target = same.to(scores.dtype)
    target = target / target.sum(dim=1, keepdim=True)
    to_texts = functional.cross_entropy(scores, target)
    to_images = functional.cross_entropy(scores.T, target)
    return (to_texts + to_images) / 2


def same_findings(findings: Tensor) -> Tensor:
    """Which studies have the same finding vector: bool ``[batch, batch]``.

    Parameters
    ----------
    findings
        int64 ``[batch, category]``: 1 present, 0 absent, -1 not known. A study with anything
        unknown is like no other study but itself.
    """
    equal = (findings[:, None] == findings[None]).all(dim=2)
    known = (findings >= 0).all(dim=1)
    itself = torch.eye(len(findings), dtype=torch.bool, device=findings.device)
    return equal & known[:, None] & known[None] | itself


def category_loss(margins: Tensor, findings: Tensor, temperature: Tensor) -> Tensor:
    """Pull features to the anchors of categories that are present, away from those that are not.

    Cross-entropy between a category's anchor and its "not" anchor, so it trains the very score
    that recognition uses.

    Parameters
    ----------
    margins
        ``[batch, category]``: similarity to the anchor minus similarity to the "not" anchor.
    findings
        int64 ``[batch, category]``: 1 present, 0 absent, -1 not known (gives no loss).
    temperature
        Scalar.
    """
    known = findings >= 0
    per_pair = functional.binary_cross_entropy_with_logits(
        margins / temperature, (findings == 1).to(margins.dtype), reduction="none"
    )
    return (per_pair * known).sum() / known.sum().clamp(min=1)
