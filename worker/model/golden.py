"""The golden run: whether a graph, on this machine and device, still gives the stored answer."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.sessions import Device, GraphSession

MINIMUM_AGREEMENT = 0.999
# Outputs from which the highest score is chosen, and the axis of the choice.
CHOICES = {"scores": 1, "logits": -1}


def open_verified(bundle: Bundle, role: str, device: Device, threads: int = 0) -> GraphSession:
    """Open the graph with this role and hold it to the bundle's golden output.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: no such graph, no golden run for it, or another answer.
    ConfigurationError
        The runtime or the device is missing.
    """
    spec = bundle.manifest.graph(role)
    golden = [entry for entry in bundle.manifest.golden if entry.role == role]
    if spec is None or not golden:
        raise ModelError(Reason.BUNDLE_INVALID, f"no {role} graph with a golden run")
    session = GraphSession(bundle.folder / spec.file, spec, device, threads)
    for entry in golden:
        stored = _read(bundle.folder / entry.file)
        known = [tensor for tensor in spec.inputs if tensor.name in stored]
        outputs = session.run({t.name: stored[t.name].astype(t.dtype) for t in known})
        for name, output in zip(session.output_names, outputs, strict=True):
            _compare(output, stored.get(name), entry.minimum_cosine, device, CHOICES.get(name))
    return session


def cosine(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> float:
    """Cosine of the angle between two arrays seen as vectors."""
    x, y = a.astype(np.float64).reshape(-1), b.astype(np.float64).reshape(-1)
    norm = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / norm if norm else 0.0


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except (OSError, ValueError) as error:
        raise ModelError(Reason.BUNDLE_INVALID, f"{path.name} cannot be read") from error


def _compare(
    output: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float32] | None,
    minimum_cosine: float,
    device: Device,
    axis: int | None,
) -> None:
    if expected is None or expected.shape != output.shape:
        raise ModelError(Reason.BUNDLE_INVALID, "the golden output has another shape")
    agreement = 1.0
    if axis is not None:
        agreement = float(np.mean(output.argmax(axis=axis) == expected.argmax(axis=axis)))
    if cosine(output, expected) < minimum_cosine or agreement < MINIMUM_AGREEMENT:
        raise ModelError(Reason.BUNDLE_INVALID, f"the golden run differs on {device}")
