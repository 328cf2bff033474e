"""How badly a decoder predicts answers: cross-entropy of their tokens, slots counted in full.

Which words stand around a slot is partly chance in the corpus; which slot stands there, and where
an answer ends, is not. So words count less.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from worker.model.language.vocabulary import END, SLOTS, SPECIAL_TOKENS
from worker.training.language.decoder import LlamaDecoder
from worker.training.language.requests import RowGroup

WORD_WEIGHT = 0.4
_DECISIVE = (SPECIAL_TOKENS.index(END), *(SPECIAL_TOKENS.index(slot) for slot in SLOTS))


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """Of one study.

    Attributes
    ----------
    loss
        Weighted mean over the tokens of the answers; a scalar.
    n_decisive, n_decisive_right
        Slots and ends in the answers, and how many of them got the highest score.
    n_tokens
        Positions that were computed, padding included.
    """

    loss: Tensor
    n_decisive: int
    n_decisive_right: int
    n_tokens: int


def answer_loss(
    decoder: LlamaDecoder, prefix: Tensor, mask: Tensor, groups: Iterable[RowGroup]
) -> AnswerLoss:
    """Read a prefix once, and score all rows behind it.

    Parameters
    ----------
    decoder
        Any mode; gradients reach whatever made ``prefix``.
    prefix, mask
        ``[1, position, width]`` and int64 ``[1, position]``: tokens of images, embedded evidence.
    groups
        Rows of requests about the same study.
    """
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    _, _, cache = decoder.run_blocks(prefix, mask, positions, decoder.empty_past(1))
    decisive = torch.zeros(decoder.settings.vocabulary, dtype=torch.bool)
    decisive[list(_DECISIVE)] = True
    decisive = decisive.to(prefix.device)
    sums: list[Tensor] = []
    weights = torch.zeros((), device=prefix.device)
    n_tokens, n_decisive, n_right = prefix.shape[1], 0, 0
    for group in groups:
        n_rows, _ = group.ids.shape
        past = [(k.expand(n_rows, -1, -1, -1), v.expand(n_rows, -1, -1, -1)) for k, v in cache]
        there = torch.cat((mask.expand(n_rows, -1), group.mask), dim=1)
        after = positions[:, -1:] + group.mask.cumsum(dim=1)
        hidden, _, _ = decoder.run_blocks(decoder.embed_tokens(group.ids), there, after, past)
        wanted = group.is_answer[:, 1:]
        scores = decoder.scores(hidden[:, :-1][wanted])
        truth = group.ids[:, 1:][wanted]
        counts = decisive[truth]
        weight = torch.where(counts, 1.0, WORD_WEIGHT)
        sums.append((functional.cross_entropy(scores, truth, reduction="none") * weight).sum())
        weights += weight.sum()
        n_tokens += group.ids.numel()
        n_decisive += int(counts.sum())
        n_right += int((scores.argmax(dim=-1) == truth)[counts].sum())
    return AnswerLoss(torch.stack(sums).sum() / weights, n_decisive, n_right, n_tokens)
