"""One patient of an evaluation: contours compared, statements compared, how it was acquired."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.findings.volumes import body_surface_area_m2
from worker.training.evaluate import GROSS_DICE, GROSS_EF_POINTS, Case, PatientResult
from worker.training.judged import Judged


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one patient after its evaluation."""

    result: PatientResult
    judged: Judged
    n_slices: int
    in_plane_mm: float
    slice_distance_mm: float
    bsa_m2: float | None

    @classmethod
    def of(cls, case: Case, result: PatientResult, judged: Judged) -> "Outcome":
        """Join what was measured with how the images were acquired."""
        stack = case.stack
        return cls(
            result,
            judged,
            stack.n_slices,
            stack.column_spacing_mm,
            stack.slice_spacing_mm,
            body_surface_area_m2(case.context.height_cm, case.context.weight_kg),
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """What somebody needs to make the same page again.

    Attributes
    ----------
    data_digest
        SHA-256 over the files that were read, in the order of the patients.
    """

    bundle: str
    bundle_digest: str
    software_version: str
    data: str
    data_digest: str
    command: str
    seed: int


def badness(result: PatientResult) -> float:
    """Return how far a patient went wrong; above 1 is a gross failure."""
    lowest = min(result.dice["lv_ED"], result.dice["lv_ES"])
    off = abs(result.true["lvef_percent"] - result.measured["lvef_percent"])
    return max((1.0 - lowest) / (1.0 - GROSS_DICE), off / GROSS_EF_POINTS)


class Worst:
    """Keeps the worst patients of a run with their images, so that not all images are held."""

    def __init__(self, n: int = 6) -> None:
        self._n = n
        self._kept: list[tuple[PatientResult, Case, npt.NDArray[np.uint8]]] = []

    def offer(self, result: PatientResult, case: Case, labels: npt.NDArray[np.uint8]) -> None:
        """Keep a patient if it is among the worst so far."""
        self._kept.append((result, case, labels))
        self._kept.sort(key=lambda kept: -badness(kept[0]))
        del self._kept[self._n :]

    @property
    def kept(self) -> tuple[tuple[PatientResult, Case, npt.NDArray[np.uint8]], ...]:
        """Worst first."""
        return tuple(self._kept)
