"""A quick look at how a network does on whole images while it is being trained (no clean-up).

Not the evaluation: that goes through the exported bundle and the runtime tower, see `evaluate`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from worker.model.resample import resample, resampled_size, resampling_matrix
from worker.training.cohorts import LabelledVolume

_NAMES = {1: "rv", 2: "myocardium", 3: "lv"}


def dice_on_whole_images(
    network: nn.Module, volumes: Sequence[LabelledVolume], spacing_mm: float = 1.5
) -> dict[str, float]:
    """Mean Dice per class over volumes, whole uncropped images, in the volumes' own pixels."""
    scores: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for volume in volumes:
        predicted = predict_labels(network, volume, spacing_mm)
        for label, values in scores.items():
            found, truth = predicted == label, volume.labels == label
            total = int(found.sum()) + int(truth.sum())
            values.append(2 * int((found & truth).sum()) / total if total else 1.0)
    result = {f"dice_{_NAMES[k]}": round(float(np.mean(v)), 4) for k, v in scores.items()}
    result["lv_below_0.8"] = sum(value < 0.8 for value in scores[3])  # noqa: PLR2004 - in the name
    return result


def predict_labels(
    network: nn.Module, volume: LabelledVolume, spacing_mm: float = 1.5
) -> np.ndarray:
    """Label a volume slice by slice: resample, pad, predict, resample back, argmax."""
    n_slices, n_rows, n_columns = volume.images.shape
    row_mm, column_mm = volume.spacing_mm
    rows_out = resampled_size(n_rows, row_mm, spacing_mm)
    columns_out = resampled_size(n_columns, column_mm, spacing_mm)
    small = resample(
        volume.images,
        resampling_matrix(n_rows, rows_out, spacing_mm / row_mm),
        resampling_matrix(n_columns, columns_out, spacing_mm / column_mm),
    )
    padded = np.pad(small, ((1, 1), (0, -rows_out % 16), (0, -columns_out % 16)))
    padded[0], padded[-1] = padded[1], padded[-2]
    inputs = np.stack([padded[z : z + 3] for z in range(n_slices)])
    with torch.inference_mode():
        chunks = [network(torch.from_numpy(inputs[z : z + 4])) for z in range(0, n_slices, 4)]
        p = torch.softmax(torch.cat(chunks), dim=1).numpy()[:, :, :rows_out, :columns_out]
    full = resample(
        p,
        resampling_matrix(rows_out, n_rows, row_mm / spacing_mm),
        resampling_matrix(columns_out, n_columns, column_mm / spacing_mm),
    )
    return np.asarray(full.argmax(axis=1), dtype=np.uint8)
