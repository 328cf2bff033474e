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
_TELLING = (Task.IMPRESSION, Task.EXPLANATION)
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
    n_findings, n_omitted
        Findings that an impression or an explanation must tell, and those told neither by name nor
        by the value that they rest on; 0 of other tasks.
    problems
        What the checker found wrong, by kind; ``unknown_slot`` where the text cannot be printed.
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
    n_findings: int = 0
    n_omitted: int = 0
    problems: tuple[str, ...] = ()


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
        problems = _problems(text, record, assessment, evidence) if known else ("unknown_slot",)
        findings = evidence.of_kind(FactKind.FINDING) if record.task in _TELLING else ()
        told = [not {one.id, *one.basis}.isdisjoint(named) for one in findings]
        return Judged(
            record.language,
            record.task,
            record.probe,
            constrained,
            text,
            agrees=not problems,
            complete=all(group & set(named) for group in required),
            same_facts=set(named) == set(cited(record.target)),
            finished=written.ending is Ending.STOP_TOKEN,
            n_findings=len(told),
            n_omitted=told.count(False),
            problems=problems,
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
    """Return shares in percent by language, task and whether decoding was constrained.

    Shares are of answers; of omitted findings, of findings.
    """
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        how = "constrained" if one.constrained else "free"
        groups.setdefault(f"{one.language} {one.task.value}, {how}", []).append(one)
    return [
        EvaluationRow(measure=f"{name}: {share}", value=value, unit="%")
        for name, own in sorted(groups.items())
        for share, value in _shares(own).items()
    ]


def write_failures(judged: Iterable[Judged], path: Path) -> None:
    """Write the answers that the checker doubts or that leave out what they must name."""
    with path.open("w", encoding="utf-8") as file:
        for one in judged:
            if not (one.agrees and one.complete):
                how = "constrained" if one.constrained else "free"
                why = ",".join(one.problems) or "incomplete"
                file.write(f"{one.language} {one.task.value} {one.probe} {how} {why}: {one.text}\n")


def _shares(own: Sequence[Judged]) -> Mapping[str, float]:
    shares = {
        f"{name} of {len(own)}": sum(bool(getattr(one, name)) for one in own) / len(own)
        for name in _SHARES
    }
    n_findings = sum(one.n_findings for one in own)
    if n_findings:
        omitted = sum(one.n_omitted for one in own)
        shares[f"omitted findings of {n_findings}"] = omitted / n_findings
    return {name: round(100 * share, 1) for name, share in shares.items()}


def _problems(
    text: str, record: Record, assessment: Assessment, evidence: Evidence
) -> tuple[str, ...]:
    found = check_text(
        [text],
        assessment,
        record.language,
        causes=[one.text for one in evidence.of_kind(FactKind.CONSIDERATION)],
        rules=[one.text for one in evidence.of_kind(FactKind.RULE)],
    )
    return tuple(dict.fromkeys(one.kind.value for one in found))


def _index(record: Record) -> int:
    return int(record.id.split("-")[0])
