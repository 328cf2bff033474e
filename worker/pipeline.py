"""The road of the data through the worker: load, measure, word, report.

Knows the order of the stages; measuring is ``worker.measuring``, what is told of an analysis beside
the DICOM objects ``worker.analysis_result``. Knows no queue, no registry and no wire:
``worker.tasks`` and ``cmr-triage analyze`` both call this.
"""

import dataclasses
import errno
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from plugin.domain.errors import ConfigurationError, ModelError, Reason, TransientError
from plugin.domain.recognition import Recognition
from plugin.domain.triage import Situation
from plugin.logs import get_logger
from worker.analysis_result import RESULT_NAME, AnalysisResult, describe, figures_of, summarise
from worker.clinical.history import told_history
from worker.earlier import Past, Version, recall
from worker.explain import Explanation, occlude
from worker.findings.language import load_language
from worker.findings.word import Told, Writer, noted, word_report
from worker.findings.worded import worded
from worker.measuring import MeasuredStudy, Segmenter, measure, reads_views, with_views
from worker.model.language.study import study_features
from worker.model.language.vision import StudyFeatures
from worker.report import AnalysisIdentity, PredecessorReport, build_results
from worker.report.identity import digest_of
from worker.report.viewer import write_viewer
from worker.series import attributes as read
from worker.stages import (
    EXPLAIN_STAGE,
    LANGUAGE_STAGE,
    RECOGNISE_STAGE,
    VIEWS_STAGE,
    Progress,
    Stopwatch,
    silent,
)
from worker.volume import LoadedStudy, load_study

log = get_logger(__name__)

_WHOSE = ("PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")


class Recogniser(Protocol):
    """What holds a study to descriptions; ``worker.model.language.recognition`` has one."""

    measurement_keys: tuple[str, ...]

    def recognise(self, study: StudyFeatures) -> Recognition:
        """Return the margin of every category."""
        ...


def analyse_paths(  # noqa: PLR0913 - the inputs of an analysis, all of them optional after three
    paths: Iterable[Path],
    segmenter: Segmenter,
    out_folder: Path,
    *,
    software_version: str,
    predecessor: PredecessorReport | None = None,
    previous_digest: str | None = None,
    generation: int = 1,
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
        Input digest of the result in force; when the study gives the same one, nothing is computed.
    generation
        Of the study: what another one made has other UIDs.
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
    tell = on_progress or silent
    watch = Stopwatch()
    with watch.stage("load", tell):
        loaded = load_study(paths)
    input_digest = digest_of_input(loaded)
    if input_digest == previous_digest:
        return AnalysisResult(input_digest, unchanged=True, timings_seconds=dict(watch.seconds))
    bundle = segmenter.bundle
    version = Version(f"{bundle.name} {bundle.version}", bundle.digest, software_version)
    look_back = partial(recall, version, past or Past())
    measured = measure(loaded, segmenter, report_language, watch, tell, situation, look_back)
    if reads_views(bundle, writer, recogniser):
        with watch.stage(VIEWS_STAGE, tell):
            measured = with_views(measured, segmenter)
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
            explanation = _with_occlusion(explanation, measured, segmenter, tell)
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
        generation=generation,
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
        input_digest=input_digest,
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


def digest_of_input(loaded: LoadedStudy) -> str:
    """Identify what a result says and of whom: images, what is measured against, whose they are.

    Spaces and carets of a name do not count: archives write them differently.
    """
    with read.without_complaints():
        whose = [read.text(loaded.reference, keyword) for keyword in _WHOSE]
        name = " ".join(read.text(loaded.reference, "PatientName").replace("^", " ").split())
    about = json.dumps([loaded.input_digest, dataclasses.astuple(loaded.patient), name, *whose])
    return digest_of(about.encode())


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


def _with_occlusion(
    explanation: Explanation, measured: MeasuredStudy, segmenter: Segmenter, tell: Progress
) -> Explanation:
    """Hide parts of the images from the tower, and add what that changes."""
    occlusion = occlude(
        segmenter,
        measured.loaded.stack,
        measured.segmentation.labels,
        measured.assessment,
        measured.loaded.patient,
        explanation.measurement,
        lambda fraction: tell(EXPLAIN_STAGE, fraction),
    )
    return dataclasses.replace(explanation, occlusion=occlusion)


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
