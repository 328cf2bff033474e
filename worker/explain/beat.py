"""The two phases that the numbers of a study are read from, and the values that they give.

Knows how a value follows from labels of end-diastole and end-systole (`worker.findings` does the
arithmetic). Does not know what is hidden or left out.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from worker.findings.cycle import CardiacCycle
from worker.findings.measure import global_values
from worker.findings.segments import maximal_thickness_mm, phase_walls
from worker.findings.volumes import DiscVolumes, LabelArray, disc_volumes_ml
from worker.volume.types import CineStack, PatientContext

WALL = "maximal_wall_thickness"


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """End-diastole and end-systole.

    Attributes
    ----------
    stack
        Two phases, end-diastole first.
    labels
        uint8 ``[2, slice, row, column]``.
    """

    stack: CineStack
    labels: LabelArray
    patient: PatientContext

    @classmethod
    def of(
        cls,
        stack: CineStack,
        labels: npt.NDArray[np.uint8],
        phases: tuple[int, int],
        patient: PatientContext,
    ) -> "Beat":
        """Take end-diastole and end-systole out of a whole cine."""
        chosen = list(phases)
        two = replace(
            stack,
            pixels=stack.pixels[chosen],
            trigger_times_ms=stack.trigger_times_ms[chosen],
            frames=tuple(stack.frames[phase] for phase in chosen) if stack.frames else (),
        )
        return cls(two, labels[chosen], patient)

    def without_slice(self, slice_index: int) -> "Beat":
        """Return the same beat as if one slice had not been acquired."""
        kept = [z for z in range(self.stack.n_slices) if z != slice_index]
        stack = replace(
            self.stack,
            pixels=self.stack.pixels[:, kept],
            slice_origins_mm=self.stack.slice_origins_mm[kept],
            frames=(),
        )
        return replace(self, stack=stack, labels=self.labels[:, kept])

    def value(self, key: str) -> float | None:
        """Return a measurement of the whole heart, or None where the labels give none."""
        if self.stack.n_slices < 2:  # noqa: PLR2004 - no distance between slices
            return None
        if key == WALL:
            return maximal_thickness_mm(phase_walls(self.labels[0], self.stack))
        return value_of_volumes(key, disc_volumes_ml(self.labels, self.stack), self.patient)


def value_of_volumes(key: str, volumes: DiscVolumes, patient: PatientContext) -> float | None:
    """Return a measurement that follows from the volumes of the two phases, or None."""
    if volumes.lv_ml[0] <= 0.0:
        return None
    whole_beat = CardiacCycle(0, 1, ())
    with_right = bool(volumes.rv_ml[0] > 0.0)
    return global_values(volumes, whole_beat, None, patient, with_right=with_right).get(key)
