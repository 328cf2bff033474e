"""The network of a bundle, read back from its graph, so that training can go on from it.

The graph keeps the names of the network's parameters. That what was read is the network is proved
by the bundle's own golden run, not assumed.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle
from worker.training.network import SegmentationNetwork

_WRAPPER = "network."
_CLOSEST = 1e-3


def network_of(bundle: Bundle) -> SegmentationNetwork:
    """Return the segmentation network of a bundle, in evaluation mode.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``: the graph is not that of a network of this version.
    """
    spec = bundle.manifest.graph("segmentation")
    if spec is None:
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: no segmentation")
    weights = _weights(onnx.load(bundle.folder / spec.file))
    channels = channels_of(weights)
    if not channels:
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: unnamed weights")
    network = SegmentationNetwork(channels)
    wanted = network.state_dict()
    differing = [name for name, value in wanted.items() if not _fits(weights.get(name), value)]
    if differing:
        detail = f"{bundle.name}: {differing[0]} and {len(differing) - 1} further weights differ"
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)
    network.load_state_dict({name: weights[name].reshape(wanted[name].shape) for name in wanted})
    network.eval()
    _require_golden(network, bundle)
    return network


def _weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    return {
        entry.name.removeprefix(_WRAPPER): torch.from_numpy(numpy_helper.to_array(entry).copy())
        for entry in model.graph.initializer
    }


def channels_of(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the channels of a network's levels by the shapes of its weights; none: not one."""
    found: list[int] = []
    while (first := weights.get(f"encoders.{len(found)}.0.0.weight")) is not None:
        found.append(int(first.shape[0]))
    return tuple(found)


def _fits(found: Tensor | None, wanted: Tensor) -> bool:
    return found is not None and found.numel() == wanted.numel()


def _require_golden(network: SegmentationNetwork, bundle: Bundle) -> None:
    golden = next(one for one in bundle.manifest.golden if one.role == "segmentation")
    with np.load(bundle.folder / golden.file) as stored, torch.inference_mode():
        scores = network(torch.from_numpy(stored["images"])).numpy()
        off = float(np.abs(scores - stored["scores"]).max())
    if not off < _CLOSEST * max(1.0, float(np.abs(scores).max())):
        detail = f"{bundle.name}: the weights read back answer otherwise"
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)
