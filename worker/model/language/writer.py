"""The language model of a bundle as a writer: reads a study once, then writes part after part.

What it writes are token ids under the laws of ``constraints``, given back as text with slots; which
text may be printed is not decided here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plugin.domain.errors import ModelError, Reason
from plugin.domain.evidence import Evidence
from worker.bundle import Bundle
from worker.model.language.constraints import AnswerRules, Vocabulary, required_facts
from worker.model.language.decoder import Decoder, Reading
from worker.model.language.generation import Ending, TextDecoder, generate
from worker.model.language.prompt import Request, describe, study_ids, task_ids
from worker.model.language.tokenizer import BUNDLE_FILE, Tokenizer
from worker.model.language.vision import ImagePrefix, StudyFeatures, StudyReader
from worker.model.language.vocabulary import Style, Task
from worker.model.sessions import Device

MAXIMUM_TOKENS = 400
"""Of one answer."""

_GRAPHS = ("embed_tokens", "decoder")
_IMAGE_GRAPHS = ("study_encoder", "connector")


class ImageReader(Protocol):
    """What the writer needs to read images."""

    def prefix(self, study: StudyFeatures, text_ids: list[int]) -> ImagePrefix:
        """Encode a study and what the referring physician wrote."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ReadStudy:
    """A study as the model has read it; every task starts from here.

    Attributes
    ----------
    image
        What was read of its images; None where the model reads none.
    """

    evidence: Evidence
    reading: Reading
    image: ImagePrefix | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """An answer with slots, cut after its last whole sentence.

    Attributes
    ----------
    ending
        ``STOP_TOKEN``: the model had finished.
    """

    text: str
    ending: Ending
    n_tokens: int


class LanguageWriter:
    """A decoder with its vocabulary.

    Parameters
    ----------
    decoder
        Reads and scores.
    tokenizer
        The vocabulary that the decoder was trained with.
    reader
        Turns images into what the decoder reads first; None: the evidence is all it reads.
    measurement_keys
        Measurements that the reader wants, in its order.
    """

    def __init__(
        self,
        decoder: TextDecoder,
        tokenizer: Tokenizer,
        reader: ImageReader | None = None,
        measurement_keys: tuple[str, ...] = (),
    ) -> None:
        self._decoder, self._tokenizer, self._reader = decoder, tokenizer, reader
        self._vocabularies: dict[tuple[str, ...], Vocabulary] = {}
        self.measurement_keys = measurement_keys

    @property
    def reads_images(self) -> bool:
        """Whether images are read besides the evidence."""
        return self._reader is not None

    def read(
        self, evidence: Evidence, history: str = "", study: StudyFeatures | None = None
    ) -> ReadStudy:
        """Read a study: its images where there are any, the evidence, the history.

        Raises
        ------
        ModelError
            ``CONTEXT_FULL``: more than the model can hold. ``WORDING_FAILED``: the runtime failed.
        """
        request = Request(evidence.language, Task.IMPRESSION, describe(evidence), history=history)
        image, before = None, None
        if self._reader is not None and study is not None:
            image = self._reader.prefix(study, self._tokenizer.encode_untrusted(history))
            before = self._decoder.read(image.embeds)
        ids = study_ids(self._tokenizer, request)
        return ReadStudy(evidence, self._decoder.read(self._decoder.embed(ids), before), image)

    def write(
        self,
        study: ReadStudy,
        task: Task,
        *,
        style: Style = Style.TERSE,
        question: str = "",
        maximum_tokens: int = MAXIMUM_TOKENS,
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        """Write one part, or answer a question, under the laws of decoding.

        Parameters
        ----------
        study
            As ``read`` gave it; it stays as it is.
        question
            From outside, never logged; a longer one is cut.
        cancelled
            Asked before each token; True ends the text with what there is.

        Raises
        ------
        ModelError
            ``CONTEXT_FULL`` or ``WORDING_FAILED``.
        """
        evidence = study.evidence
        rules = AnswerRules(self._vocabulary(evidence), evidence, required_facts(evidence, task))
        request = Request(evidence.language, task, "", style, question=question)
        asked = self._decoder.read(
            self._decoder.embed(task_ids(self._tokenizer, request)), study.reading
        )
        found = generate(
            self._decoder,
            asked,
            stop_ids={self._tokenizer.end_id},
            budget=maximum_tokens,
            allowed=rules.allowed,
            cancelled=cancelled,
        )
        text = self._tokenizer.decode(rules.whole_sentences(found.ids))
        return Written(text, found.ending, len(found.ids))

    def _vocabulary(self, evidence: Evidence) -> Vocabulary:
        """Return the vocabulary with the restricted words of a language, made once."""
        words = evidence.restricted
        if words not in self._vocabularies:
            self._vocabularies[words] = Vocabulary(self._tokenizer, words)
        return self._vocabularies[words]


def open_writer(bundle: Bundle, device: Device = "cpu", threads: int = 0) -> LanguageWriter | None:
    """Open the language model of a verified bundle; None where it has none.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: a part of it is missing or does not fit the others, or a golden run
        differs.
    ConfigurationError
        The runtime or the device is missing.
    """
    manifest = bundle.manifest
    if not any(manifest.graph(role) for role in _GRAPHS):
        return None
    decoder = Decoder(bundle, device, threads)
    tokenizer = read_tokenizer(bundle)
    reader: StudyReader | None = None
    keys: tuple[str, ...] = ()
    language = manifest.language
    sees = all(manifest.graph(role) for role in _IMAGE_GRAPHS)
    if language is not None and language.words_from_images and sees:
        reader = StudyReader(bundle, decoder, device, threads)
        keys = language.measurements
    return LanguageWriter(decoder, tokenizer, reader, keys)


def read_tokenizer(bundle: Bundle) -> Tokenizer:
    """Read the vocabulary and compare its size with what the decoder scores."""
    path = bundle.folder / BUNDLE_FILE
    try:
        tokenizer = Tokenizer.from_file(path)
    except (OSError, ValueError) as error:
        raise ModelError(Reason.BUNDLE_INVALID, f"{BUNDLE_FILE} is missing or unusable") from error
    spec = bundle.manifest.graph("decoder")
    scored = [one.shape[-1] for one in spec.outputs if one.name == "logits"] if spec else []
    if scored != [len(tokenizer)]:
        raise ModelError(Reason.BUNDLE_INVALID, "decoder and tokenizer differ in vocabulary size")
    return tokenizer
