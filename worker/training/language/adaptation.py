"""How much of a part is trained: nothing (frozen), low-rank additions (lora), everything (full).

References
----------
Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022.
"""

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

Adaptation = Literal["frozen", "lora", "full"]
_Layer = TypeVar("_Layer", bound=nn.Module)


class LowRankLinear(nn.Module):
    """A frozen linear layer plus a trained product of two thin matrices, which starts at zero.

    Parameters
    ----------
    base
        The layer that stays as it is.
    rank
        Columns of the thin matrices.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.down = nn.Parameter(base.weight.new_empty(rank, base.in_features))
        self.up = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        nn.init.normal_(self.down, std=base.in_features**-0.5)

    def forward(self, values: Tensor) -> Tensor:
        """Map ``[..., in_features]`` to ``[..., out_features]``."""
        raised: Tensor = self.base(values) + values @ self.down.T @ self.up.T
        return raised

    def merged(self) -> nn.Linear:
        """Return one plain linear layer that does the same."""
        with torch.no_grad():
            self.base.weight += self.up @ self.down
        return self.base


def adapt(part: nn.Module, adaptation: Adaptation, rank: int = 8) -> None:
    """Prepare a part for training, in place.

    Parameters
    ----------
    part
        Any module; under ``"lora"`` its linear layers get low-rank additions and all else is
        frozen.
    adaptation
        ``"frozen"``, ``"lora"`` or ``"full"``.
    rank
        Rank of the additions.
    """
    part.requires_grad_(adaptation == "full")
    if adaptation == "lora":
        for parent, name, layer in _children(part, nn.Linear):
            setattr(parent, name, LowRankLinear(layer, rank))


def merge_additions(part: nn.Module) -> None:
    """Fold low-rank additions into the layers that they belong to, in place."""
    for parent, name, layer in _children(part, LowRankLinear):
        setattr(parent, name, layer.merged())


def _children(part: nn.Module, kind: type[_Layer]) -> list[tuple[nn.Module, str, _Layer]]:
    """List parent, name and layer of every layer of one kind; listed first, then replaced."""
    return [
        (parent, name, layer)
        for parent in part.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, kind)
    ]
