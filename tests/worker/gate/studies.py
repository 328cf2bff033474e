"""Small stacks of generated hearts and impostors, for the tests of the gate."""

from functools import cache

import numpy as np

from worker.phantom.cine import Protocol
from worker.phantom.impostors import IMPOSTORS
from worker.phantom.study import GeneratedPatient, build_study, generate, write_study
from worker.volume.types import CineStack

FEW = Protocol(
    n_phases=6, slice_distance_mm=10.0, pixel_mm=2.4, n_rows=80, n_columns=72, breath_hold_mm=0.5
)


@cache
def patient() -> GeneratedPatient:
    return generate("healthy", 3, protocol=FEW)


@cache
def cine(impostor: str | None = None):
    """Return the healthy heart of six phases, or what an impostor shows in its place."""
    if impostor is None:
        return patient().cine()
    return IMPOSTORS[impostor](cine(), np.random.default_rng(1))


def stack_of(made) -> CineStack:
    """Make the stack that loading the study would give."""
    origins = np.stack([made.position_mm(s) for s in range(made.pixels.shape[1])])
    return CineStack(
        pixels=made.pixels.astype(np.float32),
        affine=made.affine,
        slice_origins_mm=origins,
        trigger_times_ms=made.trigger_times_ms,
        frames=(),
        frame_of_reference_uid="",
        rr_interval_ms=made.rr_interval_ms,
    )


def write(folder, impostor: str | None = None):
    """Write the study as DICOM; headers are those of the true short axis."""
    return write_study(build_study(cine(impostor), patient().study), folder)
