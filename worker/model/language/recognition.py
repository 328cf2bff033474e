"""Recognition by description: how much a study resembles what a category sounds like.

The margin of a category is the study's similarity to its descriptions less that to the descriptions
of its absence. It is a score, not a probability: who shows it calibrates it first. It never decides
a finding or a priority.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.golden import open_verified
from worker.model.language.categories import Category
from worker.model.language.decoder import Decoder
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vision import ImagePrefix
from worker.model.sessions import Device, GraphSession

Float32Array = npt.NDArray[np.float32]


class Recogniser:
    """The ``image_heads`` and ``text_heads`` graphs of a bundle, behind its decoder.

    Parameters
    ----------
    bundle
        A verified bundle with both graphs.
    decoder, tokenizer
        Of the same bundle.
    device, threads
        As for `Decoder`.

    Raises
    ------
    ModelError
        A graph is missing, unusable, or fails its golden run.
    ConfigurationError
        The runtime or the device is missing.
    """

    def __init__(
        self,
        bundle: Bundle,
        decoder: Decoder,
        tokenizer: Tokenizer,
        device: Device = "cpu",
        threads: int = 0,
    ) -> None:
        self._image = open_verified(bundle, "image_heads", device, threads)
        self._text = open_verified(bundle, "text_heads", device, threads)
        language = bundle.manifest.language
        if language is None:
            raise ModelError(Reason.BUNDLE_INVALID, "recognition without its language section")
        self._decoder, self._tokenizer = decoder, tokenizer
        self._text_marks = decoder.embed(language.text_marks)

    def image_feature(self, prefix: ImagePrefix) -> Float32Array:
        """Return what the study is like, float32 ``[feature]`` of length 1."""
        return self._feature(self._image, prefix.embeds)

    def text_feature(self, text: str) -> Float32Array:
        """Return what a report or a description is like, float32 ``[feature]`` of length 1.

        The text may be a site's; it is read as mere letters.
        """
        words = self._decoder.embed(self._tokenizer.encode_untrusted(text) or [0])
        return self._feature(self._text, np.concatenate((words, self._text_marks)))

    def anchors(self, categories: Sequence[Category]) -> Float32Array:
        """Read the descriptions of categories: ``[category, present or absent, feature]``."""
        return np.stack(
            [
                np.stack([self._mean(category.present), self._mean(category.absent)])
                for category in categories
            ]
        )

    def margins(
        self, prefix: ImagePrefix, categories: Sequence[Category], anchors: Float32Array
    ) -> Mapping[str, float]:
        """Return the margin of each category by key, -2 to 2; positive says "present".

        Parameters
        ----------
        prefix
            The study.
        categories, anchors
            Categories and what `anchors` gave for them.
        """
        similar = anchors @ self.image_feature(prefix)
        return {
            category.key: float(present - absent)
            for category, (present, absent) in zip(categories, similar, strict=True)
        }

    def _mean(self, texts: Sequence[str]) -> Float32Array:
        mean = np.mean([self.text_feature(text) for text in texts], axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)

    def _feature(self, heads: GraphSession, embeds: Float32Array) -> Float32Array:
        hidden = self._decoder.read(embeds, with_hidden=True).hidden
        assert hidden is not None  # noqa: S101 - asked for
        whole, _ = heads.run({"hidden": hidden[None]})
        return np.asarray(whole[0], dtype=np.float32)
