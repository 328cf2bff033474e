"""Small generated studies, and a segmenter that knows the truth of them: no model is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from worker.model.types import Segmentation
from worker.phantom.cine import PhantomCine, Protocol
from worker.phantom.study import GeneratedPatient, generate, write_study
from worker.volume.types import CineStack

SMALL = Protocol(
    n_phases=16, slice_distance_mm=10.0, pixel_mm=2.0, n_rows=112, n_columns=96, breath_hold_mm=0.0
)


@cache
def small_patient(kind: str = "healthy", seed: int = 3) -> GeneratedPatient:
    """Return a generated patient that is quick to analyse; the same every time."""
    return generate(kind, seed, protocol=SMALL)


@cache
def small_cine(kind: str = "healthy", seed: int = 3) -> PhantomCine:
    """Return the cine of ``small_patient``."""
    return small_patient(kind, seed).cine()


def write_small_study(folder: Path, kind: str = "healthy", seed: int = 3) -> list[Path]:
    """Write the DICOM files of ``small_patient``."""
    return write_study(small_patient(kind, seed).instances(), folder)


@dataclass
class StandInBundle:
    """A bundle's identity without a model."""

    name: str = "truth"
    version: str = "1"
    digest: str = "0" * 64
    manifest: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(files=(), evaluation=None, language=None)
    )


class TruthSegmenter:
    """Answers with the labels from which the images were generated.

    Attributes
    ----------
    n_calls
        How often it was asked.
    """

    def __init__(
        self, cine: PhantomCine | None = None, before: Sequence[Callable[[], None]] = ()
    ) -> None:
        self.bundle = StandInBundle()
        self.n_calls = 0
        self._cine = cine or small_cine()
        self._before = list(before)

    def segment(
        self, stack: CineStack, on_progress: Callable[[float], None] | None = None
    ) -> Segmentation:
        """Return the truth; first runs and forgets the next of ``before``."""
        self.n_calls += 1
        if self._before:
            self._before.pop(0)()
        assert stack.pixels.shape == self._cine.labels.shape
        if on_progress is not None:
            on_progress(1.0)
        confidence = np.ones(stack.pixels.shape[:2], dtype=np.float32)
        return Segmentation(self._cine.labels.astype(np.uint8), confidence)
