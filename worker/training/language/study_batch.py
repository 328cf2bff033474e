"""Studies and texts as padded tensors of one batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worker.model.language.vision import StudyFeatures, ViewFeatures
from worker.training.language.network import StudyTensors
from worker.training.language.view_encoder import N_VIEW_POSITIONS, ViewTensors

Ids = Sequence[int]


def study_tensors(studies: Sequence[StudyFeatures], texts: Sequence[Ids]) -> StudyTensors:
    """Pad studies to the most phases and slices among them; what is padded has no region.

    Parameters
    ----------
    studies
        At least one, with the same regions, features and measurements.
    texts
        Token ids of the clinical text of each; may be empty.
    """
    n_phases = max(len(one.phase_share) for one in studies)
    n_slices = max(len(one.level) for one in studies)
    n_regions, n_features = studies[0].regions.shape[2:]
    shape = len(studies), n_phases, n_slices, n_regions
    regions = np.full((*shape, n_features), np.nan, dtype=np.float32)
    phase_share = np.zeros((len(studies), n_phases), dtype=np.float32)
    position = np.zeros((len(studies), n_slices, 2), dtype=np.float32)
    level = np.zeros((len(studies), n_slices), dtype=np.int64)
    for index, one in enumerate(studies):
        phases, slices = one.regions.shape[:2]
        regions[index, :phases, :slices] = one.regions
        phase_share[index, :phases] = one.phase_share
        position[index, :slices] = one.slice_position
        level[index, :slices] = one.level
    there = np.asarray(np.isfinite(regions).all(axis=-1))
    measured = np.stack([one.measurements for one in studies])
    text_ids, text_mask = padded_ids(texts)
    return StudyTensors(
        features=torch.as_tensor(np.where(there[..., None], regions, np.float32(0))),
        region_mask=torch.as_tensor(there.astype(np.int64)),
        phase_share=torch.as_tensor(phase_share),
        slice_position=torch.as_tensor(position),
        level=torch.as_tensor(level),
        measurement_values=torch.as_tensor(np.nan_to_num(measured)),
        measurement_mask=torch.as_tensor(np.isfinite(measured).astype(np.int64)),
        text_ids=text_ids,
        text_mask=text_mask,
        views=_view_tensors([one.views for one in studies], n_regions, n_features),
    )


def _view_tensors(
    views: Sequence[ViewFeatures | None], n_regions: int, n_features: int
) -> ViewTensors | None:
    """Pad further images to the most of any study; None where no study has some."""
    n_images = max(0 if one is None else len(one.kind) for one in views)
    if not n_images:
        return None
    shape = len(views), n_images
    regions = np.full((*shape, n_regions, n_features), np.nan, dtype=np.float32)
    kind = np.zeros(shape, dtype=np.int64)
    phase_share = np.zeros(shape, dtype=np.float32)
    position = np.zeros((*shape, N_VIEW_POSITIONS), dtype=np.float32)
    for index, one in enumerate(views):
        if one is not None:
            own = slice(len(one.kind))
            regions[index, own], kind[index, own] = one.regions, one.kind
            phase_share[index, own], position[index, own] = one.phase_share, one.position
    there = np.asarray(np.isfinite(regions).all(axis=-1))
    return ViewTensors(
        features=torch.as_tensor(np.where(there[..., None], regions, np.float32(0))),
        region_mask=torch.as_tensor(there.astype(np.int64)),
        kind=torch.as_tensor(kind),
        phase_share=torch.as_tensor(phase_share),
        position=torch.as_tensor(position),
    )


def padded_ids(texts: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Return ids and mask, int64 ``[text, token]``, padded at the end; at least one token wide."""
    width = max(1, *(len(text) for text in texts))
    ids = torch.zeros(len(texts), width, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for index, text in enumerate(texts):
        ids[index, : len(text)] = torch.tensor(text, dtype=torch.int64)
        mask[index, : len(text)] = 1
    return ids, mask
