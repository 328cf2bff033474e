"""The decoder at work: reads vectors, keeps what it has read, says what may come next.

What was read (`Reading`) never changes: each call leaves its keys and values in new tensors on the
device and hands them out. So one reading of a long prompt can be continued by any number of
questions, none copies it, and nothing has to be rewound. One sequence at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.bundle.manifest import GraphSpec
from worker.model.golden import open_verified
from worker.model.sessions import Device

Float32Array = npt.NDArray[np.float32]
PAST = "past_key_values."
PRESENT = "present."


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the decoder knows after reading.

    Attributes
    ----------
    n_tokens
        How many positions were read in all.
    cache
        Keys and values by input name, on the device.
    next_scores
        float32 ``[vocabulary]``: scores of the token that follows.
    hidden
        float32 ``[position, width]``: penultimate hidden states of what the last call read; None
        where they were not asked for.
    """

    n_tokens: int
    cache: Mapping[str, Any]
    next_scores: Float32Array
    hidden: Float32Array | None = None


class Decoder:
    """The ``embed_tokens`` and ``decoder`` graphs of a bundle.

    Parameters
    ----------
    bundle
        A verified bundle with both graphs.
    device
        ``"cpu"`` or ``"cuda"``.
    threads
        CPU threads, 0 for all.

    Raises
    ------
    ModelError
        A graph is missing, unusable, or fails its golden run.
    ConfigurationError
        The runtime or the device is missing.
    """

    def __init__(self, bundle: Bundle, device: Device = "cpu", threads: int = 0) -> None:
        self._embedding = open_verified(bundle, "embed_tokens", device, threads)
        self._session = open_verified(bundle, "decoder", device, threads)
        spec = bundle.manifest.graph("decoder")
        language = bundle.manifest.language
        if spec is None or language is None:
            raise ModelError(Reason.BUNDLE_INVALID, "a decoder without its language section")
        self.context_length = language.context_length
        self._outputs = [tensor.name for tensor in spec.outputs if tensor.name != "hidden"]
        self._empty = _empty_cache(spec)

    def embed(self, ids: Sequence[int]) -> Float32Array:
        """Turn token ids into vectors ``[position, width]``."""
        (embeds,) = self._embedding.run({"input_ids": np.asarray([ids], dtype=np.int64)})
        return np.asarray(embeds[0], dtype=np.float32)

    def read(
        self, embeds: Float32Array, after: Reading | None = None, *, with_hidden: bool = False
    ) -> Reading:
        """Read vectors, in one call, after what was read before.

        Parameters
        ----------
        embeds
            float32 ``[position, width]``, at least one.
        after
            The reading to continue; it stays as it is.
        with_hidden
            Also give the hidden states.

        Raises
        ------
        ModelError
            ``CONTEXT_FULL``: more than the model can hold. ``WORDING_FAILED``: the scores are not
            numbers, or the runtime failed.
        """
        n_before = after.n_tokens if after else 0
        n_tokens = n_before + len(embeds)
        if n_tokens > self.context_length:
            detail = f"{n_tokens} tokens, at most {self.context_length}"
            raise ModelError(Reason.CONTEXT_FULL, detail)
        inputs = {
            "inputs_embeds": embeds[None],
            "attention_mask": np.ones((1, n_tokens), dtype=np.int64),
            "position_ids": np.arange(n_before, n_tokens, dtype=np.int64)[None],
            **(after.cache if after else self._empty),
        }
        wanted = [*self._outputs, "hidden"] if with_hidden else self._outputs
        found = self._session.run_on_device(inputs, wanted)
        scores: Float32Array = found.pop("logits").numpy()[0, -1]
        if not np.isfinite(scores).all():
            raise ModelError(Reason.WORDING_FAILED, "scores that are not numbers")
        hidden = found.pop("hidden").numpy()[0] if with_hidden else None
        cache = {PAST + name.removeprefix(PRESENT): value for name, value in found.items()}
        return Reading(n_tokens, cache, scores, hidden)


def _empty_cache(spec: GraphSpec) -> dict[str, Float32Array]:
    """Return keys and values of length 0 for every cache input."""
    empty: dict[str, Float32Array] = {}
    for tensor in spec.inputs:
        if tensor.name.startswith(PAST):
            _, n_heads, _, width = tensor.shape
            if isinstance(n_heads, str) or isinstance(width, str):
                raise ModelError(Reason.BUNDLE_INVALID, f"{tensor.name} has no fixed heads")
            empty[tensor.name] = np.zeros((1, n_heads, 0, width), dtype=np.float32)
    return empty
