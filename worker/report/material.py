"""What all result objects of one analysis are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from plugin.domain.findings import Assessment
from plugin.domain.wording import Wording
from worker.clinical import ClinicalContext
from worker.explain import Explanation
from worker.report.figures.canvas import RgbArray
from worker.report.identity import AnalysisIdentity, ResultUids
from worker.volume.types import CineStack


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """What all forms of a report have in common, its content items as bytes.

    Attributes
    ----------
    root, measurements
        The root of the tree and the container of the measurements, for what they say themselves.
    before, groups, after
        What is below the root before the measurements, below the measurements, and below the root
        after them.
    evidence
        The item of Current Requested Procedure Evidence Sequence.
    """

    root: Dataset
    measurements: Dataset
    before: bytes
    groups: bytes
    after: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """One analysis as the builders of its objects see it.

    Attributes
    ----------
    reference
        Header of one image of the study, without pixels.
    labels
        uint8 ``[phase, slice, row, column]``: 1 RV cavity, 2 LV myocardium, 3 LV cavity.
    assessment
        With its English sentences.
    wording
        What a language model worded, in the language of the report; None: nothing.
    explanation
        What the first finding rests on; None when its value cannot be taken apart.
    pages
        The drawn pages by kind, uint8 ``[row, column, 3]``.
    pictures
        The same pages as PNG files.
    report
        What both forms of the report say, when it was made before.
    """

    reference: Dataset
    stack: CineStack
    labels: npt.NDArray[np.uint8]
    assessment: Assessment
    identity: AnalysisIdentity
    uids: ResultUids
    clinical: ClinicalContext
    wording: Wording | None = None
    explanation: Explanation | None = None
    pages: Mapping[str, RgbArray] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    report: ReportContent | None = None
