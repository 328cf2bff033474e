"""How often a bundle's language model has the words, and how long it takes to find them.

``python -m tests.benchmarks.wording_cost --bundle DIR --studies 100`` words made-up studies that no
corpus holds, each with the history of one of its requests (planted numbers, contradictions and
orders among them), and prints per language and part how many passed, why the rest did not, and
seconds per report, of the clock and of the processor. ``--show N`` prints the first N reports.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import structlog

from plugin.domain.wording import Author
from worker.bundle import load_bundle
from worker.findings.language import load_language
from worker.findings.word import Told, word_report
from worker.model.language.vocabulary import LANGUAGES, Task
from worker.model.language.writer import LanguageWriter, open_writer
from worker.training.language.corpus import records, study_of

_FAR_SEED = 990_000


def measure(writer: LanguageWriter, seed: int, n_studies: int, n_shown: int) -> dict[str, object]:
    """Word studies in every language and count."""
    histories = {
        (one.id.split("-")[0], one.language): one.history
        for one in records(seed, n_studies)
        if one.task is Task.IMPRESSION and one.history
    }
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    for index in range(n_studies):
        assessment = study_of(seed, index).assessment
        for code in LANGUAGES:
            told = Told(histories.get((str(index), code), ""), None, float("inf"))
            begun, cpu = time.perf_counter(), time.process_time()
            wording = word_report(assessment, load_language(code), writer, told)
            seconds.append(time.perf_counter() - begun)
            cpu_seconds.append(time.process_time() - cpu)
            for one in wording.passages:
                taken = one.author is Author.LANGUAGE_MODEL
                counts[f"{code} {one.part.value} {'taken' if taken else one.doubt}"] += 1
            if index < n_shown:
                print(f"--- {code} {index}: {told.history}")
                for one in wording.passages:
                    words = " ".join(statement.text for statement in one.statements)
                    print(f"{one.part.value} ({one.author.value}): {words}")
    seconds.sort()
    cpu_seconds.sort()
    return {
        "studies": n_studies,
        "seconds_per_report_median": round(seconds[len(seconds) // 2], 2),
        "seconds_per_report_worst": round(seconds[-1], 2),
        "cpu_seconds_per_report_median": round(cpu_seconds[len(seconds) // 2], 2),
        "cpu_seconds_per_report_worst": round(cpu_seconds[-1], 2),
        **dict(sorted(counts.items())),
    }


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure a bundle's wording.")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seed", type=int, default=_FAR_SEED)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args()
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    writer = open_writer(load_bundle(given.bundle), threads=given.threads)
    if writer is None:
        parser.error("this bundle has no language model")
    print(json.dumps(measure(writer, given.seed, given.studies, given.show), indent=1))


if __name__ == "__main__":
    _main()
