"""How true a bundle's answers are: made-up studies that were not learnt from, read again.

The runtime's own decoder and constraints write; the independent checker reads. Each answer is
written twice, free and constrained, so that a table shows what the model knows by itself and what
the constraints save it from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin.domain.evidence import Evidence, FactKind, cited, fill_slots
from plugin.domain.findings import Assessment
from worker.bundle import Bundle
from worker.bundle.manifest import EvaluationRow
from worker.findings.checker import check_text
from worker.findings.evidence import make_evidence
from worker.findings.language import load_language
from worker.model.language.constraints import AnswerRules, Vocabulary, required_facts
from worker.model.language.decoder import Decoder, Reading
from worker.model.language.generation import Ending, generate
from worker.model.language.prompt import evidence_ids, prompt_ids
from worker.model.language.tokenizer import BUNDLE_FILE, Tokenizer
from worker.model.language.vocabulary import Task
from worker.training.language.corpus import Record, records, study_of
from worker.training.language.requests import request_of

BUDGET_TOKENS = 256
_SHARES = ("agrees", "complete", "same_facts", "finished")


@dataclass(frozen=True, slots=True)
class Judged:
    """One written answer.

    Attributes
    ----------
    probe
        What history or question tried.
    text
        The answer as printed; slots that the study does not have stay as they are.
    agrees
        Whether the checker finds nothing wrong.
    complete
        Whether every fact is named that such an answer must name.
    same_facts
        Whether it names the facts of the corpus's answer and no others, in whatever order.
    finished
        Whether the model ended it.
    """

    language: str
    task: Task
    probe: str
    constrained: bool
    text: str
    agrees: bool
    complete: bool
    same_facts: bool
    finished: bool


class AnswerJudge:
    """Lets a bundle answer the requests of the corpus.

    Parameters
    ----------
    bundle
        Verified, with a decoder and a vocabulary.
    threads
        CPU threads, 0 for all.
    """

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        self._decoder = Decoder(bundle, threads=threads)
        self._tokenizer = Tokenizer.from_file(bundle.folder / BUNDLE_FILE)
        self._vocabularies: dict[str, Vocabulary] = {}

    def judge_study(self, seed: int, asked: Sequence[Record]) -> Iterator[Judged]:
        """Answer all requests about one study, each free and constrained."""
        assessment = study_of(seed, _index(asked[0])).assessment
        ids = evidence_ids(self._tokenizer, asked[0].evidence)
        reading = self._decoder.read(self._decoder.embed(ids))
        for record in asked:
            evidence = make_evidence(assessment, load_language(record.language))
            prompt = prompt_ids(self._tokenizer, request_of(record))[len(ids) :]
            begun = self._decoder.read(self._decoder.embed(prompt), reading)
            for constrained in (False, True):
                yield self._judge(record, assessment, evidence, begun, constrained=constrained)

    def _judge(
        self,
        record: Record,
        assessment: Assessment,
        evidence: Evidence,
        begun: Reading,
        *,
        constrained: bool,
    ) -> Judged:
        required = required_facts(evidence, record.task)
        rules = AnswerRules(self._vocabulary(evidence), evidence, required)
        written = generate(
            self._decoder,
            begun,
            stop_ids=(self._tokenizer.end_id,),
            budget=BUDGET_TOKENS,
            allowed=rules.allowed if constrained else None,
        )
        target = self._tokenizer.decode(written.ids)
        named = cited(target)
        known = all(evidence.fact(one) is not None for one in named)
        text = fill_slots(target, evidence) if known else target
        return Judged(
            record.language,
            record.task,
            record.probe,
            constrained,
            text,
            agrees=known and not _problems(text, record, assessment, evidence),
            complete=all(group & set(named) for group in required),
            same_facts=set(named) == set(cited(record.target)),
            finished=written.ending is Ending.STOP_TOKEN,
        )

    def _vocabulary(self, evidence: Evidence) -> Vocabulary:
        code = evidence.language
        if code not in self._vocabularies:
            self._vocabularies[code] = Vocabulary(self._tokenizer, evidence.restricted)
        return self._vocabularies[code]


def judge(bundle: Bundle, seed: int, n_studies: int, threads: int = 0) -> Iterator[Judged]:
    """Answer everything that is asked about some studies of a corpus with this seed."""
    judge_of = AnswerJudge(bundle, threads)
    listed = list(records(seed, n_studies))
    for index in range(n_studies):
        yield from judge_of.judge_study(seed, [one for one in listed if _index(one) == index])


def tabulate(judged: Iterable[Judged]) -> list[EvaluationRow]:
    """Return shares in percent by language, task and whether decoding was constrained."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        how = "constrained" if one.constrained else "free"
        groups.setdefault(f"{one.language} {one.task.value}, {how}", []).append(one)
    return [
        EvaluationRow(measure=f"{name}: {share} of {len(own)}", value=value, unit="%")
        for name, own in sorted(groups.items())
        for share, value in _shares(own).items()
    ]


def write_failures(judged: Iterable[Judged], path: Path) -> None:
    """Write the constrained answers that the checker doubts or that leave something out."""
    with path.open("w", encoding="utf-8") as file:
        for one in judged:
            if one.constrained and not (one.agrees and one.complete):
                kind = "disagrees" if not one.agrees else "incomplete"
                file.write(f"{one.language} {one.task.value} {one.probe} {kind}: {one.text}\n")


def _shares(own: Sequence[Judged]) -> Mapping[str, float]:
    return {
        name: round(100 * sum(bool(getattr(one, name)) for one in own) / len(own), 1)
        for name in _SHARES
    }


def _problems(
    text: str, record: Record, assessment: Assessment, evidence: Evidence
) -> tuple[object, ...]:
    return check_text(
        [text],
        assessment,
        record.language,
        causes=[one.text for one in evidence.of_kind(FactKind.CONSIDERATION)],
        rules=[one.text for one in evidence.of_kind(FactKind.RULE)],
    )


def _index(record: Record) -> int:
    return int(record.id.split("-")[0])
