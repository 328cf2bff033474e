"""The language model: a small Llama block stack with grouped queries and a key/value cache.

It reads vectors, not token ids, so that image tokens and words are one sequence; `embed_tokens`
turns ids into such vectors. With the query/key/value and the gate/up matrices split it is
numerically the Llama of other libraries (`llama_state`), which tests and the benchmark rely on.

References
----------
Touvron et al., LLaMA, arXiv:2302.13971. Su et al., RoFormer, arXiv:2104.09864 (RoPE). Ainslie et
al., GQA, EMNLP 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from worker.training.language.layers import FeedForward, RMSNorm

KeyValue = tuple[Tensor, Tensor]
Rotation = tuple[Tensor, Tensor]
HiddenState = Literal["middle", "penultimate", "last"]
INITIAL_SPREAD = 0.02


class DecoderSettings(BaseModel):
    """Sizes of a decoder; the defaults make about 5 million parameters with 3,000 tokens.

    ``hidden`` names the hidden state that is handed out beside the scores: what leaves the first
    half of the blocks, what enters the last block, or what leaves it. A bundle's decoder hands out
    what enters the last block (`graphs`); the others are ablations.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary: int = Field(gt=0)
    width: int = Field(default=256, gt=0)
    n_layers: int = Field(default=6, ge=2)
    n_heads: int = Field(default=4, gt=0)
    n_kv_heads: int = Field(default=2, gt=0)
    feed_forward: int = Field(default=704, gt=0)
    context_length: int = Field(default=1024, gt=0)
    rope_theta: float = Field(default=10_000.0, gt=0)
    hidden: HiddenState = "penultimate"

    @property
    def n_before_hidden(self) -> int:
        """How many blocks the hidden state has passed."""
        passed = {"middle": self.n_layers // 2, "penultimate": self.n_layers - 1}
        return passed.get(self.hidden, self.n_layers)

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.n_heads

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % (2 * self.n_heads) or self.n_heads % self.n_kv_heads:
            msg = "width must be a multiple of 2 x n_heads, n_heads of n_kv_heads"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder gives for each position that it was fed.

    Attributes
    ----------
    logits
        ``[batch, position, vocabulary]``: scores of the token that follows.
    hidden
        ``[batch, position, width]``: what enters the last block (the penultimate hidden state,
        from which recognition features are taken), or where else the settings take it from.
    present
        Per layer keys and values ``[batch, kv_head, past + position, head_width]``.
    """

    logits: Tensor
    hidden: Tensor
    present: tuple[KeyValue, ...]


class LlamaDecoder(nn.Module):
    """Decoder with tied input and output embeddings.

    Parameters
    ----------
    settings
        Sizes.
    """

    inverse_wavelengths: Tensor

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embed_tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.layers = nn.ModuleList(DecoderBlock(settings) for _ in range(settings.n_layers))
        self.norm = RMSNorm(settings.width)
        exponents = torch.arange(0, settings.head_width, 2) / settings.head_width
        inverse = settings.rope_theta**-exponents
        self.register_buffer("inverse_wavelengths", inverse, persistent=False)
        self.apply(_initialise)

    @property
    def width(self) -> int:
        """Width of the vectors that it reads."""
        return self.settings.width

    def empty_past(self, batch: int) -> list[KeyValue]:
        """Keys and values of length 0: nothing was read yet."""
        shape = (batch, self.settings.n_kv_heads, 0, self.settings.head_width)
        weight = self.embed_tokens.weight
        return [(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in self.layers]

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        past_key_values: Sequence[KeyValue],
    ) -> Decoded:
        """Read positions that follow what is in the cache.

        Parameters
        ----------
        inputs_embeds
            ``[batch, position, width]``.
        attention_mask
            int64 ``[batch, past + position]``, 0 where there is padding.
        position_ids
            int64 ``[batch, position]``.
        past_key_values
            ``present`` of the call before, or `empty_past`.
        """
        last, hidden, present = self.run_blocks(
            inputs_embeds, attention_mask, position_ids, past_key_values
        )
        return Decoded(self.scores(last), hidden, present)

    def run_blocks(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        past_key_values: Sequence[KeyValue],
        n_blocks: int | None = None,
    ) -> tuple[Tensor, Tensor, tuple[KeyValue, ...]]:
        """Do what `forward` does but for the scores; with ``n_blocks`` only the first so many.

        Returns
        -------
        tuple
            ``[batch, position, width]`` after the last of these blocks, the hidden state of the
            settings, and ``present``.
        """
        n_past = past_key_values[0][0].shape[2]
        bias = _attention_bias(attention_mask, n_past, inputs_embeds)
        angles = position_ids[:, None, :, None].to(inputs_embeds.dtype) * self.inverse_wavelengths
        rotation = angles.cos(), angles.sin()
        states = [inputs_embeds]
        present: list[KeyValue] = []
        blocks = zip(self.layers[:n_blocks], past_key_values[:n_blocks], strict=True)
        for layer, past in blocks:
            state, key_value = layer(states[-1], rotation, bias, past)
            states.append(state)
            present.append(key_value)
        return states[-1], states[self.settings.n_before_hidden], tuple(present)

    def scores(self, hidden: Tensor) -> Tensor:
        """Score the token that follows, from ``[..., width]`` after the last block."""
        return nn.functional.linear(self.norm(hidden), self.embed_tokens.weight)

    def read(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Decoded:
        """Read whole sequences without a past; padding gets no position.

        Parameters
        ----------
        inputs_embeds
            ``[batch, position, width]``.
        attention_mask
            int64 ``[batch, position]``, 0 where there is padding (anywhere).
        """
        past = self.empty_past(inputs_embeds.shape[0])
        decoded: Decoded = self(inputs_embeds, attention_mask, _positions(attention_mask), past)
        return decoded

    def read_hidden(self, inputs_embeds: Tensor, attention_mask: Tensor) -> Tensor:
        """Return only the hidden state of what `read` gives; later blocks are not run."""
        past = self.empty_past(inputs_embeds.shape[0])
        n_blocks = self.settings.n_before_hidden
        _, hidden, _ = self.run_blocks(
            inputs_embeds, attention_mask, _positions(attention_mask), past, n_blocks
        )
        return hidden

    def llama_state(self) -> dict[str, Tensor]:
        """Weights under the names and in the shapes of transformers' ``LlamaForCausalLM``."""
        s = self.settings
        state: dict[str, Tensor] = {}
        for name, tensor in self.state_dict().items():
            if name.endswith("qkv_proj.weight"):
                rows = [s.n_heads * s.head_width] + [s.n_kv_heads * s.head_width] * 2
                for letter, part in zip("qkv", tensor.split(rows), strict=True):
                    state[f"model.{name.replace('qkv_proj', letter + '_proj')}"] = part
            elif name.endswith("gate_up_proj.weight"):
                for word, part in zip(("gate", "up"), tensor.chunk(2), strict=True):
                    state[f"model.{name.replace('gate_up', word)}"] = part
            else:
                state[f"model.{name}"] = tensor
        state["lm_head.weight"] = self.embed_tokens.weight.detach()
        return state


class DecoderBlock(nn.Module):
    """Pre-norm block: causal attention, then SwiGLU."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(settings.width)
        self.self_attn = GroupedQueryAttention(settings)
        self.post_attention_layernorm = RMSNorm(settings.width)
        self.mlp = FeedForward(settings.width, settings.feed_forward)

    def forward(
        self, hidden: Tensor, rotation: Rotation, bias: Tensor, past: KeyValue
    ) -> tuple[Tensor, KeyValue]:
        """Return the hidden state after the block and the keys and values up to here."""
        mixed, present = self.self_attn(self.input_layernorm(hidden), rotation, bias, past)
        hidden = hidden + mixed
        return hidden + self.mlp(self.post_attention_layernorm(hidden)), present


class GroupedQueryAttention(nn.Module):
    """Several query heads share one key and value head, which makes the cache small."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = settings.n_heads, settings.n_kv_heads
        self.head_width = settings.head_width
        n_rows = (self.n_heads + 2 * self.n_kv_heads) * self.head_width
        self.qkv_proj = nn.Linear(settings.width, n_rows, bias=False)
        self.o_proj = nn.Linear(settings.width, settings.width, bias=False)

    def forward(
        self, hidden: Tensor, rotation: Rotation, bias: Tensor, past: KeyValue
    ) -> tuple[Tensor, KeyValue]:
        """Attend to the past and, causally, to what is new."""
        n_batch, n_new, _ = hidden.shape
        n_rotated = self.n_heads + self.n_kv_heads
        heads = self.qkv_proj(hidden).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
        turned, value = heads.split([n_rotated, self.n_kv_heads], dim=1)
        query, key = torch.split(rotate(turned, *rotation), [self.n_heads, self.n_kv_heads], dim=1)
        key = torch.cat((past[0], key), dim=2)
        value = torch.cat((past[1], value), dim=2)
        # The query heads of one key head lie one after the other: they become rows of one matrix
        # product, so keys and values are never repeated in memory.
        n_group = self.n_heads // self.n_kv_heads
        rows = query.reshape(n_batch, self.n_kv_heads, n_group * n_new, self.head_width)
        scores = (rows * self.head_width**-0.5) @ key.transpose(-1, -2)
        scores = scores.unflatten(2, (n_group, n_new)) + bias
        mixed = torch.softmax(scores, dim=-1).flatten(2, 3) @ value
        mixed = mixed.reshape(n_batch, self.n_heads, n_new, self.head_width)
        return self.o_proj(mixed.transpose(1, 2).flatten(2)), (key, value)


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: turn the pair (i, i + half) of each head by its angle.

    Parameters
    ----------
    heads
        ``[batch, head, position, head_width]``.
    cos, sin
        ``[batch, 1, position, head_width / 2]``.
    """
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def _positions(attention_mask: Tensor) -> Tensor:
    return (attention_mask.cumsum(dim=1) - 1).clamp(min=0)


def _attention_bias(attention_mask: Tensor, n_past: int, like: Tensor) -> Tensor:
    """0 where a position may look, the lowest number where not: ``[batch, 1, 1, new, all]``."""
    n_all = attention_mask.shape[1]
    own = torch.arange(n_past, n_all, device=like.device)
    causal = torch.arange(n_all, device=like.device) <= own[:, None]
    may_look = causal & attention_mask[:, None, :].bool()
    bias = torch.zeros_like(may_look, dtype=like.dtype)
    return bias.masked_fill(~may_look, torch.finfo(like.dtype).min)[:, None, None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_SPREAD)
