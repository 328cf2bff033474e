"""How well the anchors of categories separate: which are alike, and which say nothing.

Works on what the language model of a bundle makes of the descriptions. Whether hearts with and
without a category are told apart, only hearts can show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.language.categories import Category
from worker.model.language.decoder import Decoder
from worker.model.language.recognition import Recogniser
from worker.model.language.writer import read_tokenizer

Float32Array = npt.NDArray[np.float32]

ALIKE = 0.95
"""Cosine above which two texts are as good as the same to the model."""


_ROLES = ("embed_tokens", "decoder", "image_heads", "text_heads")


def read_anchors(bundle: Bundle, categories: Sequence[Category]) -> Float32Array:
    """Let the language model of a bundle read descriptions.

    Returns
    -------
    numpy.ndarray
        float32 ``[category, present or absent, feature]``, each of length 1.

    Raises
    ------
    ModelError
        ``NO_RECOGNITION``: the bundle has no such model. ``BUNDLE_INVALID``: it is not usable.
    """
    if not all(bundle.manifest.graph(role) for role in _ROLES):
        raise ModelError(Reason.NO_RECOGNITION, f"{bundle.name} {bundle.version}")
    decoder = Decoder(bundle)
    return Recogniser(bundle, decoder, read_tokenizer(bundle)).anchors(categories)


@dataclass(frozen=True, slots=True)
class Separation:
    """One category among the others.

    Attributes
    ----------
    own
        Cosine of its anchor and its "not" anchor; near 1 they cannot be told apart.
    nearest, nearest_cosine
        The other category whose difference (present less absent) is most like its own; a study
        that has the one will score high on the other. None where there is only one category.
    warnings
        What its author should change, in a sentence each.
    """

    key: str
    own: float
    nearest: str | None
    nearest_cosine: float | None
    warnings: tuple[str, ...]


def separation(categories: Sequence[Category], anchors: Float32Array) -> tuple[Separation, ...]:
    """Compare every category with its own absence and with the others.

    Parameters
    ----------
    categories, anchors
        Categories and their anchors ``[category, present or absent, feature]`` of length 1.
    """
    present, absent = anchors[:, 0].astype(np.float64), anchors[:, 1].astype(np.float64)
    own = (present * absent).sum(axis=1)
    likeness = direction_cosines(anchors)
    np.fill_diagonal(likeness, -np.inf)
    found: list[Separation] = []
    for index, category in enumerate(categories):
        other = int(likeness[index].argmax()) if len(categories) > 1 else None
        nearest = None if other is None else categories[other].key
        cosine = None if other is None else float(likeness[index, other])
        warnings = []
        if own[index] > ALIKE:
            warnings.append(
                "its descriptions and those of its absence read the same; name criteria that differ"
            )
        if cosine is not None and cosine > ALIKE:
            warnings.append(f"it reads the same as {nearest}; say what sets the two apart")
        found.append(Separation(category.key, float(own[index]), nearest, cosine, tuple(warnings)))
    return tuple(found)


def direction_cosines(anchors: Float32Array) -> npt.NDArray[np.float64]:
    """Cosines between the directions from "not" anchor to anchor, ``[category, category]``."""
    direction = (anchors[:, 0] - anchors[:, 1]).astype(np.float64)
    length = np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    unit = direction / length
    return np.asarray(unit @ unit.T)
