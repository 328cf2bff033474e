"""The language graphs as modules with named tensors, ready for the ONNX exporter.

`plans` says what each graph is called with; `export` writes them. Tensor names of the decoder are
those that other exporters use, so that a runtime for this one reads theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.language.decoder import LlamaDecoder
from worker.training.language.network import FeatureHeads, VisionLanguageNetwork
from worker.training.language.parts import LanguageNetwork
from worker.training.language.study_encoder import N_LEVELS, N_POSITIONS
from worker.training.language.view_encoder import N_VIEW_POSITIONS, ViewedStudyEncoder
from worker.training.onnx_file import Shape
from worker.volume.views import FURTHER_ROLES

LanguageRole = Literal[
    "embed_tokens", "decoder", "study_encoder", "connector", "image_heads", "text_heads"
]
LANGUAGE_ROLES: frozenset[str] = frozenset(get_args(LanguageRole))
RECOGNITION_ROLES = LANGUAGE_ROLES - {"embed_tokens", "decoder"}
Named = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """One graph to be exported.

    Attributes
    ----------
    module
        Called with the inputs in their order; a tensor or a tuple of tensors comes out.
    inputs, outputs
        Names and shapes; a dimension is a number or the name of a free one.
    examples
        Inputs to trace with (the first) and to keep golden answers of (all).
    """

    role: LanguageRole
    module: nn.Module
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    examples: tuple[Named, ...]


def plans(network: LanguageNetwork, seed: int = 7) -> tuple[GraphPlan, ...]:
    """Plan all graphs that a network has parts for; the examples are drawn from a seed.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the decoder hands out another hidden state than bundles do, what
        enters the last block.
    """
    if network.decoder.settings.hidden != "penultimate":
        detail = "decoder.settings.hidden: a bundle's decoder hands out the penultimate state"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    draw = torch.Generator().manual_seed(seed)
    words = (_embed_tokens(network.decoder, draw), _decoder(network.decoder, draw))
    if not isinstance(network, VisionLanguageNetwork):
        return words
    image, text = len(network.image_marks), len(network.text_marks)
    return (
        *words,
        _study_encoder(network, draw),
        _connector(network, draw),
        heads_plan("image_heads", network.image_heads, image, draw),
        heads_plan("text_heads", network.text_heads, text, draw),
    )


class _WholeSequence(nn.Module):
    """Recognition heads over a sequence without padding that ends with its marks."""

    def __init__(self, heads: FeatureHeads, n_marks: int) -> None:
        super().__init__()
        self.heads = heads
        self.n_marks = n_marks

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        there = torch.ones_like(hidden[..., 0], dtype=torch.int64)
        features = self.heads(hidden, there, self.n_marks)
        return features.whole, features.local


def heads_plan(
    role: LanguageRole, heads: FeatureHeads, n_marks: int, draw: torch.Generator
) -> GraphPlan:
    """Plan the recognition heads of one modality, after ``n_marks`` special tokens."""
    width, n_features = heads.whole.in_features, heads.whole.out_features
    hidden = torch.randn(2, n_marks + 5, width, generator=draw)
    return GraphPlan(
        role=role,
        module=_WholeSequence(heads, n_marks),
        inputs={"hidden": ("batch", "sequence", width)},
        outputs={"whole": ("batch", n_features), "local": ("batch", n_features)},
        examples=({"hidden": hidden},),
    )


class _FlatDecoder(nn.Module):
    """The decoder with its cache as a flat list: key 0, value 0, key 1, ..."""

    def __init__(self, decoder: LlamaDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        pairs = list(zip(past[::2], past[1::2], strict=True))
        decoded = self.decoder(inputs_embeds, attention_mask, position_ids, pairs)
        flat = (tensor for pair in decoded.present for tensor in pair)
        return decoded.logits, decoded.hidden, *flat


def _embed_tokens(decoder: LlamaDecoder, draw: torch.Generator) -> GraphPlan:
    s = decoder.settings
    ids = torch.randint(s.vocabulary, (2, 5), generator=draw)
    return GraphPlan(
        role="embed_tokens",
        module=decoder.embed_tokens,
        inputs={"input_ids": ("batch", "sequence")},
        outputs={"inputs_embeds": ("batch", "sequence", s.width)},
        examples=({"input_ids": ids},),
    )


def _decoder(decoder: LlamaDecoder, draw: torch.Generator) -> GraphPlan:
    s = decoder.settings
    slots = [f"{layer}.{kind}" for layer in range(s.n_layers) for kind in ("key", "value")]

    def example(batch: int, n_past: int, n_new: int) -> Named:
        cache = (batch, s.n_kv_heads, n_past, s.head_width)
        ids = torch.randint(s.vocabulary, (batch, n_new), generator=draw)
        return {
            "inputs_embeds": decoder.embed_tokens(ids).detach(),
            "attention_mask": torch.ones(batch, n_past + n_new, dtype=torch.int64),
            "position_ids": torch.arange(n_past, n_past + n_new).expand(batch, -1).contiguous(),
            **{f"past_key_values.{slot}": torch.randn(cache, generator=draw) for slot in slots},
        }

    cache: Shape = ("batch", s.n_kv_heads, "past", s.head_width)
    present: Shape = ("batch", s.n_kv_heads, "total", s.head_width)
    return GraphPlan(
        role="decoder",
        module=_FlatDecoder(decoder),
        inputs={
            "inputs_embeds": ("batch", "sequence", s.width),
            "attention_mask": ("batch", "total"),
            "position_ids": ("batch", "sequence"),
            **{f"past_key_values.{slot}": cache for slot in slots},
        },
        outputs={
            "logits": ("batch", "sequence", s.vocabulary),
            "hidden": ("batch", "sequence", s.width),
            **{f"present.{slot}": present for slot in slots},
        },
        # in the middle of a text, at its beginning, one token at a time
        examples=(example(2, 5, 3), example(1, 0, 4), example(1, 6, 1)),
    )


def _study_encoder(network: VisionLanguageNetwork, draw: torch.Generator) -> GraphPlan:
    s = network.encoder.settings
    n_phases, n_slices = 3, 4
    mask = torch.ones(2, n_phases, n_slices, s.n_regions, dtype=torch.int64)
    mask[1, :, -1] = 0
    features = torch.randn(2, n_phases, n_slices, s.n_regions, s.n_features, generator=draw)
    place = torch.rand(2, n_slices, N_POSITIONS, generator=draw)
    view_shapes, views = _views(network, draw)
    return GraphPlan(
        role="study_encoder",
        module=network.encoder,
        inputs={
            "features": ("batch", "phase", "slice", s.n_regions, s.n_features),
            "region_mask": ("batch", "phase", "slice", s.n_regions),
            "phase_share": ("batch", "phase"),
            "slice_position": ("batch", "slice", N_POSITIONS),
            "level": ("batch", "slice"),
            **view_shapes,
        },
        outputs={"study_tokens": ("batch", "cell", s.width)},
        examples=(
            {
                "features": features,
                "region_mask": mask,
                "phase_share": torch.rand(2, n_phases, generator=draw),
                "slice_position": place * torch.tensor((80.0, 1.0)),
                "level": torch.randint(N_LEVELS, (2, n_slices), generator=draw),
                **views,
            },
        ),
    )


def _views(network: VisionLanguageNetwork, draw: torch.Generator) -> tuple[dict[str, Shape], Named]:
    """Return shapes and an example of the tensors of further views, where the encoder reads any."""
    if not isinstance(network.encoder, ViewedStudyEncoder):
        return {}, {}
    s, n_images = network.encoder.settings, 5
    mask = torch.ones(2, n_images, s.n_regions, dtype=torch.int64)
    mask[1, 2:] = 0
    learnt = torch.tensor([FURTHER_ROLES.index(role) for role in s.views])
    kinds = learnt[torch.randint(len(learnt), (2, n_images), generator=draw)]
    scale = torch.tensor((80.0, 1.0, 1.0))
    shapes: dict[str, Shape] = {
        "view_features": ("batch", "image", s.n_regions, s.n_features),
        "view_mask": ("batch", "image", s.n_regions),
        "view_kind": ("batch", "image"),
        "view_phase_share": ("batch", "image"),
        "view_position": ("batch", "image", N_VIEW_POSITIONS),
    }
    return shapes, {
        "view_features": torch.randn(2, n_images, s.n_regions, s.n_features, generator=draw),
        "view_mask": mask,
        "view_kind": kinds,
        "view_phase_share": torch.rand(2, n_images, generator=draw),
        "view_position": torch.rand(2, n_images, N_VIEW_POSITIONS, generator=draw) * scale,
    }


def _connector(network: VisionLanguageNetwork, draw: torch.Generator) -> GraphPlan:
    s = network.connector.settings
    n_queries, n_measured = s.n_visual + s.n_segments, len(s.measurements)
    n_cells, n_words = 7, 5
    study_mask = torch.ones(2, n_cells, dtype=torch.int64)
    study_mask[1, 4:] = 0
    text_mask = torch.ones(2, n_words, dtype=torch.int64)
    text_mask[1] = 0
    typical = torch.tensor([entry.typical for entry in s.measurements])
    return GraphPlan(
        role="connector",
        module=network.connector,
        inputs={
            "study_tokens": ("batch", "cell", s.study_width),
            "study_mask": ("batch", "cell"),
            "text_embeds": ("batch", "word", s.decoder_width),
            "text_mask": ("batch", "word"),
            "measurement_values": ("batch", n_measured),
            "measurement_mask": ("batch", n_measured),
        },
        outputs={
            "tokens": ("batch", n_queries + n_measured, s.decoder_width),
            "attention": ("batch", n_queries, "cell"),
        },
        examples=(
            {
                "study_tokens": torch.randn(2, n_cells, s.study_width, generator=draw),
                "study_mask": study_mask,
                "text_embeds": torch.randn(2, n_words, s.decoder_width, generator=draw),
                "text_mask": text_mask,
                "measurement_values": typical * torch.rand(2, n_measured, generator=draw),
                "measurement_mask": torch.ones(2, n_measured, dtype=torch.int64),
            },
        ),
    )
