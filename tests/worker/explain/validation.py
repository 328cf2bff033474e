"""Whether a map of importance is one: deletion curves on generated hearts with the real tower."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from plugin.domain.findings import Assessment
from worker.explain import Occlusion, PartKind
from worker.explain.beat import Beat
from worker.explain.occlusion import cut_to_heart, hidden, look, regions
from worker.findings import assess
from worker.model.tower import SegmentationTower
from worker.model.types import Segmentation
from worker.phantom.cine import Protocol
from worker.phantom.study import generate
from worker.volume.types import CineStack, PatientContext

PATIENT = PatientContext("M", 60.0, 175.0, 75.0, 1.5)
_PROTOCOL = Protocol(
    n_phases=4, slice_distance_mm=18.0, pixel_mm=1.6, n_rows=112, n_columns=112, breath_hold_mm=0.0
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A generated heart with its true labels, measured."""

    stack: CineStack
    labels: np.ndarray
    assessment: Assessment

    @property
    def beat(self) -> Beat:
        """End-diastole and end-systole, cut to the heart."""
        phases = (self.assessment.ed_phase, self.assessment.es_phase)
        return cut_to_heart(Beat.of(self.stack, self.labels, phases, PATIENT))


@cache
def example(kind: str = "dilated", seed: int = 3) -> Example:
    """Return a generated heart with few slices."""
    cine = generate(kind, seed, protocol=_PROTOCOL).cine()
    n_slices = cine.pixels.shape[1]
    stack = CineStack(
        pixels=cine.pixels.astype(np.float32),
        affine=cine.affine,
        slice_origins_mm=cine.affine[:3, 3] + np.arange(n_slices)[:, None] * cine.affine[:3, 2],
        trigger_times_ms=cine.trigger_times_ms,
        frames=(),
        frame_of_reference_uid="",
        rr_interval_ms=cine.rr_interval_ms,
    )
    labels = cine.labels.astype(np.uint8)
    sure = Segmentation(labels, np.ones(labels.shape[:2], np.float32))
    return Example(stack, labels, assess(stack, sure, PATIENT))


def slice_order(occlusion: Occlusion) -> list[int]:
    """Return the slices, the one that moves the value most first."""
    moved = {
        part.index: abs(occlusion.unhidden if part.value is None else occlusion.moved(part))
        for part in occlusion.parts
        if part.kind is PartKind.SLICE
    }
    return sorted(moved, key=moved.get, reverse=True)


def deletion_curve(
    tower: SegmentationTower, beat: Beat, key: str, order: Sequence[int], n_steps: int
) -> list[float]:
    """How far the value has moved after 1, 2, ... ``n_steps`` slices were hidden in an order.

    A value that is lost altogether has moved by all of itself.
    """
    region_of = {z: r for kind, z, r in regions(beat, with_segments=False)}
    unhidden = look(tower, beat).value(key)
    covered, moved = np.zeros(beat.labels.shape, dtype=bool), []
    for z in order[:n_steps]:
        covered = covered | region_of[z]
        after = look(tower, hidden(beat, covered))
        value = None if after is None else after.value(key)
        moved.append(abs((value or 0.0) - unhidden))
    return moved
