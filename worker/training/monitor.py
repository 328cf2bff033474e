"""A quick look at how a network does while it is being trained: views of the training size.

Centred on the drawn heart, without clean-up. Not the evaluation: that finds the heart itself and
goes through the exported bundle and the runtime tower, see `evaluate`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from worker.model.propagation import guide, middle_slice, outwards
from worker.model.resample import Float32Array, resample, resampled_size, resampling_matrix
from worker.training.cohorts import LabelledVolume
from worker.training.network import N_CLASSES

_NAMES = {1: "rv", 2: "myocardium", 3: "lv"}


def dice_in_views(
    network: nn.Module, volumes: Sequence[LabelledVolume], *, spacing_mm: float, size: int
) -> dict[str, float]:
    """Mean Dice per class over volumes, on the network's grid.

    Parameters
    ----------
    network
        In evaluation mode.
    volumes
        Fully labelled phases.
    spacing_mm, size
        Pixel size of the views, and their rows and columns.
    """
    scores: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for volume in volumes:
        images, labels = views_of(volume, spacing_mm=spacing_mm, size=size)
        predicted = propagated(network, images, middle_slice(labels))
        for label, values in scores.items():
            hit, truth = predicted == label, labels == label
            total = int(hit.sum()) + int(truth.sum())
            values.append(2 * int((hit & truth).sum()) / total if total else 1.0)
    result = {f"dice_{_NAMES[k]}": round(float(np.mean(v)), 4) for k, v in scores.items()}
    result["lv_below_0.8"] = sum(value < 0.8 for value in scores[3])  # noqa: PLR2004 - in the name
    return result


def propagated(network: nn.Module, images: Float32Array, middle: int) -> npt.NDArray[np.int64]:
    """Label slices from the middle outwards, each with its neighbour's labels.

    Parameters
    ----------
    network
        In evaluation mode.
    images
        ``[slice, 6, row, column]``.
    middle
        The slice to begin with.
    """
    found = np.zeros((len(images), *images.shape[2:]), dtype=np.int64)
    nothing = np.zeros((1, *images.shape[2:]), dtype=np.int64)
    device = next((one.device for one in network.parameters()), torch.device("cpu"))
    for z, neighbour in outwards(len(images), middle):
        known = nothing if neighbour is None else found[neighbour][None]
        inputs = np.concatenate((images[z : z + 1], guide(known)), axis=1)
        with torch.inference_mode():
            shown = torch.from_numpy(inputs).to(device)
            found[z] = network(shown).argmax(dim=1).cpu().numpy()[0]
    return found


def views_of(
    volume: LabelledVolume, *, spacing_mm: float, size: int
) -> tuple[Float32Array, npt.NDArray[np.int64]]:
    """Cut one view per slice around the drawn heart; air outside the field.

    Returns
    -------
    tuple
        Images ``[slice, 6, size, size]`` (slice z-1, z, z+1 of the phase, then of the opposite one)
        and labels ``[slice, size, size]``.
    """
    n_rows, n_columns = volume.images.shape[1:]
    row_mm, column_mm = volume.spacing_mm
    rows_out = resampled_size(n_rows, row_mm, spacing_mm)
    columns_out = resampled_size(n_columns, column_mm, spacing_mm)
    rows = resampling_matrix(n_rows, rows_out, spacing_mm / row_mm)
    columns = resampling_matrix(n_columns, columns_out, spacing_mm / column_mm)
    one_hot = np.stack([volume.labels == c for c in range(N_CLASSES)]).astype(np.float32)
    labels = resample(one_hot, rows, columns).argmax(axis=0)
    around = ((0, 0), (size, size), (size, size))
    opposite = volume.images if volume.opposite is None else volume.opposite
    phases = [np.pad(resample(one, rows, columns), around) for one in (volume.images, opposite)]
    labels = np.pad(labels, around)
    top, left = (
        ((int(hit[0]) + int(hit[-1]) + 1 if len(hit) else labels.shape[axis]) - size) // 2
        for axis, hit in enumerate(_hits(labels), start=1)
    )
    view = np.s_[:, top : top + size, left : left + size]
    order = np.arange(len(labels))
    below, above = np.maximum(order - 1, 0), np.minimum(order + 1, len(labels) - 1)
    shown = [phase[view][picked] for phase in phases for picked in (below, order, above)]
    return np.stack(shown, axis=1), labels[view]


def _hits(labels: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows and the columns that hold any label."""
    drawn = labels > 0
    return np.nonzero(drawn.any(axis=(0, 2)))[0], np.nonzero(drawn.any(axis=(0, 1)))[0]
