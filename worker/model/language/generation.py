"""Greedy generation: the likeliest allowed token, again and again; the same answer every time.

What is allowed is said by the caller, token by token; this file knows no grammar and no words.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.model.language.decoder import Float32Array, Reading

Allowed = Callable[[Sequence[int]], npt.NDArray[np.integer] | None]
"""Given the ids of the answer so far: the ids that may follow, or None for any."""


class TextDecoder(Protocol):
    """What generation needs of a decoder; ``worker.model.language.decoder.Decoder`` is the one."""

    context_length: int

    def embed(self, ids: Sequence[int]) -> Float32Array:
        """Turn token ids into vectors ``[position, width]``."""
        ...

    def read(self, embeds: Float32Array, after: Reading | None = None) -> Reading:
        """Read vectors after what was read before."""
        ...


class Ending(StrEnum):
    """Why a generation ended."""

    STOP_TOKEN = "stop_token"  # noqa: S105 - not a password
    BUDGET = "budget"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Generation:
    """An answer as token ids, without the stop token."""

    ids: tuple[int, ...]
    ending: Ending


def generate(
    decoder: TextDecoder,
    after: Reading,
    *,
    stop_ids: Collection[int],
    budget: int,
    allowed: Allowed | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Generation:
    """Continue a reading greedily.

    Parameters
    ----------
    decoder
        The decoder that made ``after``.
    after
        What was read; it stays as it is, so several answers can start from it.
    stop_ids
        Tokens that end the answer. They are subject to ``allowed`` like any other.
    budget
        The most tokens to generate; the room that is left in the context may be less.
    allowed
        Restricts the next token.
    cancelled
        Asked before each token; True ends the generation with what there is.

    Raises
    ------
    ModelError
        ``WORDING_FAILED``: no token was allowed, or the decoder failed.
    """
    ids: list[int] = []
    reading = after
    room = min(budget, decoder.context_length - after.n_tokens)
    while len(ids) < room:
        if cancelled is not None and cancelled():
            return Generation(tuple(ids), Ending.CANCELLED)
        token = choose(reading.next_scores, allowed(ids) if allowed else None)
        if token in stop_ids:
            return Generation(tuple(ids), Ending.STOP_TOKEN)
        ids.append(token)
        if len(ids) < room:
            reading = decoder.read(decoder.embed([token]), reading)
    return Generation(tuple(ids), Ending.BUDGET)


def choose(scores: npt.NDArray[np.float32], allowed: npt.NDArray[np.integer] | None = None) -> int:
    """Return the token with the highest score, of equal ones the lowest id.

    Parameters
    ----------
    scores
        ``[vocabulary]``.
    allowed
        Ids to choose from, in any order; None for all.

    Raises
    ------
    ModelError
        ``WORDING_FAILED``: nothing is allowed.
    """
    if allowed is None:
        return int(scores.argmax())
    if not allowed.size:
        raise ModelError(Reason.WORDING_FAILED, "no token is allowed next")
    candidates = np.sort(allowed)
    return int(candidates[scores[candidates].argmax()])
