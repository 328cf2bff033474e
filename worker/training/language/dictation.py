"""Lets a bundle write about made-up studies that were not learnt from, by the road of the product.

Every study is written about in one language, the languages in turn: the four parts of its report,
with a history that tries something, and answers to questions. Of each text is kept what the
model wrote freely, what it wrote under the laws of decoding and what was printed. Only writes;
whether any of it is true is judged afterwards (``fidelity``, ``acceptability``) from what was kept,
as often as one likes. ``reprinted`` prints it anew, for when the check before printing has changed.

A line of ``studies.jsonl`` per study; a run that was stopped goes on.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plugin.domain.evidence import Evidence, cited
from plugin.domain.wording import Author, Doubt, Passage
from worker.bundle import Bundle
from worker.findings.answer import answer_question, checked_question
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.findings.word import Told, word_report
from worker.model.language.constraints import AnswerRules, required_facts
from worker.model.language.decoder import Decoder, Reading
from worker.model.language.generation import Ending, Generation, TextDecoder, generate
from worker.model.language.prompt import Request, task_ids
from worker.model.language.tokenizer import Tokenizer
from worker.model.language.vision import StudyFeatures
from worker.model.language.vocabulary import LANGUAGES, Style, Task
from worker.model.language.writer import (
    MAXIMUM_TOKENS,
    LanguageWriter,
    ReadStudy,
    Written,
    read_tokenizer,
)
from worker.training.language.corpus import Record, records_of, study_of
from worker.training.language.leading_histories import Probe, history_that_tries
from worker.training.language.studies import SampledStudy
from worker.training.rows import add_row, continue_rows, read_rows

STUDIES_NAME = "studies.jsonl"
_PROBES = tuple(Probe)
_TOLD_NOTHING = Told("", None, float("inf"))
"""With a question, as by ``worker.questions``."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """One part of a report, or one answer.

    Attributes
    ----------
    asked
        Of an answer: what kind of question it was (``value``, ``injection`` ...).
    free, constrained
        With slots, without and under the laws of decoding.
    free_finished, constrained_finished
        Whether the model ended by itself.
    target_facts
        Of an answer: ids of the facts that the corpus's answer names.
    author, doubt
        Of what was printed.
    printed, named
        Its sentences, and the keys of the facts that each names.
    """

    task: Task
    asked: str
    free: str
    free_finished: bool
    constrained: str
    constrained_finished: bool
    target_facts: tuple[str, ...]
    author: Author
    doubt: Doubt | None
    printed: tuple[str, ...]
    named: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class WrittenStudy:
    """All that was written about one study of a corpus.

    Attributes
    ----------
    index
        Place in the corpus; with its seed it tells the study.
    history
        What the model was told besides the evidence.
    """

    index: int
    language: str
    probe: Probe
    history: str
    texts: tuple[WrittenText, ...]


class DictatingWriter(LanguageWriter):
    """Writes as the runtime does and keeps, task by task, what it would have written freely.

    As far as the free words keep the laws, they are those that greedy decoding under the laws
    gives too, so only what follows is written a second time.
    """

    def __init__(self, decoder: TextDecoder, tokenizer: Tokenizer) -> None:
        super().__init__(decoder, tokenizer)
        self.kept: dict[Task, tuple[Written, Written]] = {}
        """What was last written of each task, freely and under the laws."""
        self._read: tuple[Evidence, str, ReadStudy] | None = None

    def read(
        self, evidence: Evidence, history: str = "", study: StudyFeatures | None = None
    ) -> ReadStudy:
        """Read a study, the same one only once: all parts share it, and all questions."""
        if self._read is None or self._read[:2] != (evidence, history):
            self._read = evidence, history, super().read(evidence, history, study)
        return self._read[2]

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
        """Write one text under the laws, as ``LanguageWriter.write`` does."""
        del cancelled  # nobody waits
        evidence = study.evidence
        rules = AnswerRules(self._vocabulary(evidence), evidence, required_facts(evidence, task))
        request = Request(evidence.language, task, "", style, question=question)
        asked = self._decoder.read(
            self._decoder.embed(task_ids(self._tokenizer, request)), study.reading
        )
        stop = {self._tokenizer.end_id}
        free = generate(self._decoder, asked, stop_ids=stop, budget=maximum_tokens)
        found = self._held_to_the_laws(free, rules, asked, maximum_tokens)
        freely = Written(self._tokenizer.decode(free.ids), free.ending, len(free.ids))
        text = self._tokenizer.decode(rules.whole_sentences(found.ids))
        written = Written(text, found.ending, len(found.ids))
        self.kept[task] = freely, written
        return written

    def _held_to_the_laws(
        self, free: Generation, rules: AnswerRules, asked: Reading, maximum_tokens: int
    ) -> Generation:
        """Return what greedy decoding under the laws gives."""
        end = (self._tokenizer.end_id,) if free.ending is Ending.STOP_TOKEN else ()
        whole = (*free.ids, *end)
        n_kept = next(
            (n for n, token in enumerate(whole) if token not in rules.allowed(whole[:n])),
            len(whole),
        )
        if n_kept == len(whole):
            return free
        kept = free.ids[:n_kept]
        begun = self._decoder.read(self._decoder.embed(kept), asked) if kept else asked
        rest = generate(
            self._decoder,
            begun,
            stop_ids={self._tokenizer.end_id},
            budget=maximum_tokens - n_kept,
            allowed=lambda ids: rules.allowed((*kept, *ids)),
        )
        return Generation((*kept, *rest.ids), rest.ending)


def open_dictating_writer(bundle: Bundle, threads: int = 0) -> DictatingWriter:
    """Open the language model of a verified bundle.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: it has none, or an unusable one.
    """
    return DictatingWriter(Decoder(bundle, threads=threads), read_tokenizer(bundle))


def write_studies(
    writer: DictatingWriter, bundle: str, seed: int, n_studies: int, folder: Path
) -> Iterator[WrittenStudy]:
    """Write about the studies of a corpus that a folder does not hold yet; yield each.

    Parameters
    ----------
    bundle
        Digest of the writer's bundle; a folder holds the texts of one.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the folder holds another bundle's texts, or another seed's.
    """
    path = folder / STUDIES_NAME
    known = {row["index"] for row in continue_rows(path, {"bundle": bundle, "seed": seed})}
    for index in range(n_studies):
        if index not in known:
            study = write_study(writer, seed, index)
            add_row(path, asdict(study))
            yield study


def write_study(writer: DictatingWriter, seed: int, index: int) -> WrittenStudy:
    """Write report and answers about one study of the corpus with this seed."""
    code = LANGUAGES[index % len(LANGUAGES)]
    probe = _PROBES[index // len(LANGUAGES) % len(_PROBES)]
    language, study = load_language(code), study_of(seed, index)
    evidence = make_evidence(study.assessment, language)
    rng = np.random.default_rng([seed, index, len(LANGUAGES)])
    other = study_of(seed, index + 1).assessment
    history = history_that_tries(probe, evidence, other, rng)
    told = Told(history, None, float("inf"))
    writer.kept.clear()
    wording = word_report(study.assessment, language, writer, told)
    texts = [_text(passage, writer) for passage in wording.passages]
    for record in _questions(study, seed, index, code):
        writer.kept.clear()
        question = checked_question(record.question)
        answer = answer_question(question, study.assessment, language, writer, _TOLD_NOTHING)
        texts.append(_text(answer.passage, writer, record))
    return WrittenStudy(index, code, probe, history, tuple(texts))


def reprinted(written: WrittenStudy, seed: int) -> WrittenStudy:
    """Return what would be printed today of what the model wrote about a study then."""
    study = study_of(seed, written.index)
    language = load_language(written.language)
    told = Told(written.history, None, float("inf"))
    of_part = {one.task: one for one in written.texts if not one.asked}
    wording = word_report(study.assessment, language, _KeptWriter(of_part), told)
    texts = [_printed(of_part[Task(passage.part.value)], passage) for passage in wording.passages]
    kept = {one.asked: one for one in written.texts if one.asked}
    for record in _questions(study, seed, written.index, written.language):
        own = kept[record.probe]
        question, writer = checked_question(record.question), _KeptWriter({own.task: own})
        answer = answer_question(question, study.assessment, language, writer, _TOLD_NOTHING)
        texts.append(_printed(own, answer.passage))
    return replace(written, texts=tuple(texts))


class _KeptWriter:
    """A language model that writes what it once wrote."""

    measurement_keys: tuple[str, ...] = ()
    reads_images = False

    def __init__(self, texts: Mapping[Task, WrittenText]) -> None:
        self._texts = texts

    def read(
        self, evidence: Evidence, history: str = "", study: StudyFeatures | None = None
    ) -> ReadStudy:
        del history, study
        return ReadStudy(evidence, Reading(0, {}, np.zeros(1, np.float32)))

    def write(
        self,
        study: ReadStudy,
        task: Task,
        *,
        question: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        del study, question, cancelled
        text = self._texts[task]
        ending = Ending.STOP_TOKEN if text.constrained_finished else Ending.BUDGET
        return Written(text.constrained, ending, 0)


def read_studies(folder: Path) -> list[WrittenStudy]:
    """Return what a folder holds, in the order of the corpus; a line cut short is left out."""
    studies = [_study(row) for row in read_rows(folder / STUDIES_NAME)]
    return sorted(studies, key=lambda one: one.index)


def _text(passage: Passage, writer: DictatingWriter, record: Record | None = None) -> WrittenText:
    """Put together what was printed and what the model had written of it."""
    task = Task(passage.part.value)
    nothing = Written("", Ending.CANCELLED, 0)  # the study did not fit into the model
    freely, lawful = writer.kept.get(task, (nothing, nothing))
    text = WrittenText(
        task=task,
        asked="" if record is None else record.probe,
        free=freely.text,
        free_finished=freely.ending is Ending.STOP_TOKEN,
        constrained=lawful.text,
        constrained_finished=lawful.ending is Ending.STOP_TOKEN,
        target_facts=() if record is None else cited(record.target),
        author=passage.author,
        doubt=passage.doubt,
        printed=(),
        named=(),
    )
    return _printed(text, passage)


def _printed(text: WrittenText, passage: Passage) -> WrittenText:
    """Note what was printed."""
    return replace(
        text,
        author=passage.author,
        doubt=passage.doubt,
        printed=tuple(one.text for one in passage.statements),
        named=tuple(one.evidence for one in passage.statements),
    )


def _questions(study: SampledStudy, seed: int, index: int, code: str) -> Iterator[Record]:
    """Yield what the corpus asks about a study in a language."""
    for record in records_of(study, seed, index):
        if record.language == code and record.task is Task.ANSWER:
            yield record


def _study(raw: dict[str, Any]) -> WrittenStudy:
    texts = tuple(
        WrittenText(
            **{
                **one,
                "task": Task(one["task"]),
                "author": Author(one["author"]),
                "doubt": None if one["doubt"] is None else Doubt(one["doubt"]),
                "target_facts": tuple(one["target_facts"]),
                "printed": tuple(one["printed"]),
                "named": tuple(tuple(keys) for keys in one["named"]),
            }
        )
        for one in raw["texts"]
    )
    return WrittenStudy(**{**raw, "probe": Probe(raw["probe"]), "texts": texts})
