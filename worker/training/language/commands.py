"""``cmr-triage train fidelity``; mounted by the command line with the other training commands."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from worker.bundle import load_bundle
from worker.training.language.acceptability import (
    Verdict,
    acceptability_tables,
    judge_report,
    sheet,
)
from worker.training.language.corpus import study_of
from worker.training.language.dictation import (
    open_dictating_writer,
    read_studies,
    write_studies,
)
from worker.training.language.fidelity import How, JudgedStudy, judge_studies
from worker.training.language.fidelity_table import fidelity_tables

TABLES_NAME, FAILURES_NAME, SHEET_NAME = "fidelity.md", "failures.txt", "reports.md"


def fidelity(
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder; a run in it goes on.")],
    studies: Annotated[int, typer.Option(min=1, help="Made-up studies to write about.")] = 20,
    seed: Annotated[int, typer.Option(help="Another seed than the corpus learnt from.")] = 7,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0 for all.")] = 0,
    show: Annotated[int, typer.Option(min=0, help="Printed reports to write for reading.")] = 20,
) -> None:
    """Let a bundle write about made-up studies, and read free, lawful and printed text again.

    Writes fidelity.md (the tables), failures.txt (what is not so) and reports.md (to grade by eye).
    """
    opened = load_bundle(bundle)
    writer = open_dictating_writer(opened, threads)
    for _ in tqdm(write_studies(writer, opened.digest, seed, studies, out), unit="study"):
        pass
    judged = list(judge_studies(read_studies(out)[:studies], seed))
    verdicts = [
        judge_report(one.written, study_of(seed, one.written.index).assessment) for one in judged
    ]
    graded = [
        (one.written.language, verdict) for one, verdict in zip(judged, verdicts, strict=True)
    ]
    head = f"{opened.name} {opened.version}, seed {seed}"
    text = "\n\n".join((head, fidelity_tables(judged), acceptability_tables(graded)))
    (out / TABLES_NAME).write_text(f"{text}\n", encoding="utf-8")
    shown = [one.written for one in judged[:show]]
    (out / SHEET_NAME).write_text(sheet(shown), encoding="utf-8")
    _write_failures(judged, verdicts, out / FAILURES_NAME)
    typer.echo(text)


def _write_failures(judged: list[JudgedStudy], verdicts: list[Verdict], path: Path) -> None:
    """Write every text that a reader doubts, and every fault of a printed report."""
    with path.open("w", encoding="utf-8") as file:
        for study, verdict in zip(judged, verdicts, strict=True):
            name = f"{study.written.index} {study.written.language} {study.written.probe}"
            if verdict.faults:
                file.write(f"{name} printed report: {verdict.grade}: {', '.join(verdict.faults)}\n")
            for how in How:
                for one in (*study.of(how), *study.of(how, answers=True)):
                    if one.fails:
                        why = ", ".join(one.read.problems) or "omitted or off the question"
                        file.write(f"{name} {one.task} {one.asked} {how} {why}: {one.text}\n")
