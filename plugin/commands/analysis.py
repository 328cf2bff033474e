"""``analyze``: one folder of DICOM in, report and images out; no node, no queue, no registry."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin.commands.terminal import JsonOption, print_table
from plugin.domain.errors import ModelError, Reason, StudyRejectedError

if TYPE_CHECKING:
    from plugin.domain.comparison import Comparison
    from plugin.domain.findings import Assessment, Measurement
    from plugin.domain.wording import Wording
    from worker.analysis_result import AnalysisResult
    from worker.bundle import Bundle
    from worker.explain import Explanation
    from worker.model.language.recognition import StudyRecogniser
    from worker.volume.views import ViewReading

_SHOWN = (
    "lv_ejection_fraction",
    "lv_end_diastolic_volume",
    "lv_end_systolic_volume",
    "lv_stroke_volume",
    "lv_mass",
    "cardiac_output",
    "rv_ejection_fraction",
    "rv_end_diastolic_volume",
    "rv_end_systolic_volume",
    "maximal_wall_thickness",
)


class Device(StrEnum):
    """Where the model runs."""

    CPU = "cpu"
    CUDA = "cuda"


def analyze(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY_DIR",
            exists=True,
            help="Folder with the DICOM files of one study (or one file); subfolders are read too.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results.")
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            envvar="CMR_TRIAGE_WORKER__BUNDLE",
            help="Name of a model bundle that came with the software, or a folder; without it "
            "acdc-unet.",
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model runs: cpu or cuda.")] = Device.CPU,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0 takes all processors.")] = 0,
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    language_model: Annotated[
        bool,
        typer.Option(help="Let the bundle's language model, where it has one, word the report."),
    ] = True,
    prior: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RESULT",
            exists=True,
            help="Earlier result of the same patient to compare with: its folder or result.json, "
            "with the report beside it; may be given several times.",
        ),
    ] = None,
    all_phases: Annotated[
        bool,
        typer.Option(
            "--all-phases",
            help="Write every phase into the Segmentation, not end-diastole and end-systole only.",
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show what the first finding rests on, and hide parts of the images from the "
            "model to see how its value answers (takes longer than the analysis).",
        ),
    ] = False,
    recognise: Annotated[
        bool,
        typer.Option(
            "--recognise",
            help="Tell which described categories the study resembles; no report rests on it.",
        ),
    ] = False,
    categories: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of those categories (TOML); without it the ones that ship."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse a folder of DICOM offline: writes the SR, the images and result.json.

    Exit codes: 0 done, 2 wrong use or set-up, 3 the study cannot be analysed,
    4 the model or its answer is unusable, 5 try again (disk full).
    A sentence on standard error says why.
    """
    result = _run(
        study,
        out,
        bundle,
        device,
        threads,
        language,
        prior or [],
        language_model=language_model,
        all_phases=all_phases,
        explain=explain,
        recognise=recognise or categories is not None,
        categories=categories,
    )
    if as_json:
        from worker.analysis_result import RESULT_NAME

        typer.echo((out / RESULT_NAME).read_text(encoding="utf-8").rstrip())
    elif result.assessment is not None:
        _print(result, result.assessment, out)
        if explain:
            print_explanation(result.explanation)


def _run(
    study: Path,
    out: Path,
    bundle: Path | None,
    device: Device,
    threads: int,
    language: str,
    prior: list[Path],
    *,
    language_model: bool,
    all_phases: bool,
    explain: bool,
    recognise: bool,
    categories: Path | None,
) -> "AnalysisResult":
    from importlib.metadata import version

    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from worker.bundle import load_bundle
    from worker.earlier import EarlierFolder, Past, folder_of
    from worker.findings.language import load_language
    from worker.measuring import reads_views
    from worker.model.language.writer import open_writer
    from worker.model.tower import SegmentationTower
    from worker.pipeline import analyse_paths
    from worker.stages import (
        EXPLAIN_STAGE,
        LANGUAGE_STAGE,
        RECOGNISE_STAGE,
        STAGES,
        VIEWS_STAGE,
    )

    load_language(language)
    paths = dicom_files(study)
    loaded = load_bundle(bundle)
    tower = SegmentationTower(loaded, device=device.value, threads=threads)
    writer = open_writer(loaded, device.value, threads) if language_model else None
    recogniser = _recogniser(loaded, categories, device, threads) if recognise else None
    further = {
        VIEWS_STAGE: reads_views(loaded, writer, recogniser),
        EXPLAIN_STAGE: explain,
        LANGUAGE_STAGE: writer is not None,
        RECOGNISE_STAGE: recognise,
    }
    stages = (*STAGES[:-1], *(stage for stage, on in further.items() if on), STAGES[-1])
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        bars = {stage: progress.add_task(stage, total=1.0, start=False) for stage in stages}

        def tell(stage: str, fraction: float) -> None:
            if fraction <= 0:
                progress.start_task(bars[stage])
            progress.update(bars[stage], completed=fraction)

        return analyse_paths(
            paths,
            tower,
            out,
            software_version=version("cmr-triage"),
            report_language=language,
            segmentation_phases="all" if all_phases else "ends",
            writer=writer,
            recogniser=recogniser,
            past=Past(tuple(EarlierFolder(folder_of(one), is_vouched=True) for one in prior)),
            with_occlusion=explain,
            on_progress=tell,
        )


