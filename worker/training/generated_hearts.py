"""Generated hearts as the stacks that loading their images would give."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from worker.phantom.anatomy import HeartKind, Person
from worker.phantom.cine import PhantomCine, Protocol, acquire
from worker.phantom.heart import sample_heart
from worker.volume.types import CineStack, PatientContext

_N_PHASES = 6


def generated_stacks(count: int, seed: int) -> Iterator[CineStack]:
    """Return the images of ``generated_cines``."""
    return map(stack_of, generated_cines(count, seed))


def generated_cines(count: int, seed: int) -> Iterator[PhantomCine]:
    """Draw hearts of every kind in turn, each imaged in its own way; the same for equal seeds."""
    kinds = list(HeartKind)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        heart = sample_heart(kinds[index % len(kinds)], rng)
        protocol = Protocol(
            n_phases=_N_PHASES,
            slice_distance_mm=float(rng.choice([8.0, 9.0, 10.0])),
            pixel_mm=float(rng.uniform(1.3, 2.1)),
            n_rows=144,
            n_columns=144,
            turn_deg=float(rng.uniform(-40, 40)),
            base_share=float(rng.uniform(-0.5, 0.5)),
            breath_hold_mm=float(rng.uniform(0.3, 1.5)),
            harsh=bool(rng.random() < 1 / 3),
        )
        yield acquire(heart, protocol, rng)


def stack_of(cine: PhantomCine) -> CineStack:
    """Return what loading the images of a generated cine would give."""
    n_slices = cine.pixels.shape[1]
    return CineStack(
        pixels=cine.pixels.astype(np.float32),
        affine=cine.affine,
        slice_origins_mm=np.stack([cine.position_mm(index) for index in range(n_slices)]),
        trigger_times_ms=cine.trigger_times_ms,
        frames=(),
        frame_of_reference_uid="",
        rr_interval_ms=cine.rr_interval_ms,
    )


def ends_of(cine: PhantomCine) -> PhantomCine:
    """Keep end-diastole and the phase nearest to end-systole."""
    kept = [cine.ed_phase, cine.es_phase]
    return replace(
        cine,
        pixels=cine.pixels[kept],
        labels=cine.labels[kept],
        trigger_times_ms=cine.trigger_times_ms[kept],
        ed_phase=0,
        es_phase=1,
    )


def patient_of(person: Person) -> PatientContext:
    """Return what the headers would tell about a generated patient."""
    return PatientContext(
        person.sex.value, person.age_years, 100 * person.height_m, person.weight_kg
    )
