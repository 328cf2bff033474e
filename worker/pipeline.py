"""The road of the data through the worker: load, segment, measure, word, report.

Knows the order of the stages; what is told of them beside the DICOM objects is
``worker.analysis_result``'s. Knows no queue, no registry and no wire: ``worker.tasks`` and
``cmr-triage analyze`` both call this.
"""

import dataclasses
import errno
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset

from plugin.domain.errors import ConfigurationError, ModelError, Reason, TransientError
from plugin.domain.findings import Assessment
from plugin.domain.recognition import Recognition
from plugin.domain.triage import Decision, Situation, default_policy
from plugin.logs import get_logger
from worker.analysis_result import RESULT_NAME, AnalysisResult, describe, figures_of, summarise
from worker.bundle import Bundle
from worker.clinical.flags import text_flags
from worker.clinical.history import told_history
from worker.earlier import Past, Recalled, Version, recall
from worker.explain import Explanation, explain, occlude
from worker.findings import assess, errors_of, load_pattern_table, reread
from worker.findings.language import load_language
from worker.findings.pattern import WITHOUT_TABLE
from worker.findings.word import Told, Writer, noted, word_report
from worker.findings.worded import worded
from worker.gate import Check, examine_contours, examine_pictures, notes
from worker.model.language.study import study_features
from worker.model.language.views import FurtherViews, further_views, learnt_views
from worker.model.language.vision import StudyFeatures
from worker.model.types import Segmentation
from worker.report import AnalysisIdentity, EarlierReport, PredecessorReport, build_results
from worker.report.viewer import write_viewer
from worker.volume import LoadedStudy, load_study
from worker.volume.types import CineStack, Float32Array, StackNote

log = get_logger(__name__)

Progress = Callable[[str, float], None]
"""Called with a stage's name and how much of it is done (0 to 1)."""

STAGES = ("load", "segment", "measure", "report")
EXPLAIN_STAGE = "explain"
"""Only when occlusion is asked for."""
LANGUAGE_STAGE = "language"
"""Only with a language model."""
RECOGNISE_STAGE = "recognise"
"""Only when recognition is asked for."""
VIEWS_STAGE = "views"
"""Only where images are read by a bundle that has learnt further views."""


class Segmenter(Protocol):
    """What the pipeline needs of a vision tower."""

    bundle: Bundle

    def segment(
        self, stack: CineStack, on_progress: Callable[[float], None] | None = None
    ) -> Segmentation:
        """Label every frame of ``stack``."""
        ...

    def feature_maps(self, images: Float32Array) -> Float32Array | None:
        """Return feature maps of single images; asked only by bundles that read further views."""
        ...


class Recogniser(Protocol):
    """What holds a study to descriptions; ``worker.model.language.recognition`` has one."""

    measurement_keys: tuple[str, ...]

    def recognise(self, study: StudyFeatures) -> Recognition:
        """Return the margin of every category."""
        ...


@dataclass(frozen=True, slots=True)
class MeasuredStudy:
    """What was measured on the images of one study, before anything is written.

    Attributes
    ----------
    loaded
        The study; among the notes of its stack are what the gate flagged and the bundle lacks.
    assessment
        Its sentences are in English.
    explanation, checks, decision
        As in ``AnalysisResult``.
    earlier
        The report that is compared with, where an archive may have it.
    views
        What was read beside the short axis, where anything was to be.
    """

    loaded: LoadedStudy
    segmentation: Segmentation
    assessment: Assessment
    explanation: Explanation | None
    checks: tuple[Check, ...]
    decision: Decision
    earlier: EarlierReport | None = None
    views: FurtherViews | None = None