def _recogniser(
    bundle: "Bundle", categories: Path | None, device: Device, threads: int
) -> "StudyRecogniser":
    from worker.model.language.categories import read_categories
    from worker.model.language.recognition import open_recogniser

    found = open_recogniser(bundle, read_categories(categories), device.value, threads)
    if found is None:
        raise ModelError(Reason.NO_RECOGNITION, f"{bundle.name} {bundle.version}")
    return found


def dicom_files(study: Path) -> list[Path]:
    """List the files of a study; hidden ones and a DICOMDIR are no images.

    Raises
    ------
    StudyRejectedError
        If there is none.
    """
    if study.is_file():
        return [study]
    found = sorted(
        path
        for path in study.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "DICOMDIR"
    )
    if not found:
        raise StudyRejectedError(Reason.NO_READABLE_INSTANCE, str(study))
    return found


def _print(result: "AnalysisResult", assessment: "Assessment", out: Path) -> None:
    measured = [assessment.measurement(key) for key in _SHOWN]
    print_table(
        "AI, not verified by a physician, not for diagnosis",
        ("measurement", "value", "unit", "normal range", "uncertainty"),
        (_row(measurement) for measurement in measured if measurement is not None),
    )
    for sentence in (*assessment.impression, assessment.priority.sentence):
        if sentence:
            typer.echo(sentence)
    for note in assessment.quality:
        typer.echo(f"Note: {note.sentence}")
    if assessment.comparison is not None:
        _print_comparison(assessment, assessment.comparison)
    if result.wording is not None:
        _print_wording(result.wording)
    if result.recognition is not None:
        print_table(
            "Resembles (experimental)",
            ("described as", "margin"),
            ((one.name, f"{one.margin:+.2f}") for one in result.recognition.resemblances),
            caption=result.recognition.notice,
        )
    for view in result.views:
        typer.echo(f"{view.role.replace('_', ' ')}: {_reading(view)}")
    typer.echo(f"Written to {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    seconds = json.dumps(result.timings_seconds).strip("{}").replace('"', "")
    typer.echo(f"Seconds: {seconds}")


def _reading(view: "ViewReading") -> str:
    """Say what became of a series beside the short axis."""
    if view.left_out is not None:
        return f"not read ({view.left_out.replace('_', ' ')})"
    return f"{view.n_images} image(s) read; nothing is measured in them"


def _print_comparison(assessment: "Assessment", comparison: "Comparison") -> None:
    """Print each value beside that of the earlier result, and what is to be known of it."""
    from worker.findings.compared import summary_sentences
    from worker.findings.language import load_language

    latest = comparison.latest
    if latest is not None:
        names = {one.key: one.name for one in assessment.measurements}
        print_table(
            f"beside the result of {latest.day} ({latest.days} days before)",
            ("measurement", "now", "before", "difference", "uncertainty of both", "unit"),
            (
                (
                    names[one.key],
                    f"{one.now:.1f}",
                    f"{one.before:.1f}",
                    f"{one.difference:+.1f}",
                    "" if one.limit is None else f"{one.limit:.1f}",
                    one.unit,
                )
                for one in comparison.changes
            ),
        )
    for sentence in summary_sentences(comparison, load_language("en")):
        typer.echo(sentence)


def _print_wording(wording: "Wording") -> None:
    """Print each part with whose words it is made of."""
    for passage in wording.passages:
        author = passage.author.value.replace("_", " ")
        doubt = "" if passage.doubt is None else f", the language model's: {passage.doubt.value}"
        words = " ".join(statement.text for statement in passage.statements)
        typer.echo(f"{passage.part.value.capitalize()} (words by {author}{doubt}): {words}")


def print_explanation(explanation: "Explanation | None") -> None:
    """Print what a value owes to slices, segments and phases, and what hiding them does."""
    if explanation is None:
        typer.echo("No explanation: the value of the first finding cannot be taken apart.")
        return
    title = f"{explanation.measurement} = {explanation.value:.1f} {explanation.unit} rests on"
    own = "adds" if explanation.adds_up else "thickest"
    occlusion = explanation.occlusion
    hidden = (
        {}
        if occlusion is None
        else {(part.kind, part.index): part.value for part in occlusion.parts}
    )
    print_table(
        title,
        ("part", own, "value without it", "value with it hidden from the model"),
        (
            (
                _part_name(part.kind.value, part.index),
                _number(part.own),
                _number(part.without),
                _number(hidden.get((part.kind, part.index))),
            )
            for part in explanation.parts
        ),
    )
    if occlusion is not None:
        typer.echo(
            f"With nothing hidden the model's two phases alone give {occlusion.unhidden:.1f} "
            f"{explanation.unit}; it looked {occlusion.n_passes} times. The model redraws much of "
            "what is hidden from the slices beside it: read the last column as a look, not a proof."
        )


def _part_name(kind: str, index: int) -> str:
    """Name a part as people count: slices and phases from 1; segment 0 is no segment."""
    if kind == "segment":
        from worker.findings.definitions import SEGMENT_NAMES

        return f"segment {index}, {SEGMENT_NAMES[index]}" if index else "in no segment"
    return f"{kind} {index + 1}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _row(measurement: "Measurement") -> tuple[Any, ...]:
    ranges = "; ".join(
        f"{_bound(item.low)} to {_bound(item.high)} ({item.population})"
        for item in measurement.normal_ranges
    )
    interval = measurement.interval
    around = "" if interval is None else f"{interval[0]:.0f} to {interval[1]:.0f}"
    return measurement.name, f"{measurement.value:.1f}", measurement.unit, ranges, around


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"
