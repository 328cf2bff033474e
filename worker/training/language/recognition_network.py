"""The small networks of the recognition trials: the shipped kind, and how one may differ."""

from dataclasses import dataclass
from typing import Any

from worker.model.language.tokenizer import Tokenizer
from worker.series import Role
from worker.training.language.decoder import HiddenState, LlamaDecoder
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.parts import NetworkChoice, PartChoice, PartRegistry
from worker.training.language.study_data import MEASUREMENTS

TYPICAL = dict(zip(MEASUREMENTS, (60, 150, 80, 60, 110, 60, 55, 150, 85, 10), strict=True))
"""What counts as 1, per measurement."""

_BLOCK = {"width": 96, "n_layers": 2, "n_heads": 4, "feed_forward": 192}
_DECODER = {"width": 128, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "feed_forward": 320}
_MAXIMUM_TEXT = 64


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """How a network is built; the defaults are the shipped kind.

    Attributes
    ----------
    hidden
        Which hidden state of the decoder the features are taken from.
    n_marks
        How many special tokens end a study, and a text.
    cross_attention
        Whether the connector sees clinical text.
    views
        Further views that the study encoder reads; without any it is the encoder of the short axis.
    read, frozen
        The decoder begins with what it learnt from the report corpus; it learns nothing more.
    """

    hidden: HiddenState = "penultimate"
    n_marks: int = 4
    cross_attention: bool = True
    views: tuple[Role, ...] = ()
    read: bool = False
    frozen: bool = False


SHIPPED_KIND = NetworkKind()


def evaluation_network(
    tokenizer: Tokenizer,
    n_features: int,
    n_regions: int,
    kind: NetworkKind = SHIPPED_KIND,
    reader: LlamaDecoder | None = None,
) -> VisionLanguageNetwork:
    """Build an untrained network of the shipped kind, smaller; ``reader`` is a decoder that read.

    Marks beyond those of the vocabulary are new tokens behind it.
    """
    scales = [{"key": key, "typical": typical} for key, typical in TYPICAL.items()]
    decoder: dict[str, Any] = {**_DECODER, "vocabulary": len(tokenizer)}
    image_marks, text_marks = tokenizer.image_mark_ids, tokenizer.text_mark_ids
    if kind.n_marks > len(image_marks):
        n_more = kind.n_marks - len(image_marks)
        first = len(tokenizer)
        image_marks += tuple(range(first, first + n_more))
        text_marks += tuple(range(first + n_more, first + 2 * n_more))
        decoder["vocabulary"] += 2 * n_more
    if kind.read:
        if reader is None:
            msg = "this trial needs a decoder that has read"
            raise ValueError(msg)
        decoder = reader.settings.model_dump()
    decoder["hidden"] = kind.hidden
    encoder: dict[str, Any] = {**_BLOCK, "n_regions": n_regions, "n_features": n_features}
    if kind.views:
        encoder["views"] = kind.views
    choice = NetworkChoice(
        encoder=PartChoice(name="axial_views" if kind.views else "axial", settings=encoder),
        connector=PartChoice(
            name="query",
            settings={
                **_BLOCK,
                "study_width": _BLOCK["width"],
                "decoder_width": decoder["width"],
                "maximum_text": _MAXIMUM_TEXT,
                "measurements": scales,
                "use_text": kind.cross_attention,
            },
        ),
        decoder=PartChoice(
            name="llama", settings=decoder, adaptation="frozen" if kind.frozen else "full"
        ),
        image_marks=image_marks[: kind.n_marks],
        text_marks=text_marks[: kind.n_marks],
    )
    network = PartRegistry().build(choice)
    if kind.read and reader is not None:
        network.decoder.load_state_dict(reader.state_dict())
    return network
