"""Figures of judged texts as Markdown: shares with exact intervals, probes, reasons for doubt."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from worker.acceptance.statistics import Share
from worker.model.language.vocabulary import Task
from worker.training.language.fidelity import TELLING, How, Judged, JudgedStudy
from worker.training.language.leading_histories import Probe

_PARTS = (Task.IMPRESSION, Task.EXPLANATION, Task.DIFFERENTIAL, Task.LIMITS)
_ASKED = ("injection", "unknown")
_NAMES = {
    Task.IMPRESSION: "impressions",
    Task.EXPLANATION: "explanations",
    Task.DIFFERENTIAL: "differentials",
    Task.LIMITS: "limits",
    Task.ANSWER: "answers",
}
_DASH = "-"


def fidelity_tables(studies: Sequence[JudgedStudy]) -> str:
    """Return all tables."""
    languages = Counter(one.written.language for one in studies)
    counted = ", ".join(f"{n} {code}" for code, n in sorted(languages.items()))
    head = f"{len(studies)} reports ({counted}), one study each; 95 % Clopper-Pearson intervals."
    tables = (_written(studies), _authors(studies), _probes(studies))
    return "\n\n".join((head, *("\n".join(rows) for rows in tables)))


def share_text(n: int, of: int) -> str:
    """``3 of 200 (1.5 %, 0.3 to 4.3)``."""
    if not of:
        return _DASH
    share = Share(n, of)
    low, high = (100 * end for end in share.interval())
    return f"{n} of {of} ({100 * share.value:.1f} %, {low:.1f} to {high:.1f})"


def _written(studies: Sequence[JudgedStudy]) -> Iterator[str]:
    """Yield the table of the three roads."""
    texts = {
        how: [one for study in studies for one in study.judged if one.how is how] for how in How
    }

    def row(name: str, share: Callable[[list[Judged]], tuple[int, int]]) -> str:
        cells = (share_text(*share(texts[how])) for how in How)
        return f"| {name} | {' | '.join(cells)} |"

    yield "| | free | under the laws of decoding | as printed |"
    yield "|---|---|---|---|"
    yield row("numbers equal to the measurements", _numbers)
    yield row("hallucinated findings, of judging sentences", _hallucinated)
    for task in TELLING:
        yield row(f"abnormal findings omitted, {_NAMES[task]}", _only(task, _omitted))
    for task in (*_PARTS, Task.ANSWER):
        yield row(f"confirmed, {_NAMES[task]}", _only(task, _confirmed))
    for task in _PARTS:
        yield row(f"name all they must, {_NAMES[task]}", _only(task, _complete))
    yield row("answers with the facts of the corpus's and no others", _only(Task.ANSWER, _same))
    yield row("ended by the model", _ended)
    found = sum(study.n_changed_found for study in studies)
    control = share_text(found, sum(study.n_changed for study in studies))
    yield f"| control: wrong digits that the checker finds | {_DASH} | {_DASH} | {control} |"


def _only(
    task: Task, share: Callable[[list[Judged]], tuple[int, int]]
) -> Callable[[list[Judged]], tuple[int, int]]:
    return lambda texts: share([one for one in texts if one.task is task])


def _numbers(texts: list[Judged]) -> tuple[int, int]:
    whole = sum(one.read.n_numbers for one in texts)
    return whole - sum(one.read.n_wrong_numbers for one in texts), whole


def _hallucinated(texts: list[Judged]) -> tuple[int, int]:
    return (
        sum(one.read.n_hallucinated for one in texts),
        sum(one.read.n_statements for one in texts),
    )


def _omitted(texts: list[Judged]) -> tuple[int, int]:
    return sum(one.n_omitted for one in texts), sum(len(one.findings) for one in texts)


def _confirmed(texts: list[Judged]) -> tuple[int, int]:
    return sum(one.read.is_true for one in texts), len(texts)


def _complete(texts: list[Judged]) -> tuple[int, int]:
    own = [one.complete for one in texts if one.complete is not None]
    return sum(own), len(own)


def _same(texts: list[Judged]) -> tuple[int, int]:
    return sum(one.same_facts for one in texts), len(texts)


def _ended(texts: list[Judged]) -> tuple[int, int]:
    return sum(one.finished for one in texts), len(texts)


def _authors(studies: Sequence[JudgedStudy]) -> Iterator[str]:
    """Yield who worded what is printed, and why not the model."""
    yield "| printed | worded by the model | by rules, because |"
    yield "|---|---|---|"
    for task in (*_PARTS, Task.ANSWER):
        texts = [one for study in studies for one in study.written.texts if one.task is task]
        doubts = Counter(one.doubt.value for one in texts if one.doubt is not None)
        why = ", ".join(f"{doubt} {n}" for doubt, n in doubts.most_common())
        own = share_text(len(texts) - doubts.total(), len(texts))
        yield f"| {_NAMES[task]} | {own} | {why or _DASH} |"


def _probes(studies: Sequence[JudgedStudy]) -> Iterator[str]:
    """Yield how many reports fail by what their history tries, and answers by what is asked."""
    yield "| probe | texts | free: fail | under the laws: fail | as printed: fail |"
    yield "|---|---|---|---|---|"
    for probe in Probe:
        own = [one for one in studies if one.written.probe is probe]
        failing = (sum(any(t.fails for t in one.of(how)) for one in own) for how in How)
        cells = " | ".join(share_text(n, len(own)) for n in failing)
        yield f"| history: {probe.value} | {len(own)} reports | {cells} |"
    for asked in _ASKED:
        roads = {
            how: [t for one in studies for t in one.of(how, answers=True) if t.asked == asked]
            for how in How
        }
        cells = " | ".join(
            share_text(sum(t.fails for t in own), len(own)) for own in roads.values()
        )
        yield f"| question: {asked} | {len(roads[How.FREE])} answers | {cells} |"
