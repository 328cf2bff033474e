"""What builders of result objects work on: sample stacks, and generated studies read from files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.generated import SMALL
from tests.worker.report import samples
from worker.clinical import ClinicalContext
from worker.phantom.study import generate, write_study
from worker.report.identity import ResultUids
from worker.report.material import Material
from worker.volume import load_study

STUDY_KINDS = ("a series per slice", "one series", "multi-frame")


def material(loaded: Any, labels: np.ndarray) -> Material:
    identity = samples.identity()
    return Material(
        loaded.reference,
        loaded.stack,
        labels,
        samples.assessment(labels),
        identity,
        ResultUids(str(loaded.reference.StudyInstanceUID), identity, "digest"),
        ClinicalContext(),
    )


def sample(kind: str = "one series") -> tuple[samples.LoadedSample, np.ndarray]:
    """Return a small oblique stack of one of ``STUDY_KINDS`` and its labels."""
    loaded, found = samples.loaded_sample(n_phases=3, n_slices=4, size=50)
    if kind == "multi-frame":
        loaded = samples.as_multi_frame(loaded)
    if kind == "one series":
        frames = tuple(
            tuple(replace(frame, series_instance_uid="2.25.40") for frame in row)
            for row in loaded.stack.frames
        )
        loaded = replace(loaded, stack=replace(loaded.stack, frames=frames))
    return loaded, found.labels


def generated(folder: Path, **options: Any) -> tuple[Material, list[Path]]:
    """Write a generated study, load it and return it with its true labels and its files."""
    patient = generate("healthy", 3, protocol=SMALL, **options)
    paths = write_study(patient.instances(), folder)
    loaded = load_study(paths)
    return material(loaded, patient.cine().labels.astype(np.uint8)), paths
