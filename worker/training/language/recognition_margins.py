"""Margins of studies that a network did not learn from, beside those of anchors that know less.

Beside the anchors of the descriptions stand those of the category's name alone, and random ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from worker.model.language.categories import Category
from worker.model.language.tokenizer import Tokenizer
from worker.training.language.alignment_stage import (
    AlignmentOptions,
    Words,
    WrittenWords,
    read_anchors,
    tensors_of,
)
from worker.training.language.anchors import AnchorBank
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.study_data import LabelledStudy

_N_RANDOM = 20


def random_bank(names: Sequence[str], n_features: int, seed: int) -> AnchorBank:
    """Return anchors that mean nothing: random directions."""
    draw = torch.Generator().manual_seed(seed)
    bank = AnchorBank(names, n_features)
    for name in names:
        for present in (True, False):
            direction = functional.normalize(torch.randn(1, n_features, generator=draw), dim=1)
            bank.refresh(name, direction, present=present)
    return bank


def named_only(category: Category) -> Category:
    """Return a category whose only description is its name."""
    return category.model_copy(
        update={"present": (category.name,), "absent": (f"No {category.name}",)}
    )


def margins_of(
    network: VisionLanguageNetwork,
    unseen: Sequence[LabelledStudy],
    tokenizer: Tokenizer,
    options: AlignmentOptions,
    seed: int,
    judged: Sequence[Category],
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the margins of studies by bank, id and key of the categories ``judged``.

    Every study has a request of its own.
    """
    words = WrittenWords(unseen, tokenizer, seed)
    room = network.connector.settings.maximum_text
    rng = np.random.default_rng([seed, 1])
    texts = [words.history(index, rng)[:room] for index in range(len(unseen))]
    if options.text == "shuffled":
        texts = [*texts[1:], texts[0]]
    with torch.inference_mode():
        features = network.image_features(tensors_of(unseen, texts, options)).whole
    return {
        name: _by_study(unseen, bank, features)
        for name, bank in _banks(network, judged, words, seed).items()
    }


def _by_study(
    studies: Sequence[LabelledStudy], bank: AnchorBank, features: Tensor
) -> dict[str, dict[str, float]]:
    rows = bank.margins(features).tolist()
    return {
        study.id: {key: round(value, 5) for key, value in zip(bank.names, row, strict=True)}
        for study, row in zip(studies, rows, strict=True)
    }


def _banks(
    network: VisionLanguageNetwork, categories: Sequence[Category], words: Words, seed: int
) -> Mapping[str, AnchorBank]:
    keys = [one.key for one in categories]
    n_features = network.text_heads.whole.out_features
    return {
        "descriptions": read_anchors(network, categories, words),
        "names": read_anchors(network, [named_only(one) for one in categories], words),
        **{f"random{k}": random_bank(keys, n_features, 1000 * seed + k) for k in range(_N_RANDOM)},
    }
