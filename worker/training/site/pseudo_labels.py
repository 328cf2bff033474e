"""Contours of a network on studies that nobody contoured, and which of them may teach it.

A study counts only when the network is sure of every slice, says the same when the grey values are
bent, and found a left ventricle that the measurements accept. What passes is still the opinion of
a network: training on it adapts to the look of the images and cannot correct a steady mistake.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError
from worker.findings.checks import require_heart
from worker.findings.cycle import find_cycle
from worker.findings.volumes import disc_volumes_ml
from worker.model.beat import phases_to_look_at
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.training.cohorts import LabelledVolume
from worker.training.evaluate import dice_coefficient
from worker.training.site.studies import SiteStudy, at_phases, volume_of

_STRUCTURES = (1, 2, 3)
_BENT = 1.35
"""Exponent of the second look: darker mid-greys, as another scanner's window may give."""


@dataclass(frozen=True, slots=True)
class ConfidenceGate:
    """What both phases of a study must reach.

    The limits are set on patients that a tower never saw (docs/training.md): above them no contour
    failed grossly, and most of a good tower's studies pass, few of a weak one's.

    Attributes
    ----------
    mean, weakest
        Of the network's confidence (0 to 1, not calibrated) over the slices with contours.
    agreement
        Smallest Dice of a structure between two looks at different grey values.
    """

    mean: float = 0.885
    weakest: float = 0.74
    agreement: float = 0.92


@dataclass(frozen=True, slots=True, eq=False)
class PseudoLabelled:
    """End-diastole and end-systole of one study with the network's contours and its doubts."""

    patient: str
    volumes: tuple[LabelledVolume, LabelledVolume]
    confidence: float
    weakest: float
    agreement: float

    def passes(self, gate: ConfidenceGate) -> bool:
        """Tell whether a network may learn from it."""
        return (
            self.confidence >= gate.mean
            and self.weakest >= gate.weakest
            and self.agreement >= gate.agreement
        )


def pseudo_label(
    tower: SegmentationTower, studies: Iterable[SiteStudy], left_out: Counter[str]
) -> Iterator[PseudoLabelled]:
    """Contour studies one by one; count those without a heart that can be measured."""
    for study in studies:
        try:
            yield _pseudo_label(tower, study)
        except ModelError as error:
            left_out[error.reason.value] += 1


def _pseudo_label(tower: SegmentationTower, study: SiteStudy) -> PseudoLabelled:
    looked_at = phases_to_look_at(study.stack.n_phases)
    some = at_phases(study.stack, looked_at)
    first = tower.segment(some)
    volumes = disc_volumes_ml(first.labels, some)
    cycle = find_cycle(volumes.lv_ml, some.trigger_times_ms, some.rr_interval_ms)
    require_heart(first.labels, volumes, cycle.ed_phase)
    ends = [cycle.ed_phase, cycle.es_phase]
    two = at_phases(some, ends)
    bent = replace(two, pixels=_bent(two.pixels))
    second = tower.segment(bent).labels
    labels = first.labels[ends]
    ed, es = (looked_at[phase] for phase in ends)
    mean, weakest = _confidence(first, ends)
    return PseudoLabelled(
        study.patient,
        (volume_of(study, ed, es, labels[0]), volume_of(study, es, ed, labels[1])),
        mean,
        weakest,
        min(
            dice_coefficient(labels[k] == value, second[k] == value)
            for k in range(len(ends))
            for value in _STRUCTURES
        ),
    )


def _confidence(found: Segmentation, phases: list[int]) -> tuple[float, float]:
    """Return mean and smallest confidence over the slices of ``phases`` that have contours."""
    drawn = found.labels[phases].any(axis=(2, 3))
    values = found.confidence[phases][drawn]
    return float(values.mean()), float(values.min())


def _bent(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) / max(high - low, 1e-6)
    return np.asarray(low + (high - low) * scaled**_BENT, dtype=np.float32)
