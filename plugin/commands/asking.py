"""``ask``: a question about one study, answered from what was measured on it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.analysis import Device, dicom_files
from plugin.commands.studies import find_study
from plugin.commands.terminal import (
    ConfigOption,
    JsonOption,
    load,
    open_registry,
    print_json,
    print_table,
)
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.wording import Author

if TYPE_CHECKING:
    from plugin.domain.findings import Assessment
    from worker.findings.answer import Answer

_NOTICE = "AI, not verified by a physician, not for diagnosis"
_AUTHORS = {
    Author.LANGUAGE_MODEL: "Worded by a language model, checked against the measurements.",
    Author.RULES: "Found by the words of the question, without a language model.",
}


def ask(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="Folder (or file) of DICOM; or a received study that was reported, by Study "
            "Instance UID (or its unique beginning or end), accession number or patient ID.",
        ),
    ],
    question: Annotated[
        str,
        typer.Argument(
            help="One short question, English or Chinese; - reads it from standard input, so that "
            "neither the shell nor the system's list of processes shows it."
        ),
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Model bundle; without it that of the settings."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model runs: cpu or cuda.")] = Device.CPU,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0 takes all processors.")] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask about one study; answers from its measurements and names them, or says it cannot tell.

    A folder is measured first, as by analyze; of a received study the stored result is read. The
    question is never logged or stored.
    """
    words = sys.stdin.read() if question == "-" else question
    answer = _answer(study, words, bundle, device, threads, config)
    if as_json:
        print_json({"notice": _NOTICE, **asdict(answer)})
        return
    for statement in answer.passage.statements:
        typer.echo(statement.text)
    print_table(
        f"Evidence. {_NOTICE}", ("key", "fact"), ((fact.key, fact.text) for fact in answer.facts)
    )
    typer.echo(_AUTHORS[answer.passage.author])


def _answer(
    study: str,
    question: str,
    bundle: Path | None,
    device: Device,
    threads: int,
    config: Path | None,
) -> "Answer":
    from worker.bundle import load_bundle
    from worker.findings.answer import checked_question
    from worker.model.language.writer import open_writer
    from worker.model.tower import SegmentationTower
    from worker.questions import answer_about, answer_about_files

    question = checked_question(question)
    settings = load(config).worker
    loaded = load_bundle(bundle or settings.bundle or None)
    writer = open_writer(loaded, device.value, threads)
    if not Path(study).exists():
        return answer_about(_stored(study, config), question, writer)
    paths = dicom_files(Path(study))
    tower = SegmentationTower(loaded, device=device.value, threads=threads)
    return answer_about_files(paths, tower, question, writer)


def _stored(study: str, config: Path | None) -> "Assessment":
    """Return the assessment of the result that stands for a received study."""
    from plugin.domain.findings import Assessment

    with open_registry(config) as registry:
        job = registry.jobs.last_reported(find_study(registry, study).id)
        if job is None:
            raise ConfigurationError(Reason.NOT_FOUND, "no result of this study")
        objects = registry.jobs.result_objects(job.id)
    try:
        text = (Path(objects[0].path).parent / "result.json").read_text(encoding="utf-8")
    except (OSError, IndexError) as error:
        raise ConfigurationError(Reason.RESULT_MISSING) from error
    return Assessment.from_json(json.dumps(json.loads(text)["assessment"]))
