"""Our results of a hospital's studies beside its own values.

Knows the pipeline; how the comparison is shown is ``report``. One study at a time is in memory.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from PIL import Image

from plugin.domain.errors import ModelError, Reason, StudyRejectedError
from plugin.domain.findings import Priority
from plugin.domain.triage import (
    Decision,
    MeasuredValue,
    Policy,
    Situation,
    TriageInputs,
    decide,
)
from plugin.domain.triage.vocabulary import MEASUREMENTS
from worker.acceptance.reference import Reference
from worker.clinical.flags import text_flags
from worker.measuring import MeasuredStudy, Segmenter, measure_paths
from worker.report import AnalysisIdentity
from worker.report.figures.sheet import contour_sheet

N_PICTURES = 6
_EJECTION_FRACTIONS = ("lv_ejection_fraction", "rv_ejection_fraction")


@dataclass(frozen=True, slots=True)
class Compared:
    """One study of the table, and what became of it here.

    Attributes
    ----------
    values
        Ours, by measurement key; empty when it was not analysed.
    refused
        Why it was not analysed; None when it was.
    decision
        Of the policy on our result, by the rules that the reference can answer (all of them where
        the hospital gave a priority); None when it was not analysed.
    urgent_by_policy
        What the policy says of the hospital's values; None when they are too few to tell.
    findings
        Keys of ours.
    group
        The one that our pattern resembles; empty when indeterminate or not analysed.
    """

    reference: Reference
    values: Mapping[str, float]
    refused: Reason | None
    decision: Decision | None
    urgent_by_policy: bool | None
    findings: frozenset[str] = frozenset()
    group: str = ""

    @property
    def is_urgent(self) -> bool | None:
        """Whether the hospital says so, else what the policy says of its values; None: unknown."""
        if self.reference.priority is not None:
            return self.reference.priority is not Priority.ROUTINE
        return self.urgent_by_policy

    @property
    def is_promoted(self) -> bool:
        """Whether we suggest to read it earlier; a study that was not analysed is not promoted."""
        return self.decision is not None and self.decision.level is not Priority.ROUTINE

    @property
    def error_points(self) -> float:
        """Largest difference of an ejection fraction, in points; 0 where none can be compared."""
        return max(
            (
                abs(self.values[key] - self.reference.values[key])
                for key in _EJECTION_FRACTIONS
                if key in self.values and key in self.reference.values
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All studies in the order of the table, and pictures (PNG) of those furthest off."""

    studies: tuple[Compared, ...]
    pictures: Sequence[tuple[Compared, bytes]]


def compare(
    references: Sequence[Reference],
    files_of: Callable[[str], Sequence[Path]],
    segmenter: Segmenter,
    policy: Policy,
    on_done: Callable[[Compared], None],
) -> Comparison:
    """Analyse every study of the table and keep pictures of the worst.

    Parameters
    ----------
    files_of
        Gives the DICOM files of a study by its name in the table; ``StudyRejectedError`` when there
        are none.
    on_done
        Called after each study.
    """
    studies: list[Compared] = []
    worst: list[tuple[float, int, bytes]] = []
    for number, (one, measured) in enumerate(_analysed(references, files_of, segmenter, policy)):
        studies.append(one)
        off = one.error_points
        if measured is not None and off > 0 and (len(worst) < N_PICTURES or off > worst[0][0]):
            picture = _picture(measured, segmenter)
            push = heapq.heappush if len(worst) < N_PICTURES else heapq.heapreplace
            push(worst, (off, -number, picture))
        on_done(one)
    pictures = [(studies[-minus], png) for _, minus, png in sorted(worst, reverse=True)]
    return Comparison(tuple(studies), pictures)


def _analysed(
    references: Sequence[Reference],
    files_of: Callable[[str], Sequence[Path]],
    segmenter: Segmenter,
    policy: Policy,
) -> Iterator[tuple[Compared, MeasuredStudy | None]]:
    for reference in references:
        by_policy, asked = _by_policy(reference, policy)
        try:
            measured = measure_paths(files_of(reference.study), segmenter)
        except (StudyRejectedError, ModelError) as error:
            yield Compared(reference, {}, error.reason, None, by_policy), None
            continue
        values = {
            one.key: one.value for one in measured.assessment.measurements if one.segment is None
        }
        flags = text_flags(measured.loaded.clinical)
        situation = Situation(policy if reference.priority is not None else asked)
        decision = situation.decide(measured.assessment, flags)
        found = frozenset(one.key for one in measured.assessment.findings)
        pattern = measured.assessment.pattern
        candidates = () if pattern is None else pattern.candidates
        group = candidates[0] if len(candidates) == 1 else ""
        yield Compared(reference, values, None, decision, by_policy, found, group), measured


def _by_policy(reference: Reference, policy: Policy) -> tuple[bool | None, Policy]:
    """Apply the policy to the hospital's values.

    Returns
    -------
    tuple
        Whether a rule is met (None: no rule could be judged), and the policy with the rules that
        could be: only those are then asked of ours.
    """
    values = {
        key: MeasuredValue(value, MEASUREMENTS[key].unit) for key, value in reference.values.items()
    }
    decision = decide(policy, TriageInputs(values))
    judged = tuple(rule for rule in policy.rules if rule.name not in decision.not_judged)
    urgent = decision.level is not Priority.ROUTINE if judged else None
    return urgent, replace(policy, rules=judged)


def _picture(measured: MeasuredStudy, segmenter: Segmenter) -> bytes:
    bundle = segmenter.bundle
    identity = AnalysisIdentity(
        software_version=version("cmr-triage"),
        bundle_name=bundle.name,
        bundle_version=bundle.version,
        bundle_digest=bundle.digest,
        input_digest=measured.loaded.input_digest,
    )
    page = contour_sheet(
        measured.loaded.stack, measured.segmentation.labels, measured.assessment, identity
    )
    data = BytesIO()
    Image.fromarray(page).save(data, "PNG", optimize=True)
    return data.getvalue()
