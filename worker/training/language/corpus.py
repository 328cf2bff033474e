"""The report corpus: requests and good answers over made-up studies, as JSON lines.

``python -m worker.training.language.corpus --studies 2500 --seed 1 --out FOLDER`` writes
``corpus.jsonl``, ``statistics.json`` and the vocabulary trained on it, ``tokenizer.json``. The same
seed gives the same corpus, study by study, so a part of it can be made anew. No text comes from
anywhere else: answers are made by a grammar (``frames``) over evidence that the runtime's own rules
make.
"""

import argparse
import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plugin.domain.evidence import Evidence, Fact, FactKind, fill_slots
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.prompt import describe
from worker.model.language.tokenizer import FILE_NAME
from worker.model.language.vocabulary import LANGUAGES, Style, Task
from worker.training.language.frames import choose, load_frames
from worker.training.language.studies import SampledStudy, sample_study
from worker.training.language.tokenizer import DEFAULT_SIZE, train_tokenizer
from worker.training.language.writer import Writer, history

CORPUS_NAME, STATISTICS_NAME = "corpus.jsonl", "statistics.json"
_QUESTIONS = ("value", "finding", "not_assessed", "missing", "unknown", "injection", "priority")
_BASES = {
    "lv_systolic_dysfunction": ("lv_ejection_fraction",),
    "lv_dilation": ("lv_end_diastolic_volume_index", "lv_end_diastolic_volume"),
    "lv_hypertrophy": ("lv_mass_index",),
    "rv_dilation": ("rv_end_diastolic_volume_index", "rv_end_diastolic_volume"),
    "rv_systolic_dysfunction": ("rv_ejection_fraction",),
    "lv_wall_thickening": ("maximal_wall_thickness",),
}
_MISSING = {
    "no_body_size": "lv_end_diastolic_volume_index",
    "no_heart_rate": "cardiac_output",
    "right_ventricle_not_reported": "rv_ejection_fraction",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One request with its answer.

    Attributes
    ----------
    kind
        How the numbers of the study were drawn.
    evidence
        The evidence in a few words per fact, as it is prompted.
    history, question
        Text from outside; may contradict the images, plant numbers or give orders.
    target
        The answer with slots.
    text
        The answer as printed.
    probe
        What the history or the question tries: ``neutral``, ``contradiction``, ``planted`` ...
    """

    id: str
    kind: str
    language: str
    task: Task
    style: Style
    evidence: str
    history: str
    question: str
    target: str
    text: str
    probe: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A study in one language, ready to be written about."""

    index: int
    study: SampledStudy
    evidence: Evidence
    writer: Writer


def study_of(seed: int, index: int) -> SampledStudy:
    """Return study ``index`` of the corpus with this seed."""
    return sample_study(np.random.default_rng([seed, index]))


def records(seed: int, n_studies: int) -> Iterator[Record]:
    """Yield all requests about each study, in every language."""
    for index in range(n_studies):
        yield from records_of(study_of(seed, index), seed, index)


def records_of(study: SampledStudy, seed: int, index: int) -> Iterator[Record]:
    """Yield all requests about one study, in every language; seed and index decide the words."""
    for number, code in enumerate(LANGUAGES):
        language = load_language(code)
        rng = np.random.default_rng([seed, index, number])
        evidence = make_evidence(study.assessment, language)
        writer = Writer(evidence, language, load_frames(code), rng)
        yield from _reports(_Source(index, study, evidence, writer))
        yield from _answers(_Source(index, study, evidence, writer))


def _record(
    source: _Source,
    task: Task,
    target: str,
    *,
    style: Style = Style.TERSE,
    question: str = "",
    told: tuple[str, str] = ("", "none"),
    name: str = "",
) -> Record:
    code = source.evidence.language
    return Record(
        id=f"{source.index}-{code}-{task.value}-{name or style.value}",
        kind=source.study.kind,
        language=code,
        task=task,
        style=style,
        evidence=describe(source.evidence),
        history=told[0],
        question=question,
        target=target,
        text=fill_slots(target, source.evidence),
        probe=told[1],
    )


def _reports(source: _Source) -> Iterator[Record]:
    writer = source.writer
    for style in Style:
        text, kind, against = _history(source)
        target = writer.impression(style, against)
        yield _record(source, Task.IMPRESSION, target, style=style, told=(text, kind))
    text, kind, against = _history(source)
    yield _record(source, Task.EXPLANATION, writer.explanation(against), told=(text, kind))
    text, kind, _ = _history(source)
    yield _record(source, Task.DIFFERENTIAL, writer.differential(), told=(text, kind))
    yield _record(source, Task.LIMITS, writer.limits())


def _history(source: _Source) -> tuple[str, str, Fact | None]:
    """Draw a history, one time in ten in the other language."""
    rng = source.writer.rng
    other = float(rng.random()) < 1 / 10
    code = choose([c for c in LANGUAGES if (c == source.evidence.language) is not other], rng)
    return history(load_frames(code), source.evidence, rng)


def _answers(source: _Source) -> Iterator[Record]:
    for kind in _QUESTIONS:
        made = _question(source, kind)
        if made is not None:
            question, target = made
            yield _record(
                source, Task.ANSWER, target, question=question, told=("", kind), name=kind
            )


def _question(source: _Source, kind: str) -> tuple[str, str] | None:
    """Return a question and its answer, or None where the study gives no room for one."""
    writer, evidence = source.writer, source.evidence
    questions, rng = writer.frames.questions, writer.rng
    names = writer.language.tables["measurements"]

    def ask(of: str, name: str = "") -> str:
        return choose(questions[of], rng).format(name=name)

    if kind == "value":
        values = [one for one in evidence.of_kind(FactKind.MEASUREMENT) if one.key in names]
        fact = values[int(rng.integers(len(values)))]
        if fact.segment is not None:
            return None
        return ask("value", names[fact.key]), writer.value(fact)
    if kind == "finding":
        key = choose(tuple(_BASES), rng)
        found = [evidence.find(FactKind.MEASUREMENT, basis) for basis in _BASES[key]]
        basis = next((one for one in found if one is not None), None)
        return None if basis is None else (ask(key), writer.about_finding(key, basis))
    if kind == "not_assessed":
        things = evidence.of_kind(FactKind.NOT_ASSESSED)
        thing = things[int(rng.integers(len(things)))]
        return ask("not_assessed", thing.text), writer.not_assessed(thing)
    if kind == "missing":
        notes = [one for one in evidence.of_kind(FactKind.QUALITY) if one.key in _MISSING]
        if not notes:
            return None
        note = notes[int(rng.integers(len(notes)))]
        return ask("value", names[_MISSING[note.key]]), writer.missing(note)
    if kind == "priority":
        return ask("priority"), writer.priority()
    return ask(kind), writer.unknown()


def statistics(corpus: Sequence[Record]) -> dict[str, object]:
    """Count what is in a corpus; ``frames`` are different answers before the slots are filled."""
    return {
        "records": len(corpus),
        "studies": len({record.id.split("-")[0] for record in corpus}),
        "frames": {
            code: len({one.target for one in corpus if one.language == code}) for code in LANGUAGES
        },
        "sentence_frames": {code: len(_sentences(corpus, code)) for code in LANGUAGES},
        "tasks": dict(Counter(record.task.value for record in corpus)),
        "probes": dict(Counter(record.probe for record in corpus)),
        "kinds": dict(Counter(record.kind for record in corpus)),
        "letters_of_text": sum(len(record.text) for record in corpus),
    }


def _sentences(corpus: Sequence[Record], code: str) -> set[str]:
    end = "。" if code == "zh" else ". "
    return {s for one in corpus if one.language == code for s in one.target.split(end) if s}


def tokenizer_texts(corpus: Iterable[Record]) -> Iterator[str]:
    """Yield what the vocabulary is trained on: prompts, histories, questions and answers."""
    for record in corpus:
        yield from (record.evidence, record.history, record.question, record.target)


def write_corpus(folder: Path, seed: int, n_studies: int) -> dict[str, object]:
    """Write ``corpus.jsonl`` and ``statistics.json`` and return the statistics."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = list(records(seed, n_studies))
    with (folder / CORPUS_NAME).open("w", encoding="utf-8") as file:
        for record in corpus:
            file.write(json.dumps(dataclasses.asdict(record), ensure_ascii=False) + "\n")
    counted = {"seed": seed, **statistics(corpus)}
    text = json.dumps(counted, indent=1, ensure_ascii=False)
    (folder / STATISTICS_NAME).write_text(text + "\n", encoding="utf-8")
    return counted


def read_corpus(folder: Path) -> Iterator[Record]:
    """Yield the records that ``write_corpus`` wrote."""
    with (folder / CORPUS_NAME).open(encoding="utf-8") as file:
        for line in file:
            raw = json.loads(line)
            yield Record(**{**raw, "task": Task(raw["task"]), "style": Style(raw["style"])})


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the report corpus.")
    parser.add_argument("--studies", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=DEFAULT_SIZE, help="Tokens at most.")
    given = parser.parse_args()
    counted = write_corpus(given.out, given.seed, given.studies)
    definition = train_tokenizer(tokenizer_texts(read_corpus(given.out)), given.vocabulary)
    (given.out / FILE_NAME).write_text(definition, encoding="utf-8")
    print(json.dumps(counted, indent=1, ensure_ascii=False))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    _main()