class Stopwatch:
    """Wall time per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, on_progress: Progress) -> Iterator[None]:
        """Time a stage and tell its beginning and end."""
        on_progress(name, 0.0)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - started, 3)
        on_progress(name, 1.0)


def analyse_paths(  # noqa: PLR0913 - the inputs of an analysis, all of them optional after three
    paths: Iterable[Path],
    segmenter: Segmenter,
    out_folder: Path,
    *,
    software_version: str,
    predecessor: PredecessorReport | None = None,
    previous_digest: str | None = None,
    created_at: datetime | None = None,
    report_language: str = "en",
    segmentation_phases: str = "ends",
    writer: Writer | None = None,
    language_seconds: float = 20.0,
    recogniser: Recogniser | None = None,
    situation: Situation | None = None,
    past: Past | None = None,
    with_occlusion: bool = False,
    with_viewer: bool = False,
    on_progress: Progress | None = None,
) -> AnalysisResult:
    """Analyse one study and write its result objects into ``out_folder``.

    Parameters
    ----------
    paths
        DICOM files of one study, in any order.
    predecessor
        The report that this one supersedes; named in the SR.
    previous_digest
        Input digest of the result in force; when the images give the same one, nothing is computed.
    created_at
        Aware time that the result objects show; now, when None. The same one gives the same bytes.
    report_language
        Code of the language of the report's sentences; the pages are in English.
    segmentation_phases
        Which phases the Segmentation holds: ``ends`` or ``all``.
    writer
        The language model that words the report; None: by rules.
    language_seconds
        Time that it has; what is not written by then is worded by rules.
    recogniser
        Tells in ``result.json`` which described categories the study resembles; nothing else
        reads that. None: nobody asked.
    situation
        What the triage policy decides by besides the result; None: only the policy that ships.
    past
        Earlier results to compare with; None: nobody knows of any.
    with_occlusion
        Also hide parts of the images from the tower, see ``worker.explain.occlude``; it takes
        longer than the rest.
    with_viewer
        Also write what the pages play the cine from, see ``worker.report.viewer``.

    Raises
    ------
    StudyRejectedError
        The images cannot be analysed.
    ModelError
        The model's answer is unusable.
    TransientError
        The disk is full.
    ConfigurationError
        ``out_folder`` cannot be written.
    """
    tell = on_progress or _silent
    watch = Stopwatch()
    with watch.stage("load", tell):
        loaded = load_study(paths)
    if previous_digest is not None and loaded.input_digest == previous_digest:
        return AnalysisResult(
            loaded.input_digest, unchanged=True, timings_seconds=dict(watch.seconds)
        )
    bundle = segmenter.bundle
    version = Version(f"{bundle.name} {bundle.version}", bundle.digest, software_version)
    look_back = partial(recall, version, past or Past())
    measured = _measure(loaded, segmenter, report_language, watch, tell, situation, look_back)
    if reads_views(bundle, writer, recogniser):
        with watch.stage(VIEWS_STAGE, tell):
            measured = _with_views(measured, segmenter)
    loaded, segmentation = measured.loaded, measured.segmentation
    assessment, explanation = measured.assessment, measured.explanation
    wording = None
    if writer is not None:
        with watch.stage(LANGUAGE_STAGE, tell):
            told = told_about(measured, writer, language_seconds)
            wording = word_report(assessment, load_language(report_language), writer, told)
    recognition = None
    if recogniser is not None:
        with watch.stage(RECOGNISE_STAGE, tell):
            recognition = _recognised(measured, recogniser)
    if with_occlusion and explanation is not None:
        with watch.stage(EXPLAIN_STAGE, tell):
            occlusion = occlude(
                segmenter,
                loaded.stack,
                segmentation.labels,
                assessment,
                loaded.patient,
                explanation.measurement,
                lambda fraction: tell(EXPLAIN_STAGE, fraction),
            )
        explanation = dataclasses.replace(explanation, occlusion=occlusion)
    identity = AnalysisIdentity(
        software_version=software_version,
        bundle_name=bundle.name,
        bundle_version=bundle.version,
        bundle_digest=bundle.digest,
        input_digest=loaded.input_digest,
        predecessor=predecessor,
        created_at=created_at or datetime.now(tz=UTC),
        report_language=report_language,
        segmentation_phases=segmentation_phases,
        earlier=measured.earlier,
    )
    with watch.stage("report", tell), _writing(out_folder):
        shown = assessment if wording is None else noted(assessment, wording)
        objects = tuple(
            build_results(loaded, segmentation, shown, identity, out_folder, wording, explanation)
        )
        if with_viewer:
            write_viewer(loaded.stack, segmentation.labels, assessment, out_folder)
    assessment = worded(assessment, report_language)
    result = AnalysisResult(
        input_digest=loaded.input_digest,
        assessment=assessment,
        objects=objects,
        summary=summarise(assessment, watch.seconds),
        timings_seconds=dict(watch.seconds),
        explanation=explanation,
        checks=measured.checks,
        wording=wording,
        recognition=recognition,
        views=measured.views.readings if measured.views else (),
        decision=measured.decision,
        figures=figures_of(assessment, measured.checks, identity),
    )
    with _writing(out_folder):
        text = json.dumps(describe(loaded, identity, result), indent=1)
        (out_folder / RESULT_NAME).write_text(text, encoding="utf-8")
    return result


def measure_paths(
    paths: Iterable[Path], segmenter: Segmenter, writer: Writer | None = None
) -> MeasuredStudy:
    """Load and measure one study, as ``writer`` wants to be told of it, and write nothing.

    Raises
    ------
    StudyRejectedError, ModelError
        As ``analyse_paths``.
    """
    measured = _measure(load_study(paths), segmenter, "en", Stopwatch(), _silent)
    return _with_views(measured, segmenter) if reads_views(segmenter.bundle, writer) else measured


def reads_views(bundle: Bundle, writer: Writer | None, recogniser: object = None) -> bool:
    """Tell whether further views are read: anyone reads images, and the bundle has learnt some."""
    reads = recogniser is not None or (writer is not None and writer.reads_images)
    return reads and bool(learnt_views(bundle))


def _with_views(measured: MeasuredStudy, segmenter: Segmenter) -> MeasuredStudy:
    """Read further views of a study; a failure of that fails no analysis."""
    loaded, found = measured.loaded, measured.segmentation
    try:
        views = further_views(loaded.further, loaded.stack, found, measured.assessment, segmenter)
    except ModelError as error:
        log.warning("views_failed", reason=error.reason)
        return measured
    return dataclasses.replace(measured, views=views)


def told_about(measured: MeasuredStudy, writer: Writer, seconds: float) -> Told:
    """Return what a language model is told of a study besides its evidence."""
    features = _features(measured, writer.measurement_keys) if writer.reads_images else None
    return Told(told_history(measured.loaded.clinical), features, seconds)


def _recognised(measured: MeasuredStudy, recogniser: Recogniser) -> Recognition | None:
    """Hold a study to descriptions; a failure of that fails no analysis."""
    features = _features(measured, recogniser.measurement_keys)
    if features is None:
        return None
    try:
        return recogniser.recognise(features)
    except ModelError as error:
        log.warning("recognition_failed", reason=error.reason)
        return None


def _features(measured: MeasuredStudy, keys: tuple[str, ...]) -> StudyFeatures | None:
    """Return the study as an image reader takes it; None where the tower gave no regions."""
    stack = measured.loaded.stack
    found = study_features(stack, measured.segmentation, measured.assessment, keys)
    if found is None or measured.views is None:
        return found
    return dataclasses.replace(found, views=measured.views.features)


def _measure(
    loaded: LoadedStudy,
    segmenter: Segmenter,
    report_language: str,
    watch: Stopwatch,
    tell: Progress,
    situation: Situation | None = None,
    look_back: Callable[[Dataset, Assessment], Recalled] | None = None,
) -> MeasuredStudy:
    """Segment, measure, compare and triage, and hold images, contours and text to their checks."""
    with watch.stage("segment", tell):
        checks = examine_pictures(loaded.stack)
        segmentation = segmenter.segment(
            loaded.stack, on_progress=lambda fraction: tell("segment", fraction)
        )
    with watch.stage("measure", tell):
        checks += examine_contours(loaded.stack, segmentation, segmenter.bundle)
        table = load_pattern_table(segmenter.bundle)
        missing = () if table is not None else (WITHOUT_TABLE,)
        loaded = _with_notes(loaded, (*notes(checks), *missing))
        measured = assess(
            loaded.stack,
            segmentation,
            loaded.patient,
            standard_errors=errors_of(segmenter.bundle.manifest),
            pattern_table=table,
        )
        recalled = look_back(loaded.reference, measured) if look_back else Recalled()
        measured = dataclasses.replace(measured, comparison=recalled.comparison)
        decision = (situation or Situation(default_policy())).decide(
            measured, text_flags(loaded.clinical)
        )
        measured = dataclasses.replace(measured, priority=decision.suggestion())
        assessment, disagreements = reread(measured, report_language)
        explanation = explain(loaded.stack, segmentation.labels, assessment, loaded.patient)
    for kind in sorted({one.kind for one in disagreements}):
        log.error("text_not_confirmed", kind=kind.value)
    return MeasuredStudy(
        loaded, segmentation, assessment, explanation, checks, decision, recalled.report
    )


def _with_notes(loaded: LoadedStudy, further: tuple[StackNote, ...]) -> LoadedStudy:
    """Return the study with what the gate flagged and the bundle lacks beside its stack's notes."""
    stack = loaded.stack
    noted = dataclasses.replace(stack, notes=(*stack.notes, *further))
    return dataclasses.replace(loaded, stack=noted)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Make ``folder`` and translate what the operating system says about writing there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TransientError(Reason.DISK_FULL) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EPERM):
            raise ConfigurationError(Reason.OUTPUT_NOT_WRITABLE, str(folder)) from error
        raise


def _silent(_stage: str, _fraction: float) -> None:
    """Tell nobody."""
