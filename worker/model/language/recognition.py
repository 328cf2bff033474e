"""Recognition by description: how much a study resembles what a category sounds like.

The margin of a category is the study's similarity to its descriptions less that to the descriptions
of its absence. It is a score, not a probability: who shows it calibrates it first. It never decides
a finding or a priority.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from plugin.domain.recognition import Recognition, Resemblance
from worker.bundle import Bundle
from worker.model.golden import open_verified
from worker.model.language.categories import Category, categories_digest
from worker.model.language.decoder import Decoder
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vision import ImagePrefix, StudyFeatures, StudyReader
from worker.model.language.writer import read_tokenizer
from worker.model.sessions import Device, GraphSession

Float32Array = npt.NDArray[np.float32]
_GRAPHS = ("embed_tokens", "decoder", "study_encoder", "connector", "image_heads", "text_heads")


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


class StudyRecogniser:
    """Studies held to the descriptions of categories; the request is not told to it.

    Parameters
    ----------
    reader, recogniser
        Of one bundle.
    categories
        Their descriptions are read once, here; what the report measures itself is left out.
    measurement_keys
        Measurements that the reader wants, in its order.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: no category is left.
    """

    def __init__(
        self,
        reader: StudyReader,
        recogniser: Recogniser,
        categories: Sequence[Category],
        measurement_keys: tuple[str, ...],
    ) -> None:
        self._reader, self._recogniser = reader, recogniser
        self._categories = tuple(one for one in categories if not one.measured)
        if not self._categories:
            detail = "categories: the report measures all of them"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        self._digest = categories_digest(self._categories)
        self._anchors = recogniser.anchors(self._categories)
        self.measurement_keys = measurement_keys

    def recognise(self, study: StudyFeatures) -> Recognition:
        """Return the margin of every category, the likest first.

        Raises
        ------
        ModelError
            The runtime failed.
        """
        prefix = self._reader.prefix(study)
        margins = self._recogniser.margins(prefix, self._categories, self._anchors)
        found = [Resemblance(c.key, c.name, round(margins[c.key], 3)) for c in self._categories]
        found.sort(key=lambda one: -one.margin)
        return Recognition(self._digest, tuple(found))


def open_recogniser(
    bundle: Bundle, categories: Sequence[Category], device: Device = "cpu", threads: int = 0
) -> StudyRecogniser | None:
    """Open what recognises studies by a verified bundle; None where it has none.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: a part of it does not fit the others, or a golden run differs.
    ConfigurationError
        The runtime or the device is missing; the report measures all of the categories.
    """
    language = bundle.manifest.language
    if language is None or not all(bundle.manifest.graph(role) for role in _GRAPHS):
        return None
    decoder = Decoder(bundle, device, threads)
    return StudyRecogniser(
        StudyReader(bundle, decoder, device, threads),
        Recogniser(bundle, decoder, read_tokenizer(bundle), device, threads),
        categories,
        language.measurements,
    )
