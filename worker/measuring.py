"""From the images of a study to what was measured: segment, measure, compare, triage, check.

Writes nothing. What words it and makes objects of it is ``worker.pipeline``; questions, site
training and acceptance begin here too.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset

from plugin.domain.errors import ModelError
from plugin.domain.findings import Assessment
from plugin.domain.triage import Decision, Situation, default_policy
from plugin.logs import get_logger
from worker.bundle import Bundle
from worker.clinical.flags import text_flags
from worker.earlier import Recalled
from worker.explain import Explanation, explain
from worker.findings import assess, errors_of, load_pattern_table, reread
from worker.findings.pattern import WITHOUT_TABLE
from worker.findings.word import Writer
from worker.gate import Check, examine_contours, examine_pictures, notes
from worker.model.language.views import FurtherViews, further_views, learnt_views
from worker.model.types import Segmentation
from worker.report import EarlierReport
from worker.stages import Progress, Stopwatch, silent
from worker.volume import LoadedStudy, load_study
from worker.volume.types import CineStack, Float32Array, StackNote

log = get_logger(__name__)


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


def measure_paths(
    paths: Iterable[Path], segmenter: Segmenter, writer: Writer | None = None
) -> MeasuredStudy:
    """Load and measure one study, as ``writer`` wants to be told of it, and write nothing.

    Raises
    ------
    StudyRejectedError, ModelError
        As ``analyse_paths``.
    """
    measured = measure(load_study(paths), segmenter, "en", Stopwatch(), silent)
    return with_views(measured, segmenter) if reads_views(segmenter.bundle, writer) else measured


def reads_views(bundle: Bundle, writer: Writer | None, recogniser: object = None) -> bool:
    """Tell whether further views are read: anyone reads images, and the bundle has learnt some."""
    reads = recogniser is not None or (writer is not None and writer.reads_images)
    return reads and bool(learnt_views(bundle))


def with_views(measured: MeasuredStudy, segmenter: Segmenter) -> MeasuredStudy:
    """Read further views of a study; a failure of that fails no analysis."""
    loaded, found = measured.loaded, measured.segmentation
    try:
        views = further_views(loaded.further, loaded.stack, found, measured.assessment, segmenter)
    except ModelError as error:
        log.warning("views_failed", reason=error.reason)
        return measured
    return dataclasses.replace(measured, views=views)


def measure(
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
