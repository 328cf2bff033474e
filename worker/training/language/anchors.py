"""Anchors of categories (DKAM): what a category's descriptions sound like to the decoder.

An anchor is the mean feature of several descriptions of a category, its "not" anchor that of
descriptions of its absence. Seen and held-out categories are two banks: a held-out bank is never
given to a loss, so only its results may be called zero-shot.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class AnchorBank(nn.Module):
    """Anchor and "not" anchor of each category, moving averages without gradient.

    Parameters
    ----------
    names
        Categories, in the order of finding vectors.
    n_features
        Width of the features.
    momentum
        Share of the old anchor that a refresh keeps; the first refresh keeps nothing.
    """

    anchors: Tensor
    refreshed: Tensor

    def __init__(self, names: Sequence[str], n_features: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.names = tuple(names)
        self.momentum = momentum
        self.register_buffer("anchors", torch.zeros(len(self.names), 2, n_features))
        self.register_buffer("refreshed", torch.zeros(len(self.names), 2, dtype=torch.bool))

    @torch.no_grad()
    def refresh(self, name: str, descriptions: Tensor, *, present: bool) -> None:
        """Move one anchor towards the mean of its descriptions' features.

        Parameters
        ----------
        name
            The category.
        descriptions
            L2-normalised ``[description, feature]``.
        present
            True for descriptions of the category, False for those of its absence.
        """
        at = self.names.index(name), 0 if present else 1
        mean = functional.normalize(descriptions.mean(dim=0), dim=0)
        kept = self.momentum if bool(self.refreshed[at]) else 0.0
        self.anchors[at] = functional.normalize(kept * self.anchors[at] + (1 - kept) * mean, dim=0)
        self.refreshed[at] = True

    def margins(self, features: Tensor) -> Tensor:
        """Similarity to the anchor minus similarity to the "not" anchor.

        Parameters
        ----------
        features
            L2-normalised ``[batch, feature]``.

        Returns
        -------
        torch.Tensor
            ``[batch, category]``, -2 to 2; positive says "present".

        Raises
        ------
        ValueError
            An anchor was never refreshed.
        """
        if not bool(self.refreshed.all()):
            missing = self.names[int((~self.refreshed).any(dim=1).nonzero()[0])]
            msg = f"category {missing!r} lacks an anchor"
            raise ValueError(msg)
        similar = torch.einsum("bf,caf->bca", features, self.anchors)
        return similar[..., 0] - similar[..., 1]
