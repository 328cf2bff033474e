"""What one analysis gave, and how ``result.json`` and the lists tell it.

Knows no stage and no order of work; who computes is ``worker.pipeline``.
"""

import dataclasses
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from plugin.domain.findings import Assessment
from plugin.domain.quality.facts import ResultFigures
from plugin.domain.recognition import Recognition
from plugin.domain.triage import Decision
from plugin.domain.wording import Wording
from worker.clinical.inventory import inventory
from worker.explain import Explanation
from worker.gate import Check
from worker.report import AnalysisIdentity, ResultFile
from worker.report.identity import NOT_VERIFIED
from worker.volume import LoadedStudy
from worker.volume.views import ViewReading

RESULT_NAME = "result.json"


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What one analysis gave.

    Attributes
    ----------
    input_digest
        Of the used images and of whom they are of; equal digests mean an equal result.
    assessment, objects
        None and empty when the images are those of the previous result (``unchanged``).
    summary
        The few numbers that lists and the status page show.
    timings_seconds
        Wall time per stage.
    explanation
        What the first finding rests on; None when its value cannot be taken apart.
    checks
        What every layer of the gate measured.
    wording
        What the language model worded, and where its words were not taken; None without one.
    recognition
        Which described categories the study resembles; None where nobody asked.
    views
        What became of each series beside the short axis, where the bundle reads such.
    decision
        What the triage policy made of the result.
    figures
        What the figures of quality keep of it.
    """

    input_digest: str
    unchanged: bool = False
    assessment: Assessment | None = None
    objects: tuple[ResultFile, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)
    timings_seconds: dict[str, float] = field(default_factory=dict)
    explanation: Explanation | None = None
    checks: tuple[Check, ...] = ()
    wording: Wording | None = None
    recognition: Recognition | None = None
    views: tuple[ViewReading, ...] = ()
    decision: Decision | None = None
    figures: ResultFigures | None = None


def figures_of(
    assessment: Assessment, checks: tuple[Check, ...], identity: AnalysisIdentity
) -> ResultFigures:
    """Return what the figures of quality keep: whole measurements, every number of the gate."""
    values = {one.key: one.value for one in assessment.measurements if one.segment is None}
    values |= {f"{one.layer.value}.{one.quantity}": float(one.measured) for one in checks}
    pattern = assessment.pattern
    sure = pattern is not None and pattern.confidence_percent is not None
    return ResultFigures(
        values={key: round(value, 4) for key, value in values.items() if isfinite(value)},
        notes=tuple(note.key for note in assessment.quality),
        group=pattern.candidates[0] if pattern is not None and sure else "",
        confidence_percent=pattern.confidence_percent if pattern is not None else None,
        bundle=f"{identity.bundle_name} {identity.bundle_version}",
    )


def summarise(assessment: Assessment, timings_seconds: dict[str, float]) -> dict[str, Any]:
    """Return the few numbers that lists show; a value that was not measured is None."""

    def rounded(key: str) -> float | None:
        value = assessment.value(key)
        return None if value is None else round(value, 1)

    return {
        "lvef_percent": rounded("lv_ejection_fraction"),
        "lvedv_ml": rounded("lv_end_diastolic_volume"),
        "lvesv_ml": rounded("lv_end_systolic_volume"),
        "rvef_percent": rounded("rv_ejection_fraction"),
        "lv_mass_g": rounded("lv_mass"),
        "finding": assessment.impression[0] if assessment.impression else "",
        "priority": assessment.priority.level.value,
        "priority_reason": assessment.priority.sentence,
        "seconds": round(sum(timings_seconds.values()), 2),
    }


def describe(
    loaded: LoadedStudy, identity: AnalysisIdentity, result: AnalysisResult
) -> dict[str, Any]:
    """Return what ``result.json`` holds: no name or ID of a patient, files without a path."""
    stack = loaded.stack
    assessment = result.assessment
    return {
        "notice": NOT_VERIFIED,
        "software_version": identity.software_version,
        "bundle": {
            "name": identity.bundle_name,
            "version": identity.bundle_version,
            "digest": identity.bundle_digest,
        },
        "input_digest": result.input_digest,
        "report_language": identity.report_language,
        "summary": result.summary,
        "stack": {
            "n_phases": stack.n_phases,
            "n_slices": stack.n_slices,
            "n_rows": int(stack.pixels.shape[2]),
            "n_columns": int(stack.pixels.shape[3]),
            "row_spacing_mm": round(stack.row_spacing_mm, 4),
            "column_spacing_mm": round(stack.column_spacing_mm, 4),
            "slice_spacing_mm": round(stack.slice_spacing_mm, 4),
        },
        "series": [
            {
                "series_instance_uid": role.series_instance_uid,
                "role": role.role.value,
                "reason": role.reason,
                "n_instances": role.n_instances,
            }
            for role in loaded.series
        ],
        "objects": [
            {
                "kind": item.kind,
                "file": item.path.name,
                "sop_class_uid": item.sop_class_uid,
                "sop_instance_uid": item.sop_instance_uid,
            }
            for item in result.objects
        ],
        "clinical": inventory(loaded.clinical),
        "gate": [dataclasses.asdict(check) for check in result.checks],
        "timings_seconds": result.timings_seconds,
        "explanation": (
            None if result.explanation is None else dataclasses.asdict(result.explanation)
        ),
        "wording": None if result.wording is None else dataclasses.asdict(result.wording),
        "recognition": (
            None if result.recognition is None else dataclasses.asdict(result.recognition)
        ),
        "views": [dataclasses.asdict(reading) for reading in result.views],
        "assessment": None if assessment is None else dataclasses.asdict(assessment),
    }
